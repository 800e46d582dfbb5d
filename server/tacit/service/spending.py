"""What authors may use: the policy `cost_limits`, for each build and for all builds of the last 24 hours together."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tacit.building.orders import Budget
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

    def budget(self) -> Budget:
        """Return what one more build may use: what the policy gives a build, or what is left of the day.

        Raises `BuildRefused("budget")` when nothing is left.
        """
        used, limits = self._used_today(), self._limits()
        left = {name: limit - getattr(used, name) for name, limit in _limits(limits, "day").items()}
        self._require(left, limits)
        own = _limits(limits, "build")
        self._require(own, limits, per="build")
        return Budget(**{name: min(own[name], left[name]) for name in _MEASURES})

    def check(self, budget: Budget, usage: Usage) -> None:
        """Raise `BuildRefused("budget")` when a build used more than its budget, or all builds more than the day's.

        A build stops by itself before a call that it cannot pay for; its last one may cost more than was left.
        """
        limits = self._limits()
        self._require({"llm_calls": budget.llm_calls - usage.llm_calls + 1}, limits, per="build")
        used = self._used_today()
        day = {name: limit - getattr(used, name) + 1 for name, limit in _limits(limits, "day").items()}
        self._require(day, limits)

    def _used_today(self) -> Usage:
        return self._builds.used_since(time.time_ns() // 1_000_000 - DAY_MILLIS)

    def _require(self, left: dict[str, int], limits: CostLimits, per: str = "day") -> None:
        for name, amount in left.items():
            if amount <= 0:
                field = f"{name}_per_{per}"
                span = "of the last 24 hours" if per == "day" else "of a build"
                raise BuildRefused(
                    "budget",
                    f"The budget {span} is used up: {getattr(limits, field)} {_MEASURES[name]}.",
                    hint=f"The operator raises it with `tacit policy set cost_limits {field}=…`.",
                )


def _limits(limits: CostLimits, per: str) -> dict[str, Any]:
    return {name: getattr(limits, f"{name}_per_{per}") for name in _MEASURES}
