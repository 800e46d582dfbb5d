"""JSON as the standard has it (RFC 8259): what a guest prints and what a caller sends are read by the same rules.

Whole numbers are read exactly, whatever their size. Other numbers become floats, and where their digits matter,
`parse_exact` refuses one that a float does not hold digit for digit.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

from pydantic_core import from_json

from tacit.errors import TooManyDigits
from tacit.json_path import path_of

_MAYBE_INFINITE = re.compile(rb"[eE]\+?0*[1-9][0-9]{2}|(?<![0-9])[0-9]{300}")
"""Numbers that may be too large for a double, which the parser reads as infinity; each run of digits is looked at once,
or a megabyte of 299 each takes as long as all else that is done with it."""
_LONG = re.compile(rb"[0-9.][0-9.]{16}")
_FAR = re.compile(rb"[eE][+-]?0*[1-9][0-9]{2}")
"""Numbers with more digits than a double always holds, and those that may be outside of its range. Both patterns begin
with a set of characters, which is what makes looking for them fast."""
_SHOWN = 60


class InexactNumber(ValueError):
    """A number in a JSON text that no float holds digit for digit: where it is, and how it is `written`."""

    def __init__(self, path: Sequence[str | int], written: str) -> None:
        shown = written if len(written) <= _SHOWN else f"{written[:_SHOWN]}…"
        super().__init__(f"the number at {path_of(path)} has more digits than a number here keeps ({shown})")
        self.path = tuple(path)
        self.written = shown


class _Unheld(str):
    """A number that no float holds digit for digit, as it is written."""

    __slots__ = ()


def parse(text: bytes) -> Any:
    """Return the one value in UTF-8 `text`; raises `ValueError` with where it stops being JSON.

    No NaN or infinities, numbers beyond a double included, no lone surrogates, at most 200 levels deep.
    """
    value: Any = from_json(text, allow_inf_nan=False)
    if _MAYBE_INFINITE.search(text):
        json.dumps(value, allow_nan=False)
    return value


def parse_exact(text: bytes) -> Any:
    """Return the value as `parse` does; raises `InexactNumber` for one that would lose digits."""
    value: Any = from_json(text, allow_inf_nan=False)
    if _may_lose_digits(text):
        if _MAYBE_INFINITE.search(text):
            json.dumps(value, allow_nan=False)
        found = inexact_in(text)
        if found is not None:
            raise found
    return value


def inexact_in(text: bytes) -> InexactNumber | None:
    """Return the first number of a JSON text that a float does not hold digit for digit, None also for other texts."""
    if not _may_lose_digits(text):
        return None
    try:
        value = json.loads(text.decode("utf-8", "replace"), parse_float=_held)
    except (ValueError, RecursionError):
        return None
    return next(_unheld_in(value), None)


def holds_digits(written: str) -> bool:
    """Return whether a float holds a number, not a whole one, digit for digit.

    It does where it is written so with as many digits: 0.1, 0.30, 0.10000000000000001, 0.1000000000000000055511.
    """
    return not isinstance(_held(written), _Unheld)


def too_many_digits(number: InexactNumber) -> TooManyDigits:
    """Return the error for a number that would reach the guest as another one."""
    return TooManyDigits(
        f"Digits would be lost: {number}.",
        hint="Nothing was done. Round it to 15 digits, or send its digits as a text if the capability takes one there.",
        details={"path": path_of(number.path), "written": number.written},
    )


def _may_lose_digits(text: bytes) -> bool:
    return bool(_LONG.search(text) or _FAR.search(text))


def _held(written: str) -> float | _Unheld:
    """Return the float, or the number as it is written where the float would be another one.

    One that is too large is infinite, which is refused wherever a value is made into JSON.
    """
    number = float(written)
    if repr(number) == written or math.isinf(number):
        return number
    mantissa = written.lower().partition("e")[0]
    digits = mantissa.lstrip("-+").replace(".", "").strip("0")
    if not digits:
        return number
    same = f"{number:.{len(digits) - 1}e}".partition("e")[0].lstrip("-").replace(".", "")
    return number if same == digits else _Unheld(written)


def _unheld_in(value: Any) -> Iterator[InexactNumber]:
    """Yield the numbers of a value that were too long for a float, in their order."""
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while pending:
        path, each = pending.pop()
        if isinstance(each, _Unheld):
            yield InexactNumber(path, each)
        elif isinstance(each, dict):
            pending += reversed([((*path, name), part) for name, part in cast("dict[str, Any]", each).items()])
        elif isinstance(each, list):
            pending += reversed([((*path, index), part) for index, part in enumerate(cast("list[Any]", each))])
