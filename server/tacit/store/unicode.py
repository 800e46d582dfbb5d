"""Texts as the store can hold them: what a client says must not be why something goes unrecorded."""

from __future__ import annotations


def storable(text: str) -> str:
    """Return the text with a question mark for each lone surrogate, which is no Unicode."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def is_storable(text: str) -> bool:
    """Return whether the store can hold the text as it is."""
    return storable(text) == text
