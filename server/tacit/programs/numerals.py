"""Numbers as sources and texts write them: whole ones exactly, as far as programs calculate, others as floats."""

from __future__ import annotations

import re

LARGEST = (1 << 63) - 1
"""The largest whole number to calculate with; JSON's readers elsewhere take no larger one exactly, if any at all."""
MAX_DIGITS = 4_000
"""Digits of a whole number in JSON; Python itself reads and writes hardly more."""

_NUMBER = re.compile(r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?", re.ASCII)
"""Possessive, so that a million digits with something else behind them are looked at once."""


def read_number(text: str) -> int | float | None:
    """Return the number that a text is, infinite where it is too large for a float; None where it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    digits = text.lstrip("+-").lstrip("0") or "0"  # Python counts leading zeros among the digits that it reads
    if len(digits) <= len(str(LARGEST)) and digits.isdecimal() and (whole := int(digits)) <= LARGEST:
        return -whole if text.startswith("-") else whole
    return float(text)


def read_whole(digits: str) -> int:
    """Return a whole number of JSON; raises ValueError for one that is too long to be written again."""
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits is too long; {MAX_DIGITS} may be")
    return int(digits)
