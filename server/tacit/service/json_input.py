"""From what a caller sent to the bytes that a guest reads: strict JSON, within the size limit.

NaN, infinities and lone surrogates are refused here, once, for every entry point, and so are numbers that would lose
digits wherever their text is at hand.
"""

from __future__ import annotations

import json
from typing import Any, cast

from tacit import strict_json
from tacit.config import raise_hint
from tacit.errors import InputTooLarge, InvalidJson

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def parse(text: bytes, limit: int) -> Any:
    """Return the JSON value that `text` (UTF-8) holds.

    Raises `InputTooLarge` over `limit` bytes, `InvalidJson` with where the text stops being JSON, and `TooManyDigits`.
    """
    _check_size(len(text), limit)
    try:
        return strict_json.parse_exact(text)
    except strict_json.InexactNumber as number:
        raise strict_json.too_many_digits(number) from number
    except ValueError as error:
        raise InvalidJson(f"The input is not JSON: {error}.", hint="Send one JSON value.") from error


def encode(value: Any, limit: int) -> bytes:
    """Return the compact UTF-8 JSON of `value`; raises as `parse` does."""
    try:
        text = _ENCODER.encode(value).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidJson(
            f"The input is not JSON: {error}.",
            hint="Send finite numbers, well-formed Unicode and at most a few hundred levels of nesting.",
        ) from error
    _check_size(len(text), limit)
    return text


def is_small(value: Any, limit: int) -> bool:
    """Return whether a value may take at most `limit` bytes as JSON, found out with as little work."""
    left, found = limit, [value]
    while found and left >= 0:
        each = found.pop()
        if isinstance(each, str):
            left -= len(each) + 1
            continue
        left -= 1
        if isinstance(each, list | tuple | dict):
            within = cast("list[Any] | tuple[Any, ...] | dict[Any, Any]", each)
            left -= len(within)
            if left >= 0:
                found.extend(within)
                found.extend(within.values() if isinstance(within, dict) else ())
        elif isinstance(each, int):
            left -= each.bit_length() // 4
    return left >= 0


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise InputTooLarge(
            f"The input has {size} bytes; the limit is {limit}.",
            hint="Send a part of it, or put the data into a file where the capability takes a path."
            + raise_hint("input_bytes", limit),
            details={"bytes": size, "limit": limit},
        )
