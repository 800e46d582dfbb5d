"""Texts as the store can hold them, and as it holds them where they were damaged.

What a client says must not be why something goes unrecorded, nor a damaged text why the rows beside it are not read.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Label, LargeBinary, cast

MARK = "\ufffd"
"""What stands in a text that was read for what is no UTF-8."""


def storable(text: str) -> str:
    """Return the text with a question mark for each lone surrogate, which is no Unicode."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def is_storable(text: str) -> bool:
    """Return whether the store can hold the text as it is."""
    return storable(text) == text


def in_bytes(column: ColumnElement[Any], name: str = "") -> Label[bytes]:
    """Return a text column, under its name or another, as the bytes that are kept: SQLite would refuse damaged ones."""
    return cast(column, LargeBinary).label(name or column.key)


def marked(kept: bytes) -> str:
    """Return kept bytes as text, with `MARK` in place of what is no UTF-8."""
    return kept.decode("utf-8", "replace")
