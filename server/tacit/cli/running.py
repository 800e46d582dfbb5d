"""`tacit search`, `tacit run` and `tacit replay`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tacit.cli.authoring import build_to_its_end
from tacit.cli.references import reference
from tacit.cli.terminal import Session, as_json, interruptible, read_stdin, report, use_case
from tacit.errors import TacitError
from tacit.models import MutateRequest, RunAnswer
from tacit.plain_text import escaped, made_plain
from tacit.texts import answer_observations, mutate_text, run_line, search_text

if TYPE_CHECKING:
    from tacit.service import Service


@click.command()
@click.argument("query")
@click.option("-k", default=3, show_default=True, help="How many hits at most.")
@use_case()
def search(session: Session, query: str, k: int) -> None:
    """Find capabilities for a task in plain words."""
    with session.service() as service:
        answer = service.search(query, k)
    session.show(answer.model_dump(mode="json"), escaped(search_text(answer)))


@click.command()
@click.argument("capability", metavar="ID[@N]")
@click.argument("data_text", metavar="[JSON|-]", default="{}")
@click.option("--version", type=click.IntRange(min=1), help="A version other than the current one, as in ID@N.")
@click.option(
    "--energy", type=click.IntRange(min=1), help="A lower limit of this run, in fuel: 10000 are a unit of programs."
)
@click.option("--fresh", is_flag=True, help="Run even where the answer is remembered.")
@use_case()
def run(
    session: Session, capability: str, data_text: str, version: int | None, energy: int | None, *, fresh: bool
) -> None:
    """Run capability ID on JSON, or on what stdin holds.

    Where it fails again by its own fault and a language model is configured, the command waits for the repair.
    """
    text = read_stdin() if data_text == "-" else data_text.encode(errors="surrogateescape")
    name, number = reference(capability, version)
    with session.service() as service:
        try:
            answer = interruptible(
                lambda stop: service.run(name, text, version=number, energy=energy, fresh=fresh, cancellation=stop)
            )
        except TacitError as error:
            if "repair" not in error.details:
                raise
            code = report(error, in_json=session.as_json)
            _await_repair(service, error.details["repair"])
            raise click.exceptions.Exit(code) from error
    _show_run(session, answer)


@click.command()
@click.argument("run_id", metavar="RUN")
@use_case()
def replay(session: Session, run_id: str) -> None:
    """Run a recorded run again without touching the world."""
    with session.service() as service:
        answer = interruptible(lambda _: service.replay(run_id))
    _show_run(session, answer)


def _await_repair(service: Service, job: str) -> None:
    """Wait for a repair, which would end with this command, and say on stderr what it came to."""
    click.echo("Waiting for the repair. Ctrl-C ends it.", err=True)
    try:
        click.echo(made_plain(mutate_text(build_to_its_end(service, MutateRequest(job=job)))), err=True)
    except TacitError as error:
        report(error)


def _show_run(session: Session, answer: RunAnswer) -> None:
    session.show(answer.model_dump(mode="json"), as_json(answer.output))
    if not session.as_json:
        lines = [run_line(answer), *answer_observations(answer)]
        click.echo(made_plain("\n".join(lines)), err=True)


COMMANDS = [search, run, replay]
