"""Looking at what is kept, keeping it, and folders in and out: `tacit list`, `show`, `history`, `export` and so on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tacit.cli.layout import date, table
from tacit.cli.terminal import Session, as_json, use_case
from tacit.models import Permissions
from tacit.texts import compact, effects_text, permissions_text


@click.command(name="list")
@click.option("--all", "include_deprecated", is_flag=True, help="Deprecated ones as well.")
@use_case()
def list_all(session: Session, *, include_deprecated: bool) -> None:
    """List the capabilities."""
    with session.service() as service:
        rows = service.list(include_deprecated=include_deprecated)
    cells = [[row["id"], row["version"], row["status"], effects_text(row["effects"]), row["summary"]] for row in rows]
    session.show(rows, table(["ID", "VERSION", "STATUS", "EFFECTS", "SUMMARY"], cells))


@click.command()
@click.argument("capability", metavar="ID")
@click.option("--version", type=click.IntRange(min=1), help="A version other than the current one.")
@use_case()
def show(session: Session, capability: str, version: int | None) -> None:
    """Show a capability: manifest, source, tests and lineage."""
    with session.service() as service:
        found = service.show(capability, version)
    session.show(found, _described(found))


@click.command()
@click.argument("capability", metavar="ID")
@use_case()
def history(session: Session, capability: str) -> None:
    """List a capability's versions, oldest first."""
    with session.service() as service:
        versions = service.history(capability)
    cells = [
        [
            row["version"],
            row["status"],
            row["parent"] or "-",
            row["author"],
            date(row["created"]),
            effects_text(row["effects"]),
        ]
        for row in versions
    ]
    session.show(versions, table(["VERSION", "STATUS", "PARENT", "AUTHOR", "CREATED", "EFFECTS"], cells))


@click.command()
@click.argument("capability", metavar="ID")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option("--version", type=click.IntRange(min=1), help="A version other than the current one.")
@use_case()
def export(session: Session, capability: str, folder: Path, version: int | None) -> None:
    """Write a capability as a folder into FOLDER."""
    with session.service() as service:
        written = service.export(capability, folder, version)
    session.show({"folder": str(written)}, str(written))


@click.command(name="import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@use_case()
def import_folder(session: Session, folder: Path) -> None:
    """Register the capability in FOLDER, as export writes it."""
    with session.service() as service:
        version = service.import_folder(folder)
    session.show(version, f"{version['id']}@{version['version']}")


@click.command()
@click.argument("capability", metavar="ID")
@click.option("--version", type=click.IntRange(min=1), help="Only this version; else the whole capability.")
@click.option("--successor", metavar="ID", help="The capability to run instead.")
@use_case()
def deprecate(session: Session, capability: str, version: int | None, successor: str | None) -> None:
    """Stop offering a capability, or one version of it."""
    with session.service() as service:
        service.deprecate(capability, version, successor)
    session.show({"id": capability, "version": version, "status": "deprecated"}, f"{capability} is deprecated")


@click.command()
@click.argument("capability", metavar="ID")
@click.option("--version", type=click.IntRange(min=1), help="Only this version; else the whole capability.")
@use_case()
def restore(session: Session, capability: str, version: int | None) -> None:
    """Offer a deprecated capability, or one version of it, again."""
    with session.service() as service:
        service.restore(capability, version)
    session.show({"id": capability, "version": version, "status": "active"}, f"{capability} is active")


def _described(found: dict[str, Any]) -> str:
    facts = {
        "id": f"{found['id']}@{found['version']}",
        "summary": found["summary"],
        "status": found["status"],
        "successor": found["successor"],
        "effects": effects_text(found["effects"]),
        "not granted": permissions_text(Permissions.model_validate(found["permissions_not_granted"] or {})),
        "parent": found["parent"],
        "author": found["author"],
        "toolchain": found["toolchain"],
        "created": date(found["created"]),
        "input schema": compact(found["manifest"]["input_schema"]),
        "output schema": compact(found["manifest"]["output_schema"]),
    }
    width = max(map(len, facts))
    lines = [f"{name.ljust(width)}  {value}" for name, value in facts.items() if value]
    sources = [f"\n--- {path}\n{text.rstrip()}" for path, text in found["source"].items()]
    return "\n".join([*lines, *sources, f"\n--- tests\n{as_json(found['tests'])}"])


COMMANDS = [list_all, show, history, export, import_folder, deprecate, restore]
