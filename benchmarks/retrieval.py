"""Tacit's search as a system for a retrieval evaluation: `index(tools)` and `search(obj, query, k)`.

`tools` is a list of `{"id", "summary"}`, with `"examples"` (a list of texts) where there are any.
"""

from __future__ import annotations

from typing import Any

from tacit.config import Settings
from tacit.models import Card
from tacit.search import MemoryVectors, SearchIndex, open_embedder


def index(tools: list[dict[str, Any]]) -> SearchIndex:
    """Return an index of the tools, with every vector made."""
    built = SearchIndex(open_embedder(Settings.load()), MemoryVectors())
    built.sync(
        Card(id=tool["id"], summary=tool["summary"], examples=tuple(tool.get("examples") or ())) for tool in tools
    )
    built.embed_missing()
    return built


def search(obj: SearchIndex, query: str, k: int) -> list[str]:
    """Return the ids of the k best tools, best first."""
    return [match.id for match in obj.search(query, k)]
