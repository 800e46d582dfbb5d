"""What language models cost, where the operator has said so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from tacit.config import Settings
from tacit.models import Usage


@dataclass(frozen=True, slots=True)
class Prices:
    """What a million tokens cost, in whatever currency the operator meant."""

    per_million_in: float
    per_million_out: float

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return the prices in the settings, None unless both are set."""
        if settings.llm_price_input is None or settings.llm_price_output is None:
            return None
        return cls(settings.llm_price_input, settings.llm_price_output)

    def cost(self, usage: Usage) -> float:
        """Return what the usage cost."""
        return (usage.prompt_tokens * self.per_million_in + usage.completion_tokens * self.per_million_out) / 1e6
