"""`tacit mutate`: makes a capability or a version from source and tests in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from tacit.cli.terminal import Session, interruptible, use_case
from tacit.errors import InvalidArgument, InvalidJson
from tacit.models import MutateAnswer, MutateRequest, problems_in
from tacit.texts import mutate_text

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--task", help="What the capability is for, in a user's words.")
@click.option("--parent", "parent_id", help="The capability to start from.")
@click.option("--id", "capability", help="The id to make; the parent's makes a new version of it.")
@click.option("--summary", help="One sentence that says what it does.")
@click.option("--source", type=FILE, help="The Rust source; without it you get a brief.")
@click.option("--tests", type=FILE, help="JSON: a list of tests.")
@click.option("--input-schema", type=FILE, help="JSON Schema of the input.")
@click.option("--output-schema", type=FILE, help="JSON Schema of the output.")
@click.option("--examples", type=FILE, help="JSON: a list of example tasks.")
@click.option("--permissions", type=FILE, help="JSON: what the host functions need.")
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
    **plain: Any,
) -> None:
    """Make a capability from source and tests, or get the brief of how to write it."""
    files = {
        "tests": tests,
        "input_schema": input_schema,
        "output_schema": output_schema,
        "examples": examples,
        "permissions": permissions,
    }
    given = {**plain, "id": capability, "source": _read(source) if source else None}
    given |= {name: _read_json(path) for name, path in files.items() if path}
    request = _request({name: value for name, value in given.items() if value is not None})
    with session.service() as service:

        def work(stop: Any) -> MutateAnswer:
            answer = service.mutate(request, on_progress=_progress, cancellation=stop)
            while answer.status == "building" and not stop.cancelled:
                job = MutateRequest(job=answer.job)
                answer = service.mutate(job, on_progress=_progress, cancellation=stop)
            return answer

        answer = interruptible(work)
    session.show(answer.model_dump(mode="json"), mutate_text(answer))
    if answer.status == "refused":
        raise click.exceptions.Exit(1)


def _request(given: dict[str, Any]) -> MutateRequest:
    try:
        return MutateRequest.model_validate(given)
    except ValidationError as error:
        raise InvalidArgument(f"The request is not valid: {problems_in(error)}.") from error


def _progress(message: str, fraction: float) -> None:
    click.echo(f"{fraction:4.0%} {message}", err=True)


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
