"""Running a version's tests: each in the sandbox, against the world that it describes, judged by its assertion.

It says how a test differed in a few lines that an author can act on. It does not decide whether the tests are
enough; that is the build's business.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType
from typing import Any

from tacit.differences import MAX_SHOWN, differences, same_file, shown
from tacit.errors import CapabilityFailed, InvalidManifest, TacitError
from tacit.models import Contract, JsonSchema, Permissions, TestCase, TestResult
from tacit.sandbox.engine import Guest, Sandbox
from tacit.sandbox.execution import Execution
from tacit.sandbox.world import HostFailure, World
from tacit.sandbox.worlds.fixture import FixtureWorld, Lack
from tacit.schemas.validator import Validator, compile_schema, shorten

MAX_DIFFERENCES = 3
_LOG_TAIL = 600


@dataclass(frozen=True, slots=True)
class Tried:
    """How one test went, and what its run showed of its world.

    `lacked` is what the run asked for that the world does not have, `unanswered` what callees were asked beyond their
    exchanges; `unheeded` has, for each callee that answers whatever its input, the SHA-256, in hex, of the inputs that
    it was given.
    """

    result: TestResult
    lacked: tuple[Lack, ...] = ()
    unanswered: tuple[str, ...] = ()
    unheeded: Mapping[str, set[str]] = field(default_factory=dict[str, set[str]])


def run_tests(
    sandbox: Sandbox,
    guest: Guest,
    tests: Iterable[TestCase],
    permissions: Permissions,
    *,
    output_schema: JsonSchema | None = None,
    callees: Mapping[str, Contract] = MappingProxyType({}),
) -> tuple[Tried, ...]:
    """Run every test, each in a fresh instance and world, and return how it went and what it lacked, in their order.

    The manifest's `permissions` hold, the operator's grants play no part, and the random source has one seed, so
    a test goes the same way everywhere. An output that breaks `output_schema` fails its test, whatever the test
    expects of it. Of `callees`, what breaks their input schema is refused as in a live run; a call that its test has
    no answer to fails the test.
    """
    gives = compile_schema(output_schema or {})
    takes = {name: compile_schema(contract.input_schema) for name, contract in callees.items()}

    def run(test: TestCase, world: World) -> Execution:
        text = json.dumps(test.input, ensure_ascii=False).encode()
        return sandbox.run(guest, text, world, now_millis=test.now)

    return tuple(_try(test, lambda test: FixtureWorld(test, permissions, takes), run, gives) for test in tests)


def _try(
    test: TestCase,
    open_world: Callable[[TestCase], FixtureWorld],
    run: Callable[[TestCase, World], Execution],
    gives: Validator,
) -> Tried:
    try:
        world = open_world(test)
    except HostFailure as failure:
        wrong = f"the test's 'http' is wrong: {failure.message}"
        return Tried(TestResult(name=test.name, passed=False, difference=wrong))
    execution = run(test, world)
    return Tried(_result(test, world, execution, gives), tuple(world.lacked), world.unanswered, world.unheeded)


def _result(test: TestCase, world: FixtureWorld, execution: Execution, gives: Validator) -> TestResult:
    if world.unanswered:  # no test of such a run holds, whatever the guest made of it
        at = _place(execution.failure) if execution.failure else ""
        told = [*world.unanswered[:MAX_DIFFERENCES], *([f"the run ended{at}"] if at else [])]
        return TestResult(name=test.name, passed=False, difference="\n".join(told))
    found = [*islice(_judge(test, execution), MAX_DIFFERENCES), *islice(_judge_files(test, world, execution), 3)]
    if execution.failure is None and not found:
        violations = gives.violations(execution.value)[:MAX_DIFFERENCES]
        found = [f"output_schema, at {each['path']}: {each['message']}" for each in violations]
    return TestResult(name=test.name, passed=not found, difference="\n".join(found))


def _judge(test: TestCase, execution: Execution) -> Iterator[str]:
    expect = test.expect
    if expect.error is not None:
        yield from _judge_error(expect.error, execution)
    elif execution.failure is not None:
        yield _unexpected(execution.failure, execution.log)
    elif expect.output_matches is not None:
        yield from _judge_schema(expect.output_matches, execution.value)
    else:
        yield from differences(expect.output, execution.value)


def _judge_error(expected: str, execution: Execution) -> Iterator[str]:
    failure = execution.failure
    if failure is None:
        yield f"expected the error {expected!r}, got the output {shown(execution.value)}"
    elif expected not in _codes(failure):
        yield f"expected the error {expected!r}, got {_unexpected(failure, execution.log)}"


def _judge_schema(schema: dict[str, Any], value: Any) -> Iterator[str]:
    try:
        violations = compile_schema(schema).violations(value)
    except InvalidManifest as error:
        yield f"expect.output_matches: {error.message}"
        return
    for violation in violations:
        yield f"at {violation['path']}: {violation['message']}"


def _judge_files(test: TestCase, world: FixtureWorld, execution: Execution) -> Iterator[str]:
    """Compare the files as they are after the run; a run that failed has written nothing."""
    written = {} if execution.failure is not None else world.written
    for path, expected in test.expect.files.items():
        got = written.get(path)
        text = test.files.get(path) if got is None else got.decode("utf-8", "replace")
        if text is None:
            yield f"expected the file {path!r}, which was not written"
        elif not same_file(path, expected, text):
            yield f"the file {path!r}: expected {shown(expected)}, got {shown(text)}"


def _codes(failure: TacitError) -> set[str]:
    own = {str(failure.details.get("code"))} if isinstance(failure, CapabilityFailed) else set[str]()
    return own | {failure.code}


def _unexpected(failure: TacitError, log: str) -> str:
    code = failure.details.get("code", failure.code) if isinstance(failure, CapabilityFailed) else failure.code
    said = f"the run failed{_place(failure)} with {code!r}: {shorten(str(failure), 2 * MAX_SHOWN)}"
    return f"{said}\nlog: {log[-_LOG_TAIL:]}" if log else said


def _place(failure: TacitError) -> str:
    """Return where in a program it failed, empty for a module."""
    line = failure.details.get("line")
    return f" in line {line} ({shorten(str(failure.details.get('instruction', '')), MAX_SHOWN)})" if line else ""
