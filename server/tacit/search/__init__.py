"""Search: finds cards by meaning and by words.

Usable alone, on cards without modules:

    index = SearchIndex(open_embedder(settings), MemoryVectors())
    index.sync([Card(id="get_weather", summary="Current weather of a city", examples=("rain in Oslo?",))])
    index.search("do I need an umbrella in Bergen?")

Importing this package imports nothing heavy: NumPy, FAISS, tokenizers and the client of an embedding service come
with their first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tacit.search.embedder import Embedder, open_embedder
    from tacit.search.index import SearchIndex
    from tacit.search.ranking import Match
    from tacit.search.stored import MemoryVectors, VectorStore
    from tacit.search.weights import WeightsFolder, find_weights

_HOMES = {
    "Embedder": "embedder",
    "Match": "ranking",
    "MemoryVectors": "stored",
    "SearchIndex": "index",
    "VectorStore": "stored",
    "WeightsFolder": "weights",
    "find_weights": "weights",
    "open_embedder": "embedder",
}

__all__ = [
    "Embedder",
    "Match",
    "MemoryVectors",
    "SearchIndex",
    "VectorStore",
    "WeightsFolder",
    "find_weights",
    "open_embedder",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
