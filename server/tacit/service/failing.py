"""Whose fault a failed run is: the version's own, its caller's, or the world's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tacit.catalog import Version
from tacit.errors import (
    CapabilityFailed,
    EnergyExhausted,
    GuestExited,
    GuestTrapped,
    InvalidOutput,
    LogTooLarge,
    MemoryExhausted,
    NoOutput,
    OutputTooLarge,
    RunTimedOut,
    StackOverflowed,
    TooManyHostCalls,
)
from tacit.sandbox import HostCall
from tacit.service.attempt import Attempt

_ALWAYS_OWN = frozenset(
    kind.code
    for kind in (
        GuestTrapped,
        MemoryExhausted,
        StackOverflowed,
        OutputTooLarge,
        LogTooLarge,
        TooManyHostCalls,
        GuestExited,
        NoOutput,
        InvalidOutput,
    )
)
_SHARED = frozenset({EnergyExhausted.code, RunTimedOut.code})
"""What a run uses up together with those that it calls, within what its caller allowed."""


def own_failure(attempt: Attempt) -> bool:
    """Return whether the attempt failed by the version's own fault."""
    failure = attempt.execution.failure
    if failure is None:
        return False
    frame = attempt.frame
    bounded = frame.lowered or frame.depth > 0
    return is_own(failure.to_dict(), attempt.prepared.version, bounded=bounded, calls=attempt.calls)


def is_own(error: Mapping[str, Any], version: Version, *, bounded: bool, calls: Iterable[HostCall]) -> bool:
    """Return whether a run of `version` that ended with `error` (as `TacitError.to_dict` gives it) is its own failure.

    `bounded` says that a caller lowered its energy, or called it with what was left of its own. An error that the
    capability reports is its own unless one of its tests expects that code, or a host call failed before.
    """
    code = error["code"]
    if code in _SHARED:
        return not bounded
    if code != CapabilityFailed.code:
        return code in _ALWAYS_OWN
    reported = error.get("details", {}).get("code")
    expected = {test.expect.error for test in version.tests}
    return expected.isdisjoint({reported, code}) and not any(call.failure or call.error for call in calls)
