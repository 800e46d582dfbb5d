"""How long runs of each version took so far: whether the next one may have a place that is kept for short ones."""

from __future__ import annotations

from tacit.errors import EnergyExhausted, RunCancelled, RunTimedOut
from tacit.places import SHORT_SECONDS
from tacit.sandbox import Execution

MAX_KNOWN = 4096
FIRST_PENALTY = 8
LARGEST_PENALTY = 4096
_CUT_OFF = (EnergyExhausted, RunCancelled, RunTimedOut)


class Paces:
    """Remembers, in memory alone, which closures are short; thread-safe, since the worst race loses one run's word.

    One short run is enough at first. After a long one it takes eight in a row, after the next long one sixteen, and
    so on: one that is short and long by turns seldom gets a place that is kept for short ones.
    """

    def __init__(self) -> None:
        self._missing: dict[str, int] = {}
        """How many short runs in a row a closure lacks to count as short."""
        self._penalties: dict[str, int] = {}

    def is_short(self, key: str) -> bool:
        """Whether the runs of that closure were short; one that never ran is not known to be."""
        return self._missing.get(key) == 0

    def note(self, key: str, execution: Execution) -> None:
        """Learn from a run of that closure; what was cut off early, or never began, says nothing."""
        if execution.seconds >= SHORT_SECONDS:
            penalty = self._penalties.get(key, FIRST_PENALTY)
            self._missing[key], self._penalties[key] = penalty, min(2 * penalty, LARGEST_PENALTY)
        elif not (missing := self._missing.get(key, 1)) or isinstance(execution.failure, _CUT_OFF):
            return
        else:
            self._missing[key] = missing - 1
        if len(self._missing) > MAX_KNOWN:
            for oldest in list(self._missing)[:1]:
                self._missing.pop(oldest, None)
                self._penalties.pop(oldest, None)
