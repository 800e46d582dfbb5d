"""How long to wait before an endpoint is asked again: as long as it asks for, or twice as long each time."""

from __future__ import annotations

import math
import random
import time
from email.utils import mktime_tz, parsedate_tz
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 8.0
"""The longest wait that is not asked for."""

ALL_SECONDS = 120.0
"""How long one answer may be waited for in all, between its tries."""


def wait_before(tries: int, asked: float | None) -> float:
    """Return the seconds to wait after `tries` tries; `asked` is what the endpoint wants, if it says.

    Up to a quarter less than doubling gives, at random, so that many do not come back at once.
    """
    if asked is not None:
        return asked
    longest = min(FIRST_SECONDS * 2.0 ** min(tries - 1, 16), LONGEST_SECONDS)
    return longest * (1 - 0.25 * random.random())  # noqa: S311 # spreads load, guards nothing


def wait_asked_for(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `retry-after-ms` or `Retry-After` (seconds, a date) ask for, None where neither does."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if not math.isnan(seconds):
            return max(seconds, 0.0)
    date = parsedate_tz(headers.get("retry-after", ""))
    try:
        return max(mktime_tz(date) - time.time(), 0.0) if date else None
    except (ValueError, OverflowError):
        return None
