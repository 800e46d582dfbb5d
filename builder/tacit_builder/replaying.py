"""Running the recorded runs of the version before on a new module: what went well has to go as it went.

Each run gets its recorded input, clock, seed and energy limit, and the answers of the record. It passes when output
and written files are the same by value. A test of the new version that has the same input asserts a change, and a run
that asks the world for what was never recorded cannot be compared; both are passed, and noted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

from tacit import strict_json
from tacit.building.orders import Replay
from tacit.differences import differences, same_file, same_value, shown
from tacit.errors import ReplayDiverged, StoreDamaged
from tacit.models import JsonSchema, Permissions, TestResult
from tacit.plain_text import made_plain
from tacit.sandbox.engine import Guest, Sandbox
from tacit.sandbox.execution import Execution
from tacit.sandbox.worlds.lenient import LenientWorld, written_files
from tacit.sandbox.worlds.recording import HostCall, decode_calls
from tacit.schemas.validator import compile_schema, shorten

MAX_INPUT = 600
MAX_DIFFERENCES = 3
MAX_DIFFERENCE = 1500


class Terms(Protocol):
    """What a version promises beside its source; manifests and build requests have it."""

    @property
    def permissions(self) -> Permissions:
        """What it asks for."""
        ...

    @property
    def input_schema(self) -> JsonSchema:
        """What it takes."""
        ...

    @property
    def output_schema(self) -> JsonSchema:
        """What it answers."""
        ...


def compare_runs(
    sandbox: Sandbox,
    guest: Guest,
    replays: Iterable[Replay],
    asserted_inputs: Sequence[Any],
    terms: Terms,
) -> tuple[TestResult, ...]:
    """Return how each recorded run goes now, named after it, in order."""
    return tuple(_compare(sandbox, guest, replay, asserted_inputs, terms) for replay in replays)


def _compare(
    sandbox: Sandbox, guest: Guest, replay: Replay, asserted_inputs: Sequence[Any], terms: Terms
) -> TestResult:
    name = f"run {replay.run_id}"
    if replay.failure is not None:
        return _noted(name, "It failed then, so it is not compared.")
    try:
        given, expected, calls = strict_json.parse(replay.input), strict_json.parse(replay.output), _calls(replay)
    except (ValueError, StoreDamaged):
        return _noted(name, "Its record cannot be read, so it is not compared.")
    if any(same_value(given, asserted) for asserted in asserted_inputs):
        return _noted(name, "A test of the new version has the same input, so it may answer something else.")
    if violations := compile_schema(terms.input_schema).violations(given):
        at = violations[0]
        return _failed(name, given, [f"input_schema refuses the input now, at {at['path']}: {at['message']}"])
    world = LenientWorld(calls, terms.permissions)
    execution = sandbox.run(
        guest,
        replay.input,
        world,
        energy=replay.energy_limit,
        now_millis=replay.now_millis,
        seed=replay.seed,
    )
    if isinstance(execution.failure, ReplayDiverged):
        return _noted(name, f"Not comparable: {execution.failure.message}")
    found = list(_differences(expected, written_files(calls), execution, world.written, terms))
    return _failed(name, given, found) if found else TestResult(name=name, passed=True)


def _calls(replay: Replay) -> list[HostCall]:
    return decode_calls(replay.calls)


def _differences(
    expected: Any, files: dict[str, bytes], execution: Execution, written: dict[str, bytes], terms: Terms
) -> Iterator[str]:
    if execution.failure is not None:
        yield f"expected {shown(expected)}, but the run failed: {execution.failure}"
        return
    yield from islice(differences(expected, execution.value), MAX_DIFFERENCES)
    for violation in compile_schema(terms.output_schema).violations(execution.value)[:MAX_DIFFERENCES]:
        yield f"output_schema, at {violation['path']}: {violation['message']}"
    yield from islice(_file_differences(files, written), MAX_DIFFERENCES)


def _file_differences(expected: dict[str, bytes], got: dict[str, bytes]) -> Iterator[str]:
    for path in sorted({*expected, *got}):
        before, now = expected.get(path), got.get(path)
        if before is None or now is None:
            yield f"the file {path!r}: {'was not written' if before is None else 'was written'} then, and now it is" + (
                " not" if now is None else ""
            )
        elif before != now and not same_file(path, _text(before), _text(now)):
            yield f"the file {path!r}: expected {shown(_text(before))}, got {shown(_text(now))}"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _noted(name: str, note: str) -> TestResult:
    return TestResult(name=name, passed=True, difference=made_plain(note))


def _failed(name: str, given: Any, found: Sequence[str]) -> TestResult:
    told = shorten("\n".join(found), MAX_DIFFERENCE)
    text = f"with the input {shorten(json.dumps(given, ensure_ascii=False), MAX_INPUT)}\n{told}"
    return TestResult(name=name, passed=False, difference=made_plain(text))
