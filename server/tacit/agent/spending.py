"""What a task used: the agent's own model, the builds that it led to, and the time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tacit.models import Usage
from tacit.prices import Prices


@dataclass(frozen=True, slots=True)
class Spending:
    """`asked` is what the agent's model used, `built` what authors used in the builds; `seconds` are wall time."""

    prices: Prices | None = None
    asked: Usage = field(default_factory=Usage)
    built: Usage = field(default_factory=Usage)
    seconds: float = 0.0

    def __add__(self, other: Spending) -> Spending:
        """Return the sum; the prices are those of the first."""
        return Spending(self.prices, self.asked + other.asked, self.built + other.built, self.seconds + other.seconds)

    def line(self) -> str:
        """Return all of it on one line, the builds' part said apart where there was one."""
        whole = self._parts(self.asked + self.built)
        line = " · ".join([*whole, f"{self.seconds:.1f} s"])
        return f"{line} (building: {' · '.join(self._parts(self.built))})" if self.built.llm_calls else line

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON: the whole, and the builds' part under `builds`."""
        return {**self._figures(self.asked + self.built), "seconds": round(self.seconds, 3)} | {
            "builds": {**self._figures(self.built), "attempts": self.built.attempts}
        }

    def _parts(self, usage: Usage) -> list[str]:
        calls = f"{usage.llm_calls} LLM call{'' if usage.llm_calls == 1 else 's'}"
        about = "about " if usage.estimated else ""
        tokens = f"{about}{usage.prompt_tokens:,} tokens in, {usage.completion_tokens:,} out"
        return [tokens, calls, *([f"cost {self.prices.cost(usage):.4f}"] if self.prices else [])]

    def _figures(self, usage: Usage) -> dict[str, Any]:
        figures = usage.model_dump(exclude={"attempts"})
        return figures | {"cost": round(self.prices.cost(usage), 6)} if self.prices else figures
