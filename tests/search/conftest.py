"""The real embedder, and an index of the sample cards by it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from search_samples import CARDS

from tacit.config import Settings
from tacit.search import MemoryVectors, SearchIndex, find_weights
from tacit.search.embedder import MiniLmEmbedder
from tacit.search.weights import WeightsFolder


@pytest.fixture(scope="session")
def weights() -> WeightsFolder:
    """Return where the weights of MiniLM are on this machine."""
    cache = os.environ.get("TACIT_CACHE")
    found = find_weights(Settings.load(cache=cache))
    assert found is not None, "the weights of all-MiniLM-L6-v2 are missing; the project's set-up installs them"
    return found


@pytest.fixture(scope="session")
def minilm(weights: WeightsFolder) -> MiniLmEmbedder:
    """Return the real embedder; it has no state that a test could change."""
    return MiniLmEmbedder(weights)


@pytest.fixture(scope="session")
def sample_vectors(minilm: MiniLmEmbedder) -> MemoryVectors:
    """Return a vector store with the vectors of the sample cards."""
    vectors = MemoryVectors()
    index = SearchIndex(minilm, vectors)
    index.sync(CARDS)
    assert index.embed_missing() == 0
    index.close()
    return vectors


@pytest.fixture
def index(minilm: MiniLmEmbedder, sample_vectors: MemoryVectors) -> Iterator[SearchIndex]:
    """Return an index of the sample cards, ready."""
    ready = SearchIndex(minilm, sample_vectors)
    ready.sync(CARDS)
    yield ready
    ready.close()
