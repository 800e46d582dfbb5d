"""What authors may use: the policy `cost_limits`, for each build and for all builds of the last 24 hours together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tacit.building.orders import Budget
from tacit.clock import now_millis
from tacit.errors import BuildRefused
from tacit.learning.policies import CostLimits
from tacit.models import Usage
from tacit.store import Builds

DAY_MILLIS = 24 * 60 * 60 * 1000
_MEASURES = {"tokens": "tokens", "llm_calls": "calls of the model", "attempts": "sources compiled"}


class Spending:
    """Compares what authors used, in every process on this data folder, with the policy; thread-safe."""

    def __init__(self, builds: Builds, limits: Callable[[], CostLimits]) -> None:
        self._builds = builds
        self._limits = limits

    def require_some(self) -> None:
        """Raise `BuildRefused("budget")` when nothing is left for one more build."""
        self._allowed(self._builds.spoken_for_since(_yesterday()))

    def reserve(self, job: str) -> Budget:
        """Return what a build that has begun may use: what the policy gives a build, or what is left of the day.

        It is set aside, so that builds that run at once, in whichever process, share the day and do not each spend
        what is left of it. Raises `BuildRefused("budget")` when nothing is left.
        """
        kept = self._builds.reserve(job, _yesterday(), self._allowed)
        return Budget(tokens=kept.tokens, llm_calls=kept.llm_calls, attempts=kept.attempts)

    def check(self, budget: Budget, usage: Usage) -> None:
        """Raise `BuildRefused("budget")` when a build used more than its budget, or all builds more than the day's.

        A build stops by itself before a call that it cannot pay for. But the tokens of its last call are known only
        afterwards, and the policy may have been lowered; who used exactly what there was may finish.
        """
        limits = self._limits()
        self._require({"llm_calls": budget.llm_calls >= usage.llm_calls}, limits, per="build")
        used = self._builds.used_since(_yesterday())
        day = {name: limit >= getattr(used, name) for name, limit in _limits(limits, "day").items()}
        self._require(day, limits)

    def _allowed(self, spoken_for: Usage) -> Usage:
        """Return what one more build may use beside what is spoken for of the day."""
        limits = self._limits()
        own = _limits(limits, "build")
        left = {name: limit - getattr(spoken_for, name) for name, limit in _limits(limits, "day").items()}
        self._require({name: amount > 0 for name, amount in left.items()}, limits)
        self._require({name: amount > 0 for name, amount in own.items()}, limits, per="build")
        allowed = {name: min(own[name], left[name]) for name in _MEASURES}
        return Usage(prompt_tokens=allowed["tokens"], llm_calls=allowed["llm_calls"], attempts=allowed["attempts"])

    def _require(self, enough: dict[str, bool], limits: CostLimits, per: str = "day") -> None:
        for name, fits in enough.items():
            if not fits:
                field = f"{name}_per_{per}"
                span = "of the last 24 hours, with what builds under way may use," if per == "day" else "of a build"
                raise BuildRefused(
                    "budget",
                    f"The budget {span} is used up: {getattr(limits, field)} {_MEASURES[name]}.",
                    hint=f"The operator raises it with `tacit policy set cost_limits {field}=…`.",
                )


def _limits(limits: CostLimits, per: str) -> dict[str, Any]:
    return {name: getattr(limits, f"{name}_per_{per}") for name in _MEASURES}


def _yesterday() -> int:
    return now_millis() - DAY_MILLIS
