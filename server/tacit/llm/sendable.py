"""JSON values as they can be sent: without lone surrogates, which UTF-8 cannot write, and numbers that JSON has not."""

from __future__ import annotations

import math
from typing import Any, cast


def made_sendable(value: Any) -> Any:
    """Return the value with U+FFFD for what is no character, and text for NaN and the infinities."""
    if isinstance(value, str):
        return _made_whole(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {_made_whole(str(name)): made_sendable(item) for name, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [made_sendable(item) for item in cast("list[Any]", value)]
    return value


def _made_whole(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        # UTF-16 joins the two halves of a character that JSON escapes have left apart.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
