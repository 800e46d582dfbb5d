"""`tacit builds`: what was built, by whom, at what cost, and what came of it."""

from __future__ import annotations

from typing import Any

import click

from tacit.cli.layout import cut, date, facts, indented, table
from tacit.cli.terminal import Session, use_case
from tacit.cli.transcripts import transcript_text
from tacit.cli.usage import used_text, with_cost
from tacit.models import MutateAnswer, Usage
from tacit.plain_text import made_plain
from tacit.prices import Prices
from tacit.texts import compact, mutate_text

MAX_TASK = 60


@click.command()
@click.argument("job", metavar="[JOB]", required=False)
@click.option("-n", "limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="At most so many.")
@click.option("--transcript", is_flag=True, help="Of JOB: what its author and the language model said to each other.")
@use_case()
def builds(session: Session, job: str | None, limit: int, *, transcript: bool) -> None:
    """List the newest builds, or show one.

    With JOB: its request, how far it came, its answer, what it used, and what its author had learnt.
    """
    if job is None and transcript:
        raise click.UsageError("--transcript needs a JOB.")
    prices = Prices.of(session.settings)
    with session.service() as service:
        found = service.builds(limit) if job is None else [service.build(job)]
    found = [with_cost(each, prices) for each in found]
    if job is None:
        session.show(found, _table(found))
    elif transcript:
        session.show(found[0]["transcript"], transcript_text(found[0]["transcript"]))
    else:
        session.show(found[0], made_plain(_described(found[0], prices)))


def _table(found: list[dict[str, Any]]) -> str:
    if not found:
        return "Nothing was built yet."
    rows = [
        [
            each["job"],
            date(each["started"]),
            _made(each),
            each["status"],
            _duration(each),
            f"{Usage.model_validate(each['usage']).tokens:,}",
            made_plain(cut(each["task"], MAX_TASK)),
        ]
        for each in found
    ]
    return table(["JOB", "STARTED", "CAPABILITY", "STATUS", "SECONDS", "TOKENS", "TASK"], rows)


def _described(found: dict[str, Any], prices: Prices | None) -> str:
    lines = facts(
        {
            "job": found["job"],
            "capability": _made(found),
            "status": found["status"],
            "stage": found["stage"],
            "message": "" if found["answer"] else found["message"],
            "started": date(found["started"]),
            "seconds": _duration(found),
            "task": found["task"],
            "author": found["author"],
            "used": used_text(Usage.model_validate(found["usage"]), prices),
            "learnt": found["learnt"],
            "request": compact(found["request"]) if found["request"] else "",
        }
    )
    if found["answer"]:
        lines += ["answer", indented(mutate_text(MutateAnswer.model_validate(found["answer"])))]
    if found["transcript"]:
        lines.append(f"transcript: {len(found['transcript'])} turns; --transcript prints them")
    return "\n".join(lines)


def _made(found: dict[str, Any]) -> str:
    name = found["capability"] or "-"
    return f"{name}@{found['version']}" if found["version"] else name


def _duration(found: dict[str, Any]) -> str:
    return f"{(found['ended'] - found['started']) / 1000:.1f}" if found["ended"] else "-"


COMMANDS = [builds]
