"""What an author has used of its budget; asked before everything that costs something."""

from __future__ import annotations

import threading

from tacit.building.orders import Budget
from tacit.errors import BuildRefused
from tacit.models import Usage

_HINT = "Ask for something smaller, write the source yourself, or raise {} in the policy cost_limits."


class Meter:
    """Counts what one author uses, and refuses what would be beyond its budget; thread-safe.

    What an exchange takes is known only once it is over. So before one there has to be room for what is about to be
    said and for an answer as long as the last one: the budget is exceeded at most by what the answer is longer.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._used = Usage()
        self._answer = 0
        self._unreported = 0
        self._lock = threading.Lock()

    @property
    def used(self) -> Usage:
        """All that was used so far."""
        return self._used

    def require_exchange(self, asked: int) -> None:
        """Raise `BuildRefused("budget")` unless the model may be asked once more, with about `asked` tokens."""
        used, budget = self._used, self._budget
        _require(used.llm_calls, budget.llm_calls, "calls of the language model", "llm_calls")
        _require(used.tokens, budget.tokens, "tokens", "tokens")
        if used.tokens + asked + self._answer > budget.tokens:
            raise BuildRefused(
                "budget",
                f"The author has used {used.tokens} tokens, the next exchange takes about {asked + self._answer}, and "
                f"{budget.tokens} are what this build may use.",
                hint=_HINT.format("tokens"),
            )

    def count(self, usage: Usage) -> None:
        """Add what an exchange used."""
        with self._lock:
            self._used += usage
            self._answer = usage.completion_tokens

    def count_attempt(self) -> None:
        """Count one more source that is compiled; raises `BuildRefused("budget")` when there were enough."""
        with self._lock:
            _require(self._used.attempts, self._budget.attempts, "attempts to compile", "attempts")
            self._used += Usage(attempts=1)
            self._unreported += 1

    def take_attempts(self) -> int:
        """Return the attempts since this was last asked."""
        with self._lock:
            taken, self._unreported = self._unreported, 0
            return taken


def _require(used: int, limit: int, what: str, name: str) -> None:
    if used >= limit:
        raise BuildRefused(
            "budget",
            f"The author has used {used} {what}, and {limit} are what this build may use.",
            hint=_HINT.format(name),
        )
