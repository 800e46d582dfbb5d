"""Searching the catalog before something is handed in: so many searches, each answered with data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tacit.llm import ToolCall
from tacit.plain_text import made_plain
from tacit_builder.author import prompts
from tacit_builder.workbench.definitions import SEARCH

MAX_LOOKUPS = 8


class Lookups:
    """Answers one context's searches of the catalog; `spent` says whether there were too many."""

    def __init__(self, search: Callable[[str], str]) -> None:
        """Take what finds capabilities for a query."""
        self._search = search
        self._asked = 0

    @property
    def tools(self) -> list[dict[str, Any]]:
        """The tools that are answered here, as chat completions describe them."""
        return [SEARCH]

    @property
    def spent(self) -> bool:
        """Whether more was looked up than is answered."""
        return self._asked > MAX_LOOKUPS

    def answer(self, call: ToolCall) -> str | None:
        """Return what a call is answered, None for one of another tool."""
        if call.name != SEARCH["function"]["name"]:
            return None
        self._asked += 1
        if self.spent:
            return f"Not looked up: {MAX_LOOKUPS} searches are the most. Hand in what you have."
        query = (call.arguments or {}).get("query")
        if not isinstance(query, str) or not query.strip():
            return call.problem or f"{call.name} takes the argument query, a text."
        return prompts.framed("capabilities", made_plain(self._search(query)))
