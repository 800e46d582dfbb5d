"""Ids of runs and builds: 16 hexadecimal digits that sort by time and are unique across processes.

An id is a 63-bit number: microseconds since 2020 in the upper 51 bits, and in the lower 12 a random tag of the
process. A process never repeats a microsecond, so only two processes with one tag in one microsecond could collide.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
import time

EPOCH_MICROS = 1_577_836_800_000_000
TAG_BITS = 12
_ID = re.compile(r"[0-7][0-9a-f]{15}")


class IdSource:
    """Makes the ids of one process; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0
        self._tag = secrets.randbits(TAG_BITS)

    def number(self) -> int:
        """Return the next number; each is greater than all before it."""
        with self._lock:
            micros = time.time_ns() // 1000 - EPOCH_MICROS
            self._last = micros if micros > self._last else self._last + 1
            return self._last << TAG_BITS | self._tag


_source = IdSource()


def _renew() -> None:
    global _source  # noqa: PLW0603  # a forked process must not share its parent's tag
    _source = IdSource()


os.register_at_fork(after_in_child=_renew)


def new_run_id() -> str:
    """Return a fresh id of a run."""
    return f"{_source.number():016x}"


def new_job_id() -> str:
    """Return a fresh id of a build's job."""
    return f"{_source.number():016x}"


def run_number(run_id: str) -> int | None:
    """Return the number in an id, which is the run's key in the store; None for what is no id."""
    return int(run_id, 16) if _ID.fullmatch(run_id) else None


def started_millis(run_id: str) -> int:
    """Return when an id was made, in milliseconds since the Unix epoch."""
    return ((int(run_id, 16) >> TAG_BITS) + EPOCH_MICROS) // 1000


def least_number(millis: int) -> int:
    """Return the least number of an id made at that time, in milliseconds since the Unix epoch, or later."""
    return max(millis * 1000 - EPOCH_MICROS, 0) << TAG_BITS
