"""The second step: tests written from the specification alone, some of which the author of the source never sees.

A suite is judged before anything is written for it: whether it fits the schemas and the permissions, whether a
program that does nothing would pass it, and whether what is held out is more than what is seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from pydantic import Field, ValidationError

from tacit.building.orders import BuildRequest
from tacit.building.quality import trivial_program
from tacit.differences import same_value
from tacit.errors import BuildRefused, InvalidArgument
from tacit.models import Contract, Model, Permissions, TestCase, problems_in
from tacit.plain_text import made_plain
from tacit.sandbox.grants import Allowance
from tacit.schemas.validator import shorten
from tacit_builder.author import prompts
from tacit_builder.author.conversation import Conversation
from tacit_builder.author.desk import Desk
from tacit_builder.author.materials import contracts_text, tests_text
from tacit_builder.author.specification import Specification
from tacit_builder.author.worlds import closed_doors
from tacit_builder.request import asserts_output, check_request

LEAST_SEEN = 3
LEAST_HELD_OUT = 2
MAX_TOLD = 6000
"""Characters told of what does not hold; the schemas of a callee are among it."""
_WORD = re.compile(r"\w{4,}")
_ANY_SOURCE = {"main.rs": "fn main() {}"}


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests of a version; `behaviours` says, by the name of a held-out test, what it checks without its values."""

    seen: tuple[TestCase, ...]
    held_out: tuple[TestCase, ...]
    behaviours: dict[str, str]


class _HeldOut(TestCase):
    behaviour: str = Field(min_length=1, max_length=1000)


class _Submitted(Model):
    seen: tuple[TestCase, ...]
    held_out: tuple[_HeldOut, ...]


def write_suite(desk: Desk, specification: Specification, given: tuple[TestCase, ...], revised: bool = False) -> Suite:
    """Return tests for the specification, with the `given` ones among those seen.

    Raises `BuildRefused("tests")` when there come none that hold.
    """
    desk.report("tests", "Writing tests again" if revised else "Writing tests", 0.32 if revised else 0.1)
    callable_now = contracts_text(desk.contracts(specification.manifest.permissions.call))
    brief = "\n\n".join(filter(None, (f"The specification:\n{specification.text()}", callable_now)))
    if given:
        brief += f"\n\nThese tests are in `seen` already; add others:\n{tests_text(given)}"

    def accept(arguments: dict[str, Any]) -> Suite:
        return _checked(desk, arguments, specification, given)

    with Conversation(desk, "tests", prompts.TESTS, brief, [prompts.SUBMIT_TESTS]) as talk:
        suite = talk.obtain(accept, "tests")
    told = f"{len(suite.seen)} seen, {len(suite.held_out)} held out"
    desk.findings.note("Tests", f"{told}: {', '.join(test.name for test in (*suite.seen, *suite.held_out))}")
    desk.report("tests", f"Writing tests: {told}", 0.2)
    return suite


def _checked(desk: Desk, arguments: dict[str, Any], specification: Specification, given: tuple[TestCase, ...]) -> Suite:
    """Return the suite that was handed in; raises `InvalidArgument` with what is wrong."""
    try:
        submitted = _Submitted.model_validate(arguments)
    except ValidationError as error:
        raise InvalidArgument(f"{shorten(problems_in(error), 2000)}.") from error
    held_out = tuple(TestCase.model_validate(test.model_dump(exclude={"behaviour"})) for test in submitted.held_out)
    suite = Suite((*given, *submitted.seen), held_out, {})
    _check_form(suite, specification, desk.contracts_in((*suite.seen, *suite.held_out)))
    problems = list(_problems(suite, specification))
    if problems:
        raise InvalidArgument(" ".join(problems))
    stated = specification.text()
    behaviours = {test.name: _unquoting(test, stated) for test in submitted.held_out}
    return Suite(suite.seen, suite.held_out, behaviours)


def _check_form(suite: Suite, specification: Specification, callees: dict[str, Contract]) -> None:
    manifest = specification.manifest
    request = BuildRequest(
        job="",
        id=manifest.id,
        source=_ANY_SOURCE,
        permissions=manifest.permissions,
        tests=(*suite.seen, *suite.held_out),
        input_schema=manifest.input_schema,
        output_schema=manifest.output_schema,
        callees=callees,
    )
    try:
        check_request(request)
    except BuildRefused as refused:
        said = f"{refused} {refused.details.get('diagnostics', '')}".strip()
        raise InvalidArgument(shorten(said, MAX_TOLD)) from refused


def _problems(suite: Suite, specification: Specification) -> Iterator[str]:
    for name, tests, least in (("seen", suite.seen, LEAST_SEEN), ("held_out", suite.held_out, LEAST_HELD_OUT)):
        if len(tests) < least:
            yield f"{name}: {least} tests at least are needed; there are {len(tests)}."
        elif not any(asserts_output(test.expect) for test in tests):
            yield f"{name}: no test expects an output."
        elif trivial := trivial_program(tests, specification.manifest.input_schema, outputs_alone=True):
            yield f"{name}: a program that {trivial} passes all that expect outputs; vary the inputs and outputs."
    for test in (*suite.seen, *suite.held_out):
        for door in closed_doors(test, specification.manifest.permissions):
            yield f"{test.name!r} cannot pass: {door}."
    permissions = specification.manifest.permissions
    seen = [(_world(test, permissions), test.name) for test in suite.seen]
    for test in suite.held_out:
        world = _world(test, permissions)
        if (twin := next((name for other, name in seen if same_value(world, other)), None)) is not None:
            yield f"held_out: {test.name!r} repeats the input of {twin!r}, which is seen; give it one of its own."


def _world(test: TestCase, permissions: Permissions) -> dict[str, Any]:
    """Return all that a run of the test can see: the input, and of the world what the permissions open."""
    given = test.model_dump(mode="json", exclude={"name", "expect", "behaviour"})
    allowance = Allowance(permissions)
    files = {path: text for path, text in test.files.items() if allowance.read(path) or allowance.write(path)}
    return {**given, "files": files, "now": test.now if permissions.time else 0}


def _unquoting(test: _HeldOut, stated: str) -> str:
    """Return the test's behaviour in words, or general words where it gives away a value of the test."""
    behaviour = made_plain(test.behaviour).strip()
    return prompts.GENERAL_BEHAVIOUR if quotes(behaviour, test, stated) or not behaviour else behaviour


def quotes(behaviour: str, test: TestCase, stated: str) -> bool:
    """Return whether the sentence holds a value of the test's input, world or expectation.

    A value that the specification, `stated`, holds itself gives nothing away.
    """
    said = behaviour.casefold()
    known = stated.casefold()
    return any(_holds(said, value) and not _holds(known, value) for value in _values(test))


def _holds(text: str, value: str) -> bool:
    """Return whether the text holds the value as words of its own."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None


def _values(test: TestCase) -> Iterator[str]:
    expect = test.expect
    given = test.model_dump(mode="json", include={"http", "exchanges"})
    world = (test.files, given["http"], test.calls, given["exchanges"])
    for value in (test.input, *world, expect.output, expect.files, expect.output_matches):
        yield from _leaves(value)
    if test.now:
        yield str(test.now)


def _leaves(value: Any) -> Iterator[str]:
    """Yield every text, each longer word in it, every number and every name in a JSON value, in lower case."""
    if isinstance(value, dict):
        for name, item in cast("dict[str, Any]", value).items():
            yield from _leaves(name)
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in cast("Iterable[Any]", value):
            yield from _leaves(item)
    elif isinstance(value, str):
        text = value.casefold().strip()
        yield from {text, *_WORD.findall(text)} - {""}
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from {json.dumps(value), f"{value:g}"}
