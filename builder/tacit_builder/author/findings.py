"""What an author has found out so far: what a build that ends without a version leaves for its record."""

from __future__ import annotations

from collections.abc import Callable

from tacit.building.protocol import Finding
from tacit.plain_text import made_plain
from tacit.schemas.validator import shorten

MAX_FINDING = 4000
"""Characters kept of each finding."""


class Findings:
    """Tells the server the latest finding of each kind, such as the specification and the last diagnostics."""

    def __init__(self, say: Callable[[Finding], None]) -> None:
        """Take what tells the server."""
        self._say = say
        self._found: dict[str, str] = {}

    def note(self, kind: str, text: str) -> None:
        """Put the finding in place of the one before of that kind; an empty text takes that back."""
        kept = made_plain(shorten(text, MAX_FINDING))
        if kept != self._found.get(kind, ""):
            self._found[kind] = kept
            self._say(Finding(about=kind, text=kept))
