"""The seam between a guest and the world: what its host functions answer.

The engine knows only this protocol. `LiveWorld` touches files and hosts, `FixtureWorld` answers from a
test, `ReplayWorld` from a record; `RecordingWorld` wraps any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from tacit.errors import TacitError


class FailureCode(IntEnum):
    """The negative codes that a host function answers a guest; `capability_common` mirrors them."""

    FAILED = -1
    NOT_FOUND = -2
    TOO_LARGE = -3
    TIMED_OUT = -4
    INVALID = -5


class HostFailure(Exception):  # an answer to the guest, not an error of Tacit
    """A failure that the guest sees and may handle: a negative code, and `message` as the call's result.

    What may not be done at all is `errors.PermissionDenied` instead: it ends the run, so that a guest cannot
    swallow what the operator has to know.
    """

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Called:
    """What the run of another capability came to: its output, or why it failed, and the energy that it used (fuel).

    The energy is that of the callee and of all that it called, and is its caller's to pay in any case. A `HostFailure`
    is the caller's to handle; a `TacitError` ends it.
    """

    output: bytes
    energy: int = 0
    failure: HostFailure | TacitError | None = None


class World(Protocol):
    """Answers one run's host functions, on one thread at a time.

    Each method may raise `HostFailure` (the guest sees it) or a `TacitError` (it ends the run).
    """

    def http_get(self, url: str) -> bytes:
        """Return the body that a GET of `url` answers."""
        ...

    def file_read(self, path: str) -> bytes:
        """Return the bytes of the file at `path`, relative to the files folder."""
        ...

    def file_write(self, path: str, data: bytes) -> None:
        """Keep `data` for `path`; it lands when the run succeeds."""
        ...

    def capability_call(self, capability: str, data: bytes, energy: int) -> Called:
        """Run another capability on JSON `data` within `energy` (fuel); raises where nothing was run."""
        ...

    def delegate(self, agent: str, task: str) -> bytes | None:
        """Return an agent's answer to a task as JSON, None where no agent is at hand."""
        ...

    def observe(self, name: str, data: bytes) -> None:
        """Take note of what a run shows of itself: a name and a JSON value."""
        ...

    def current_time_millis(self) -> int:
        """Return the time in milliseconds since the Unix epoch."""
        ...

    def clock_time_get(self, now: int) -> int:
        """Return the time at which WASI's real-time clock begins; `now` is the run's start, as it is recorded."""
        ...
