"""Whose fault a failed run is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from reflection_samples import attempt, version

from tacit.errors import (
    BuildRefused,
    CapabilityFailed,
    FileConflict,
    FilesUnwritable,
    InternalError,
    InvalidOutput,
    PermissionDenied,
    ReplayDiverged,
    RunCancelled,
    RunError,
    ServiceClosed,
    StoreBusy,
    TacitError,
)
from tacit.models import Expectation, TestCase
from tacit.sandbox import HostCall
from tacit.service.failing import is_own, own_failure

ALWAYS = {
    "trap",
    "memory_exhausted",
    "stack_overflow",
    "output_too_large",
    "log_too_large",
    "too_many_host_calls",
    "nonzero_exit",
    "no_output",
    "invalid_output",
}
UNLESS_BOUNDED = {"energy_exhausted", "timeout"}
NEVER = {"cancelled", "file_conflict", "replay_diverged", "run_failed"}
NOT_FOUND = HostCall("file_read", "a.txt", failure=(-2, "not found"))
DENIED = HostCall("file_read", "a.txt", error={"code": "permission_denied", "message": "no"})
WENT_WELL = HostCall("file_read", "a.txt", result=b"1")


def run_errors(kind: type[TacitError] = RunError) -> Iterator[type[TacitError]]:
    """Yield a class of errors and all below it."""
    yield kind
    for below in kind.__subclasses__():
        yield from run_errors(below)


def reported(code: str = "odd") -> CapabilityFailed:
    """Return an error that a capability reported."""
    return CapabilityFailed(f"The capability reported {code}: …", details={"code": code, "message": "…"})


def test_every_run_error_is_judged() -> None:
    """The table below leaves out no class of `RunError`."""
    assert {kind.code for kind in run_errors()} == ALWAYS | UNLESS_BOUNDED | NEVER | {"capability_error"}


@pytest.mark.parametrize("kind", list(run_errors()), ids=lambda kind: kind.code)
def test_a_run_error_is_own_where_the_capability_caused_it(kind: type[TacitError]) -> None:
    """Traps, limits and broken output are the version's own; cancelling, conflicts and replays are not."""
    assert own_failure(attempt(kind("…"))) is (kind.code not in NEVER)


@pytest.mark.parametrize("kind", list(run_errors()), ids=lambda kind: kind.code)
def test_a_nested_run_answers_for_all_but_what_its_caller_left_it(kind: type[TacitError]) -> None:
    """A called capability that runs out of energy or time may have been left none."""
    expected = kind.code in ALWAYS | {"capability_error"}
    assert own_failure(attempt(kind("…"), depth=1)) is expected


@pytest.mark.parametrize("kind", list(run_errors()), ids=lambda kind: kind.code)
def test_lowered_energy_is_the_callers(kind: type[TacitError]) -> None:
    """A caller that lowers the limit answers for what that limit ends."""
    expected = kind.code in ALWAYS | {"capability_error"}
    assert own_failure(attempt(kind("…"), lowered=True)) is expected


@pytest.mark.parametrize(
    "failure",
    [
        PermissionDenied("…"),
        RunCancelled("…"),
        FileConflict("…"),
        ReplayDiverged("…"),
        FilesUnwritable("…"),
        StoreBusy("…"),
        ServiceClosed("…"),
        InternalError("…"),
        BuildRefused("tests", "…"),
    ],
    ids=lambda failure: failure.code,
)
def test_what_the_operator_the_caller_or_the_world_did_is_not_own(failure: TacitError) -> None:
    """What is no `RunError` of the guest's is never the version's own."""
    assert not own_failure(attempt(failure))


def test_success_is_no_failure() -> None:
    """A run that ended well is no failure of anybody's."""
    assert not own_failure(attempt(None))


@pytest.mark.parametrize(
    ("calls", "own"),
    [([], True), ([WENT_WELL], True), ([NOT_FOUND], False), ([DENIED], False), ([WENT_WELL, NOT_FOUND], False)],
)
def test_a_reported_error_is_the_worlds_after_a_failed_host_call(calls: list[HostCall], own: bool) -> None:
    """A capability that says what a file or a host did wrong is right to."""
    assert own_failure(attempt(reported(), calls=calls)) is own


@pytest.mark.parametrize(("expected", "own"), [("odd", False), ("even", True), ("capability_error", False)])
def test_a_reported_error_that_a_test_expects_is_not_own(expected: str, own: bool) -> None:
    """What a test expects is what the capability is meant to do; `capability_error` stands for every code."""
    case = TestCase(name="refuses it", expect=Expectation(error=expected))
    assert own_failure(attempt(reported(), tests=(case,))) is own


def test_a_failed_host_call_excuses_no_trap() -> None:
    """Only an error that is reported may be the world's; broken output after a failed host call is the version's."""
    assert own_failure(attempt(InvalidOutput("…"), calls=[NOT_FOUND]))


def test_a_recorded_error_without_details_is_judged() -> None:
    """An error is judged as it is recorded, also where it has no details."""
    error: dict[str, Any] = {"code": "capability_error", "message": "…"}
    assert is_own(error, version(), bounded=False, calls=())
    assert not is_own(error, replace(version(), tests=_expecting("capability_error")), bounded=False, calls=())


def _expecting(code: str) -> tuple[TestCase, ...]:
    return (TestCase(name="refuses it", expect=Expectation(error=code)),)
