"""What an author used, with what that cost where the settings have prices."""

from __future__ import annotations

from typing import Any

from tacit.models import Usage
from tacit.prices import Prices
from tacit.texts import usage_text


def used_text(usage: Usage, prices: Prices | None) -> str:
    """Return what was used and what it cost, on one line; empty where no model was asked."""
    text = usage_text(usage)
    return f"{text}, cost {prices.cost(usage):.4f}" if text and prices else text


def with_cost(data: dict[str, Any], prices: Prices | None) -> dict[str, Any]:
    """Return data that has a `usage`, with its `cost` where a model was asked and there are prices."""
    usage = Usage.model_validate(data.get("usage") or {})
    return {**data, "cost": round(prices.cost(usage), 6)} if prices and usage.llm_calls else data
