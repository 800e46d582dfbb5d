"""`tacit search`, `tacit run` and `tacit replay`."""

from __future__ import annotations

import click

from tacit.cli.references import reference
from tacit.cli.terminal import Session, as_json, interruptible, read_stdin, use_case
from tacit.models import RunAnswer
from tacit.texts import run_line, search_text


@click.command()
@click.argument("query")
@click.option("-k", default=3, show_default=True, help="How many hits at most.")
@use_case()
def search(session: Session, query: str, k: int) -> None:
    """Find capabilities for a task in plain words."""
    with session.service() as service:
        answer = service.search(query, k)
    session.show(answer.model_dump(mode="json"), search_text(answer))


@click.command()
@click.argument("capability", metavar="ID[@N]")
@click.argument("data_text", metavar="[JSON|-]", default="{}")
@click.option("--version", type=click.IntRange(min=1), help="A version other than the current one, as in ID@N.")
@click.option("--energy", type=click.IntRange(min=1), help="A lower energy limit for this run.")
@click.option("--fresh", is_flag=True, help="Run even where the answer is remembered.")
@use_case()
def run(
    session: Session, capability: str, data_text: str, version: int | None, energy: int | None, *, fresh: bool
) -> None:
    """Run capability ID on JSON, or on what stdin holds."""
    text = read_stdin() if data_text == "-" else data_text.encode(errors="surrogateescape")
    name, number = reference(capability, version)
    with session.service() as service:
        answer = interruptible(
            lambda stop: service.run(name, text, version=number, energy=energy, fresh=fresh, cancellation=stop)
        )
    _show_run(session, answer)


@click.command()
@click.argument("run_id", metavar="RUN")
@use_case()
def replay(session: Session, run_id: str) -> None:
    """Run a recorded run again without touching the world."""
    with session.service() as service:
        answer = interruptible(lambda _: service.replay(run_id))
    _show_run(session, answer)


def _show_run(session: Session, answer: RunAnswer) -> None:
    session.show(answer.model_dump(mode="json"), as_json(answer.output))
    if not session.as_json:
        click.echo(run_line(answer), err=True)


COMMANDS = [search, run, replay]
