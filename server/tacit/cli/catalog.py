"""What there is, and folders in and out: `tacit list`, `export` and `import`."""

from __future__ import annotations

from pathlib import Path

import click

from tacit.cli.layout import table
from tacit.cli.references import reference
from tacit.cli.terminal import Session, use_case
from tacit.plain_text import made_plain
from tacit.texts import effects_text


@click.command(name="list")
@click.option("--all", "include_deprecated", is_flag=True, help="Deprecated and archived ones as well.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@click.option("--after", metavar="ID", default="", help="Only those whose ids come after this one.")
@use_case()
def list_all(session: Session, *, include_deprecated: bool, limit: int, after: str) -> None:
    """List the capabilities, by id.

    Where there are more than are shown, a line on stderr says how many and how to see them.
    """
    with session.service() as service:
        rows = service.list(include_deprecated=include_deprecated, limit=limit, after=after)
        last = rows[-1]["id"] if rows else after
        more = service.count(include_deprecated=include_deprecated, after=last) if len(rows) == limit else 0
    cells = [
        [row["id"], row["version"], row["status"], effects_text(row["effects"]), made_plain(row["summary"])]
        for row in rows
    ]
    session.show(rows, table(["ID", "VERSION", "STATUS", "EFFECTS", "SUMMARY"], cells))
    if more:
        click.echo(f"{more:,} more; `tacit list --after {last}` goes on.", err=True)


@click.command()
@click.argument("capability", metavar="ID[@N]")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option("--version", type=click.IntRange(min=1), help="A version other than the current one, as in ID@N.")
@use_case()
def export(session: Session, capability: str, folder: Path, version: int | None) -> None:
    """Write a capability as a folder into FOLDER."""
    name, number = reference(capability, version)
    with session.service() as service:
        written = service.export(name, folder, number)
    session.show({"folder": str(written)}, str(written))


@click.command(name="import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@use_case()
def import_folder(session: Session, folder: Path) -> None:
    """Register the capability in FOLDER, as export writes it."""
    with session.service() as service:
        version = service.import_folder(folder)
    session.show(version, f"{version['id']}@{version['version']}")


COMMANDS = [list_all, export, import_folder]
