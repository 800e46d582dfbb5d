"""Answers of pure runs, kept in memory.

What has no effects, itself (its imports prove it) or by anything that it calls, gives the same output for the same
input, so a second run can be answered from the first. A program may fail for want of energy that it asks for and does
not use, so the second has to be allowed as much as the first. Nothing here outlives the process.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MIN_ENERGY = 2_000_000
"""Runs below this many units of energy (about a millisecond) are cheaper to run again than worth remembering."""


@dataclass(frozen=True, slots=True)
class CachedRun:
    """The answer of an earlier run: its record's id, output, and the energy that it took and that it was allowed.

    `observed` are further fields of the answer, about what it observed; they are small.
    """

    run_id: str
    output: Any
    output_bytes: int
    energy: int
    allowed: int
    observed: Mapping[str, Any] = field(default_factory=dict[str, Any])


class RunCache:
    """A least-recently-used cache from (key of what runs, input bytes) to the run's answer; thread-safe.

    It holds at most `max_bytes` of inputs and outputs together.
    """

    def __init__(self, max_bytes: int = 32 << 20) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._runs: OrderedDict[tuple[str, bytes], CachedRun] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, what: str, data: bytes, energy: int) -> CachedRun | None:
        """Return the remembered run that was allowed `energy` units or less, or None."""
        key = (what, data)
        with self._lock:
            found = self._runs.get(key)
            if found is None or found.allowed > energy:
                return None
            self._runs.move_to_end(key)
            return found

    def put(self, what: str, data: bytes, run: CachedRun) -> None:
        """Remember a run if repeating it would cost more than remembering it; of two, the one that was allowed less."""
        size = len(data) + run.output_bytes
        if run.energy < MIN_ENERGY or size > self._max_bytes // 8:
            return
        key = (what, data)
        with self._lock:
            before = self._runs.get(key)
            if before is not None and before.allowed <= run.allowed:
                return
            self._runs[key] = run
            self._bytes += size - (len(data) + before.output_bytes if before is not None else 0)
            while self._bytes > self._max_bytes:
                (_, oldest_data), oldest = self._runs.popitem(last=False)
                self._bytes -= len(oldest_data) + oldest.output_bytes
