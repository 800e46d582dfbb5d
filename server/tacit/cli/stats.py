"""`tacit stats`: what sessions did with programs, the level that each earned, and the tokens that it saved."""

from __future__ import annotations

from typing import Any

import click

from tacit.cli.layout import cut, date, table
from tacit.cli.terminal import Session, use_case
from tacit.plain_text import made_plain

MAX_SESSION = 40


@click.command()
@use_case()
def stats(session: Session) -> None:
    """Show levels and tokens saved by programs, session by session."""
    with session.service() as service:
        found = service.stats()
    session.show(found, made_plain(_described(found)))


def _described(found: dict[str, Any]) -> str:
    sessions: list[dict[str, Any]] = found["sessions"]
    if not sessions:
        return "No program was used yet."
    rows = [
        [
            cut(each["session"], MAX_SESSION),
            date(each["started"]),
            f"{each['level']} {each['level_name']}",
            each["compiled"],
            len(each["programs"]),
            each["runs"],
            f"{each['tokens_saved']:,}",
        ]
        for each in sessions
    ]
    headings = ["SESSION", "STARTED", "LEVEL", "COMPILED", "PROGRAMS", "RUNS", "TOKENS SAVED"]
    counted = [*sessions, found["earlier"]]
    runs, saved = sum(each["runs"] for each in counted), sum(each["tokens_saved"] for each in counted)
    total = f"{found['made']} made here, {runs} runs, {saved:,} tokens saved"
    if found["earlier"]["runs"]:
        total += f" ({found['earlier']['runs']} of the runs in earlier sessions)"
    return f"{table(headings, rows)}\n{total}"


COMMANDS = [stats]
