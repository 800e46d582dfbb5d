"""`tacit mutate`: makes a capability or a version, from source and tests in files or by a language model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
from pydantic import ValidationError

from tacit import strict_json
from tacit.cli.terminal import Session, interruptible, read_stdin, use_case
from tacit.cli.usage import with_cost
from tacit.errors import InvalidArgument, InvalidJson
from tacit.models import Language, MutateAnswer, MutateRequest, problems_in
from tacit.plain_text import made_plain
from tacit.prices import Prices
from tacit.texts import mutate_text

if TYPE_CHECKING:
    from tacit.sandbox.cancellation import Cancellation
    from tacit.service import Service

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
PROGRAM_SUFFIX = ".program"


@click.command()
@click.option("--task", help="What the capability is for, in a user's words.")
@click.option("--parent", "parent_id", metavar="ID", help="The capability to start from.")
@click.option("--id", "capability", metavar="ID", help="The id to make; the parent's makes a new version of it.")
@click.option("--summary", help="One sentence that says what it does.")
@click.option("--source", type=FILE, help="The source.")
@click.option(
    "--language",
    type=click.Choice(get_args(Language)),
    help="The source's language; if not given program for FILE.program, else rust.",
)
@click.option("--tests", type=FILE, help="JSON: a list of tests.")
@click.option("--input-schema", type=FILE, help="JSON Schema of the input.")
@click.option("--output-schema", type=FILE, help="JSON Schema of the output.")
@click.option("--examples", type=FILE, help="JSON: a list of example tasks.")
@click.option("--permissions", type=FILE, help="JSON: what it needs of the host, and calls.")
@click.option("--input", "input_text", metavar="JSON|-", help="What to run it on at once; - reads stdin.")
@click.option("--force", is_flag=True, help="Make it even where a near duplicate exists.")
@use_case()
def mutate(
    session: Session,
    *,
    capability: str | None,
    source: Path | None,
    tests: Path | None,
    input_schema: Path | None,
    output_schema: Path | None,
    examples: Path | None,
    permissions: Path | None,
    input_text: str | None,
    **plain: Any,
) -> None:
    """Make a capability or a version of it.

    With --source and --tests it is compiled, tested and registered. With only a --task, a configured language model
    writes it; without one you get the brief of how to write it yourself.
    """
    files = {
        "tests": tests,
        "input_schema": input_schema,
        "output_schema": output_schema,
        "examples": examples,
        "permissions": permissions,
    }
    given = {**plain, "id": capability, "source": _read(source) if source else None}
    given |= {name: _read_json(path) for name, path in files.items() if path}
    if source and source.suffix == PROGRAM_SUFFIX and plain["language"] is None:
        given["language"] = "program"
    named = {name: value for name, value in given.items() if value is not None}
    if input_text is not None:  # which may be null
        named["input"] = _input(input_text)
    request = _request(named)
    with session.service() as service:
        answer = build_to_its_end(service, request)
    prices = Prices.of(session.settings)
    data = with_cost(answer.model_dump(mode="json"), prices)
    cost = f"cost {data['cost']:.4f}" if "cost" in data else ""
    session.show(data, made_plain("\n".join(filter(None, [mutate_text(answer), cost]))))
    if answer.status == "refused" or answer.run_error or answer.author_error:
        raise click.exceptions.Exit(1)


def build_to_its_end(service: Service, request: MutateRequest) -> MutateAnswer:
    """Return the final answer, however long the build takes; its progress goes to stderr."""

    def work(stop: Cancellation) -> MutateAnswer:
        answer = service.mutate(request, on_progress=_progress, cancellation=stop)
        while answer.status == "building" and not stop.cancelled:
            answer = service.mutate(_again(request, answer), on_progress=_progress, cancellation=stop)
        return answer

    return interruptible(work)


def _again(request: MutateRequest, answer: MutateAnswer) -> MutateRequest:
    """Return what asks for the build that goes on, and has the new version run on the input of the first request."""
    given = {"input": request.input} if "input" in request.model_fields_set else {}
    return MutateRequest(job=answer.job, **given)


def _request(given: dict[str, Any]) -> MutateRequest:
    try:
        return MutateRequest.model_validate(given)
    except ValidationError as error:
        raise InvalidArgument(f"The request is not valid: {problems_in(error)}.") from error


def _input(text: str) -> Any:
    try:
        return strict_json.parse_exact(read_stdin() if text == "-" else text.encode(errors="surrogateescape"))
    except strict_json.InexactNumber as number:
        raise strict_json.too_many_digits(number) from number
    except ValueError as error:
        raise InvalidJson(f"The input is not JSON: {error}.", hint="Give one JSON value.") from error


def _progress(message: str, fraction: float) -> None:
    click.echo(f"{fraction:4.0%} {made_plain(message)}", err=True)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgument(f"{path} cannot be read as UTF-8 text: {error}.") from error


def _read_json(path: Path) -> Any:
    try:
        return json.loads(_read(path))
    except ValueError as error:
        raise InvalidJson(f"{path} is not JSON: {error}.") from error


COMMANDS = [mutate]
