"""What an author has found out so far: what a build that is stopped leaves for its record."""

from __future__ import annotations

from tacit.plain_text import made_plain
from tacit.schemas import shorten

MAX_FINDING = 4000
"""Characters kept of each finding."""


class Findings:
    """The latest finding of each kind, such as the specification and the last diagnostics, in order of their kinds."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def note(self, kind: str, text: str) -> None:
        """Keep the finding in place of the one before of that kind; an empty text forgets it."""
        self._found[kind] = made_plain(shorten(text, MAX_FINDING))

    def text(self) -> str:
        """Return all findings as paragraphs, the kind before each."""
        return "\n\n".join(f"{kind}:\n{text}" for kind, text in self._found.items() if text)
