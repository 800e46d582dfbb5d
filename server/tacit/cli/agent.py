"""`tacit agent`: a language model that solves tasks with capabilities."""

from __future__ import annotations

import os
import threading
from functools import partial

import click

from tacit.cli.terminal import Session, as_json, use_case, write
from tacit.config import Settings
from tacit.errors import InvalidArgument

INSTEAD = "set TACIT_AGENT_TOKEN instead."


@click.command()
@click.argument("task", required=False)
@click.option("--url", help="A server that runs already, such as http://127.0.0.1:8765/mcp; else one is started.")
@click.option("--token", help="The server's bearer token, seen by others in the list of processes; " + INSTEAD)
@click.option("--until-stdin-ends", "tied", is_flag=True, hidden=True)
@use_case()
def agent(session: Session, task: str | None, url: str | None, token: str | None, *, tied: bool) -> None:
    """Solve TASK with capabilities; without one, hold a conversation."""
    if tied:
        threading.Thread(target=_end_with_stdin, name="lifeline", daemon=True).start()
    # The MCP client takes most of a second to load, which no other command needs.
    from tacit.agent import Address, converse, record, solve

    if token and not url:
        raise InvalidArgument("--token is for a server at --url.", hint="Give both, or neither.")
    warn = partial(click.echo, err=True)
    if token:
        warn(f"tacit: Others on this machine can read --token in the list of processes; {INSTEAD}")
    address = Address(url, token or _configured(session.settings))
    if session.as_json:
        if task is None:
            raise InvalidArgument("--json needs a task.", hint='Say `tacit agent --json "the task"`.')
        write(as_json(record(session.settings, address, task, warn)))
    elif task is not None:
        solve(session.settings, address, task, write)
    elif not converse(session.settings, address, write, warn):
        raise click.exceptions.Exit(1)


def _configured(settings: Settings) -> str | None:
    return settings.agent_token.get_secret_value() if settings.agent_token else None


def _end_with_stdin() -> None:
    """End this process when stdin ends, which a program's run that waits for the answer holds open."""
    while os.read(0, 1 << 16):
        pass
    os._exit(1)


COMMANDS = [agent]
