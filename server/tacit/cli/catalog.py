"""What there is, and folders in and out: `tacit list`, `export` and `import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tacit.cli.layout import table
from tacit.cli.references import reference
from tacit.cli.terminal import Session, report, use_case
from tacit.errors import BuildRefused, RequestError
from tacit.plain_text import made_plain
from tacit.texts import effects_text

if TYPE_CHECKING:
    from tacit.service import Service

PROGRESS_EVERY = 100
"""Folders between two lines on stderr."""
PROGRESS_SECONDS = 10.0
"""Seconds between two lines on stderr while vectors are made; a batch takes about one."""


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
@click.argument(
    "folders",
    metavar="FOLDER...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@use_case()
def import_folders(session: Session, folders: tuple[Path, ...]) -> None:
    """Register the capability in each FOLDER, as export writes it.

    Of several, the others are registered where one cannot be, and stderr says how far it is; then they are made
    ready to be searched by meaning, which takes longer and may be interrupted: what is left is done by a server.
    """
    with session.service() as service:
        if len(folders) == 1:
            version = service.import_folder(folders[0])
            session.show(version, _named(version))
            return
        imported, failed = _import_each(service, folders)
        session.show(imported, "\n".join(map(_named, imported)))
        _embed(service)
    if failed:
        raise click.exceptions.Exit(1)


def _import_each(service: Service, folders: tuple[Path, ...]) -> tuple[list[dict[str, Any]], int]:
    """Return what was imported, and how many folders could not be, each of which stderr names."""
    imported: list[dict[str, Any]] = []
    failed = 0
    for number, folder in enumerate(folders, start=1):
        try:
            imported.append(service.import_folder(folder))
        except (RequestError, BuildRefused) as error:
            failed += 1
            report(error)
        if number % PROGRESS_EVERY == 0 or number == len(folders):
            click.echo(f"{number:,} of {len(folders):,} folders read, {failed:,} refused", err=True)
    return imported, failed


def _embed(service: Service) -> None:
    """Make vectors of what has none, as long as that gets on; stderr says how many are left."""
    left = service.embed_missing(0)
    while left:
        click.echo(f"{left:,} are not searched by meaning yet; their words are", err=True)
        before, left = left, service.embed_missing(PROGRESS_SECONDS)
        if left >= before:  # the embedder fails, or others import faster: a server goes on
            return


def _named(version: dict[str, Any]) -> str:
    return f"{version['id']}@{version['version']}"


COMMANDS = [list_all, export, import_folders]
