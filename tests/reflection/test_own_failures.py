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
    DivisionByZero,
    EnergyExhausted,
    EnergyLow,
    FileConflict,
    FilesUnwritable,
    InternalError,
    InvalidOutput,
    PermissionDenied,
    ProgramError,
    ReplayDiverged,
    RunCancelled,
    RunError,
    RunTimedOut,
    ServiceClosed,
    StoreBusy,
    TacitError,
)
from tacit.models import Effect, Expectation, TestCase
from tacit.sandbox import HostCall
from tacit.service.faults import GIVEN_MUCH, Given, is_own, limit_met, own_failure

OWN = {"trap", "nonzero_exit", "no_output", "invalid_output", "capability_error"}
OF_PROGRAMS = {
    "stack_underflow",
    "unknown_name",
    "wrong_type",
    "out_of_range",
    "division_by_zero",
    "jump_out_of_range",
    "assertion_failed",
}
OWN |= OF_PROGRAMS
SHARED = {"energy_exhausted", "energy_low", "timeout"}
BY_ITSELF = {
    "arithmetic_overflow",
    "memory_exhausted",
    "stack_overflow",
    "output_too_large",
    "log_too_large",
    "too_many_host_calls",
    "value_too_large",
}
LIMITS = SHARED | BY_ITSELF
NEVER = {"cancelled", "file_conflict", "replay_diverged", "run_failed", "program_error"}
NOT_FOUND = HostCall("file_read", "a.txt", failure=(-2, "not found"))
DENIED = HostCall("file_read", "a.txt", error={"code": "permission_denied", "message": "no"})
WENT_WELL = HostCall("file_read", "a.txt", result=b"1")


def run_errors(kind: type[TacitError] = RunError) -> Iterator[type[TacitError]]:
    """Yield a class of errors and all below it that the runs of guests and programs end with."""
    if kind.__module__ in (RunError.__module__, ProgramError.__module__):
        yield kind
        for below in kind.__subclasses__():
            yield from run_errors(below)


def failed(kind: type[TacitError], computed: float = 15.0) -> TacitError:
    """Return an error of that class, of a guest that computed so many of its 30 seconds."""
    return kind("…", details={"computed_seconds": computed, "limit_seconds": 30.0})


def reported(code: str = "odd") -> CapabilityFailed:
    """Return an error that a capability reported."""
    return CapabilityFailed(f"The capability reported {code}: …", details={"code": code, "message": "…"})


def test_every_run_error_is_judged() -> None:
    """The tables above leave out no class of `RunError`."""
    assert {kind.code for kind in run_errors()} == OWN | LIMITS | NEVER


@pytest.mark.parametrize("kind", list(run_errors()), ids=lambda kind: kind.code)
def test_a_run_error_is_own_where_the_capability_caused_it(kind: type[TacitError]) -> None:
    """Traps and broken output are the version's own; limits, cancelling, conflicts and replays are not."""
    assert own_failure(attempt(failed(kind))) is (kind.code in OWN)


@pytest.mark.parametrize("kind", list(run_errors()), ids=lambda kind: kind.code)
def test_a_limit_is_told_from_other_failures(kind: type[TacitError]) -> None:
    """That a run came to its end by itself may tell against a version that follows another one."""
    assert limit_met(attempt(failed(kind))) is (kind.code in LIMITS)


def test_a_panic_over_what_no_memory_holds_is_a_limit() -> None:
    """It comes from a large number in the input; other limits are not the guest's to report."""
    capacity = attempt(CapabilityFailed("…", details={"code": "panic", "message": "capacity overflow (main.rs:3)"}))
    assert (own_failure(capacity), limit_met(capacity)) == (False, True)
    pretended = attempt(reported("energy_exhausted"))
    assert (own_failure(pretended), limit_met(pretended)) == (True, False)


@pytest.mark.parametrize("kind", list(run_errors()), ids=lambda kind: kind.code)
def test_a_nested_run_answers_for_all_but_what_its_caller_left_it(kind: type[TacitError]) -> None:
    """A called capability that runs out of energy or time may have been left too little."""
    nested = attempt(failed(kind), depth=1, energy=89)
    assert (own_failure(nested), limit_met(nested)) == (kind.code in OWN, kind.code in BY_ITSELF)


@pytest.mark.parametrize(("energy", "own"), [(100, True), (90, True), (89, False)])
def test_a_nested_run_answers_for_nearly_all_energy_that_there_is(energy: int, own: bool) -> None:
    """What used up nine tenths of the limit itself would have done so alone; asking for more than it has is no use."""
    assert limit_met(attempt(EnergyExhausted("…"), depth=1, energy=energy)) is own
    assert not limit_met(attempt(EnergyLow("…"), depth=1, energy=energy))
    assert not limit_met(attempt(EnergyExhausted("…", details={"where": ["spin"]}), depth=1, energy=energy))


@pytest.mark.parametrize(("computed", "own"), [(30.0, True), (27.0, True), (26.0, False)])
def test_a_nested_run_answers_for_nearly_all_time_that_there_is(computed: float, own: bool) -> None:
    """Whose own computing took nine tenths of the time left its caller none to have used."""
    assert limit_met(attempt(failed(RunTimedOut, computed), depth=1, energy=10)) is own
    assert not limit_met(attempt(failed(RunTimedOut, computed), depth=1, calls=[DENIED]))


@pytest.mark.parametrize("kind", list(run_errors()), ids=lambda kind: kind.code)
def test_lowered_energy_is_the_callers(kind: type[TacitError]) -> None:
    """A caller that lowers the limit answers for what that limit ends."""
    lowered = attempt(failed(kind), energy=99)
    assert (own_failure(lowered), limit_met(lowered)) == (kind.code in OWN, kind.code in BY_ITSELF)


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


@pytest.mark.parametrize(
    ("failure", "calls"),
    [
        (failed(RunTimedOut, computed=14.0), []),
        (failed(RunTimedOut), [DENIED]),
        (RunTimedOut("The run waited for its turn as long as it might have run."), []),
    ],
    ids=["waited", "ended in a call", "never began"],
)
def test_time_that_a_guest_did_not_compute_is_not_its_own(failure: TacitError, calls: list[HostCall]) -> None:
    """A slow host, a lock, a called capability and a busy machine are not the version's."""
    assert not limit_met(attempt(failure, calls=calls))


@pytest.mark.parametrize("kind", list(run_errors()), ids=lambda kind: kind.code)
def test_limits_are_met_by_whoever_is_given_much(kind: type[TacitError]) -> None:
    """From a megabyte of input and answers on, meeting a limit tells nothing; all else still does."""
    half = b"x" * (GIVEN_MUCH // 2)
    calls = [HostCall("file_read", "a.csv", result=half)]
    much = attempt(failed(kind), text=half, calls=calls)
    assert (own_failure(much), limit_met(much)) == (kind.code in OWN, False)


@pytest.mark.parametrize("code", ["arithmetic_overflow", "not_finite"])
def test_what_the_numbers_of_an_input_explain_is_not_own(code: str) -> None:
    """A version that adds well is not deprecated for whoever has it add vast numbers, or divide by zero."""
    assert not own_failure(attempt(reported(code)))


@pytest.mark.parametrize("code", ["host_failed", "not_found", "too_large", "timed_out", "invalid_request"])
def test_what_the_sdk_says_of_the_world_is_not_own(code: str) -> None:
    """A file that is no text, or too large for the guest, is a failed call only to the guest; a pure one makes none."""
    assert not own_failure(attempt(reported(code), effects=frozenset({Effect.READS})))
    assert own_failure(attempt(reported(code)))


@pytest.mark.parametrize(
    ("text", "own"),
    [
        (b'{"n": [5.0]}', False),
        (b"1e3", False),
        (b"9007199254740993", False),
        (b"-" + b"9" * 5000, False),
        (b'{"n": 5}', True),
        (b"5.5", True),
        (b'"5.0"', True),
        (b"9007199254740991", True),
    ],
)
def test_integers_that_not_every_type_reads_are_the_callers(text: bytes, own: bool) -> None:
    """They fit the schema, and the SDK refuses them as `invalid_input`; another error about them is the version's."""
    assert own_failure(attempt(reported("invalid_input"), text=text)) is own
    assert own_failure(attempt(reported(), text=text))


def test_a_recorded_error_without_details_is_judged() -> None:
    """An error is judged as it is recorded, also where it has no details."""
    error: dict[str, Any] = {"code": "capability_error", "message": "…"}
    assert is_own(error, version(), Given(b"null"))
    assert not is_own(error, replace(version(), tests=_expecting("capability_error")), Given(b"null"))


def _expecting(code: str) -> tuple[TestCase, ...]:
    return (TestCase(name="refuses it", expect=Expectation(error=code)),)


def test_a_programs_error_that_a_test_expects_is_an_answer() -> None:
    """Its own `division_by_zero` may be what the version promises; otherwise it is its fault."""
    expects = TestCase(name="refuses zero", input=0, expect=Expectation(error="division_by_zero"))
    assert own_failure(attempt(DivisionByZero("…")))
    assert not own_failure(attempt(DivisionByZero("…"), tests=(expects,)))
    assert not own_failure(attempt(DivisionByZero("…"), calls=[NOT_FOUND]))


def test_energy_that_a_called_capability_used_up_is_not_its_callers_fault() -> None:
    """The error says where it went."""
    assert limit_met(attempt(EnergyExhausted("…")))
    assert not limit_met(attempt(EnergyExhausted("…", details={"where": "spin"})))
