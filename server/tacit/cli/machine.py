"""`tacit setup`, `tacit doctor` and `tacit install`: this machine and the clients on it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from tacit.cli.clients import CLIENTS, configuration, install_into, server_command
from tacit.cli.layout import table
from tacit.cli.terminal import Session, as_json, report, use_case
from tacit.errors import EmbedderMissing, TacitError
from tacit.models import Check


@click.command()
@use_case(prints_data=False)
def setup(session: Session) -> None:
    """Install what builds and search need; what is done is skipped."""
    arguments = ["-m", "tacit_builder.setup", "--cache", str(session.settings.cache)]
    done = subprocess.run([sys.executable, *arguments], check=False)
    if done.returncode:
        raise click.exceptions.Exit(1)


@click.command()
@click.option("--full", is_flag=True, help="Read every version there is, not only some.")
@use_case()
def doctor(session: Session, *, full: bool) -> None:
    """Check what Tacit needs, and say what is missing."""
    checks = _checks(session, full=full)
    rows = [["ok" if check.ok else "MISSING", check.name, check.detail] for check in checks]
    session.show([check.model_dump() for check in checks], table(["STATE", "WHAT", "DETAIL"], rows))
    if not all(check.ok for check in checks):
        raise click.exceptions.Exit(1)


def _checks(session: Session, *, full: bool) -> list[Check]:
    try:
        with session.service() as service:
            return service.doctor(full=full)
    except TacitError as error:
        name = "search" if isinstance(error, EmbedderMissing) else "data folder"
        return [Check(name=name, ok=False, detail=str(error))]


@click.command()
@click.argument("client", type=click.Choice(sorted(CLIENTS)), default="claude")
@click.option("--print", "only_print", is_flag=True, help="Print the configuration instead of writing it.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="The data folder that the client's server uses.",
)
def install(client: str, data: Path | None, *, only_print: bool) -> None:
    """Write the server into the configuration of CLIENT."""
    entry = server_command(data.resolve() if data else None)
    if only_print:
        click.echo(as_json(configuration(CLIENTS[client], entry)))
        return
    try:
        path = install_into(CLIENTS[client], entry)
    except TacitError as error:
        raise click.exceptions.Exit(report(error)) from error
    click.echo(f"Tacit is in {path}. Restart {CLIENTS[client].title} to connect.")


COMMANDS = [setup, doctor, install]
