"""The seam between a guest and the world: what its host functions answer.

The engine knows only this protocol. `LiveWorld` touches files and hosts, `FixtureWorld` answers from a
test, `ReplayWorld` from a record; `RecordingWorld` wraps any of them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol


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

    def capability_call(self, capability: str, data: bytes) -> bytes:
        """Run another capability on JSON `data` and return its JSON output."""
        ...

    def current_time_millis(self) -> int:
        """Return the time in milliseconds since the Unix epoch."""
        ...
