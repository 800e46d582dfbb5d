"""JSON as the standard has it (RFC 8259): what a guest prints and what a caller sends are read by the same rules."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic_core import from_json

_MAYBE_INFINITE = re.compile(rb"[eE]\+?0*[1-9][0-9]{2}|(?<![0-9])[0-9]{300}")
"""Numbers that may be too large for a double, which the parser reads as infinity; each run of digits is looked at once,
or a megabyte of 299 each takes as long as all else that is done with it."""


def parse(text: bytes) -> Any:
    """Return the one value in UTF-8 `text`; raises `ValueError` with where it stops being JSON.

    No NaN or infinities, numbers beyond a double included, no lone surrogates, at most 200 levels deep.
    """
    value: Any = from_json(text, allow_inf_nan=False)
    if _MAYBE_INFINITE.search(text):
        json.dumps(value, allow_nan=False)
    return value
