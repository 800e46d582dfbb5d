"""Text from strangers that is shown to people and models: without what steers terminals or hides what it says."""

from __future__ import annotations

import re

# Control characters but tab and line feed, separators of lines and paragraphs, and what turns the direction of text.
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_UNWRITABLE = re.compile("[\ud800-\udfff]")


def made_plain(text: str) -> str:
    """Return the text without such characters."""
    return _UNWRITABLE.sub("", _STEERING.sub("", text))


def require_plain(text: str) -> str:
    """Return the text as it is; raises `ValueError` when it holds such a character."""
    found = _STEERING.search(text) or _UNWRITABLE.search(text)
    if found:
        raise ValueError(f"the character U+{ord(found.group()):04X} is not allowed")
    return text
