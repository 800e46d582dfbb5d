"""Whose fault a failed run is: the version's own, its caller's, or the world's.

What is judged is what a record keeps, so that a run is judged alike when it ends and later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tacit.catalog import Version
from tacit.errors import (
    ArithmeticOverflow,
    CapabilityFailed,
    EnergyExhausted,
    EnergyLow,
    GuestExited,
    GuestTrapped,
    InvalidOutput,
    LogTooLarge,
    MemoryExhausted,
    NoOutput,
    OutputTooLarge,
    ProgramError,
    RunTimedOut,
    StackOverflowed,
    TooManyHostCalls,
    ValueTooLarge,
)
from tacit.sandbox import HostCall
from tacit.service.attempt import Attempt

GIVEN_MUCH = 1 << 20
"""Bytes of input and answers from which on it is no fault to need more than the limits allow."""

_BROKEN = frozenset(kind.code for kind in (GuestTrapped, GuestExited, NoOutput, InvalidOutput))
_SHARED = frozenset({EnergyExhausted.code, EnergyLow.code, RunTimedOut.code})
"""What a run uses up together with those that it calls, within what its caller allowed."""

_LIMITS = _SHARED | {
    ArithmeticOverflow.code,  # a large number in the input is enough to meet it
    *(kind.code for kind in (MemoryExhausted, OutputTooLarge, LogTooLarge, TooManyHostCalls, ValueTooLarge)),
    StackOverflowed.code,
}
_OF_PROGRAMS = frozenset(kind.code for kind in ProgramError.__subclasses__()) - _LIMITS
"""What a program did wrong with its values; judged as an error that a capability reports."""
_OF_THE_HOST = frozenset({"host_failed", "not_found", "too_large", "timed_out", "invalid_request"})
"""The codes by which the guest's SDK passes on what the host answered, or that it could not be read."""

_OF_NUMBERS = frozenset({ArithmeticOverflow.code, "not_finite"})
"""What a capability may report, itself or by its SDK, where the numbers of an input explain it."""
_INVALID_INPUT = "invalid_input"
_PANIC, _TOO_MUCH = "panic", "capacity overflow"
"""How Rust's library refuses to make what is larger than the address space."""
_WHOLE = 0.9
"""The share of a limit from which on a called capability that used it up itself would have done so alone."""
_LARGEST = 1 << 53
"""A double holds every whole number up to here."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a run was given: its input, what the world answered it, and which `share` of the energy limit.

    That is less than 1 where its caller lowers the energy, or is itself a capability (the run is `nested`) with so
    much of its own left.
    """

    text: bytes
    calls: Sequence[HostCall] = ()
    share: float = 1.0
    nested: bool = False

    @property
    def much(self) -> bool:
        """Whether that was so much that a limit may well be met."""
        answered = sum(len(call.result) for call in self.calls if isinstance(call.result, bytes))
        return len(self.text) + answered >= GIVEN_MUCH


def own_failure(attempt: Attempt) -> bool:
    """Return whether the attempt failed by the version's own fault."""
    failure = attempt.execution.failure
    return failure is not None and is_own(failure.to_dict(), attempt.prepared.version, _given(attempt))


def limit_met(attempt: Attempt) -> bool:
    """Return whether the attempt met a limit, as `met_limit` says."""
    failure = attempt.execution.failure
    return failure is not None and met_limit(failure.to_dict(), _given(attempt))


def _given(attempt: Attempt) -> Given:
    frame = attempt.frame
    return Given(attempt.text, attempt.calls, attempt.energy_limit / frame.limit, nested=frame.depth > 0)


def is_own(error: Mapping[str, Any], version: Version, given: Given) -> bool:
    """Return whether a run of `version` that ended with `error` (as `TacitError.to_dict` gives it) is its own failure.

    An error that the capability reports is, unless a test of it expects that code, or it comes from what the world
    answered; and so is what a program does wrong. A limit is not: an input of a few bytes, such as `{"n": 50}`, may ask
    for more than any limit allows (see `met_limit`).
    """
    code, details = error["code"], error.get("details", {})
    if _limit_in(error) is not None:
        return False
    if code == CapabilityFailed.code or code in _OF_PROGRAMS:
        return _reports_own(details.get("code", code), version, given)
    return code in _BROKEN


def met_limit(error: Mapping[str, Any], given: Given) -> bool:
    """Return whether a run came to the end of a limit by what it did itself, though it was given little.

    Alone that is nobody's fault; where another version ends well on the same, it is this one's. Not so where a caller
    left it less than its energy or time, or a capability that it called used up the energy.
    """
    code, details = _limit_in(error), error.get("details", {})
    if code is None or given.much or (code == EnergyExhausted.code and "where" in details):
        return False
    return code not in _SHARED or _used_up(code, details, given)


def _limit_in(error: Mapping[str, Any]) -> str | None:
    """Return the code of the limit that a run met, None where it ended otherwise.

    A guest panics where it is to make what no memory holds.
    """
    code: str = error["code"]
    details: Mapping[str, Any] = error.get("details", {}) if code == CapabilityFailed.code else {}
    if details.get("code") == _PANIC and str(details.get("message", "")).startswith(_TOO_MUCH):
        return MemoryExhausted.code
    return code if code in _LIMITS else None


def _reports_own(reported: str | None, version: Version, given: Given) -> bool:
    expected = {test.expect.error for test in version.tests}
    if not expected.isdisjoint({reported, CapabilityFailed.code}) or reported in _OF_NUMBERS:
        return False
    if any(call.failure or call.error for call in given.calls) or (version.effects and reported in _OF_THE_HOST):
        return False
    return reported != _INVALID_INPUT or not _has_odd_integers(given.text)


def _used_up(code: str, details: Mapping[str, Any], given: Given) -> bool:
    """Whether a run came to the end of its energy or time by what it did itself.

    Of the time it has to have computed for half of what a run may take: hosts, locks and busy machines are waited for.
    One that was called has to have had nearly all of the limit, and to have used it up itself, so that its caller can
    have used but little; one that asks for more energy than that may well be right to.
    """
    if not given.nested and given.share < 1:
        return False
    if code == RunTimedOut.code:
        return _computed(details, given)
    return not given.nested or (code == EnergyExhausted.code and given.share >= _WHOLE)


def _computed(details: Mapping[str, Any], given: Given) -> bool:
    """Whether a guest that ran out of time used it itself; one that a call ended did not."""
    computed, limit = details.get("computed_seconds"), details.get("limit_seconds")
    if computed is None or limit is None or any(call.error for call in given.calls):
        return False
    return bool(computed >= limit * (_WHOLE if given.nested else 0.5))


def _has_odd_integers(text: bytes) -> bool:
    """Whether an input has integers that fit schemas but not every type: written as 5.0, or too long for a double."""
    odd: list[bool] = []

    def see_float(number: str) -> None:
        odd.append(float(number).is_integer())

    def see_integer(number: str) -> None:
        odd.append(len(number) > len(str(_LARGEST)) or not -_LARGEST <= int(number) < _LARGEST)

    with suppress(ValueError):
        json.loads(text, parse_float=see_float, parse_int=see_integer)
    return any(odd)
