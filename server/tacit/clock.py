"""The wall clock, as everything that is kept says when it was."""

from __future__ import annotations

import time


def now_millis() -> int:
    """Return the milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000
