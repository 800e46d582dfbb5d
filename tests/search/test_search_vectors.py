"""FAISS: the same vectors in every form, growing from one to the next."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tacit.models import Card
from tacit.search import MemoryVectors, SearchIndex
from tacit.search.embedder import QueryEmbedding
from tacit.search.vectors import FLAT_LIMIT, HALF_LIMIT, VectorIndex

DIMENSIONS = 8


def unit_vectors(count: int) -> NDArray[np.float32]:
    """Return random unit vectors."""
    vectors = np.random.default_rng(3).standard_normal((count, DIMENSIONS)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def forms() -> dict[str, tuple[VectorIndex, NDArray[np.float32]]]:
    """Return an index in each form, as growing makes it, with its vectors by slot."""
    vectors = unit_vectors(HALF_LIMIT + 1)
    made: dict[str, tuple[VectorIndex, NDArray[np.float32]]] = {}
    for count in (500, FLAT_LIMIT + 1, HALF_LIMIT + 1):
        index = VectorIndex(DIMENSIONS)
        index.add(range(count), vectors[:count])
        while index.outgrown():
            index = index.grown(np.arange(count))
        made[index.form] = (index, vectors[:count])
    return made


@pytest.mark.parametrize("form", ["flat", "half", "lists"])
def test_each_form_finds_the_nearest(forms: dict[str, tuple[VectorIndex, NDArray[np.float32]]], form: str) -> None:
    """In its form for each size, the index finds at least nine of the ten nearest vectors."""
    index, vectors = forms[form]
    for query in unit_vectors(3):
        expected = np.argsort(-(vectors @ query))[:10]
        assert len(set(index.nearest(query, 10).tolist()) & set(expected.tolist())) >= 9


@pytest.mark.parametrize("form", ["flat", "half", "lists"])
def test_each_form_gives_vectors_back(forms: dict[str, tuple[VectorIndex, NDArray[np.float32]]], form: str) -> None:
    """The vectors at slots come back in the order asked, to half precision at least."""
    index, vectors = forms[form]
    slots = np.array([7, 3, 499, 0])
    assert index.at(slots) == pytest.approx(vectors[slots], abs=1e-3)


@pytest.mark.parametrize("form", ["flat", "half", "lists"])
def test_each_form_takes_changes(forms: dict[str, tuple[VectorIndex, NDArray[np.float32]]], form: str) -> None:
    """A removed vector is gone, a new one at its slot is found; the others stay."""
    index, vectors = forms[form]
    copy = VectorIndex.restored(index.serialised(), DIMENSIONS)
    copy.remove([5])
    assert 5 not in copy.nearest(vectors[5], 10)
    copy.add([5], -vectors[5:6])
    assert copy.nearest(-vectors[5], 1).tolist() == [5]
    assert copy.at(np.array([6])) == pytest.approx(vectors[6:7], abs=1e-3)
    assert len(copy) == len(vectors)


class NumberEmbedder:
    """Embeds a text `number …` as that number's random vector."""

    name, kind, dimensions = "numbers", "service", DIMENSIONS

    def __init__(self) -> None:
        self._vectors = unit_vectors(FLAT_LIMIT + 10)

    def documents(self, texts: list[str]) -> NDArray[np.float32]:
        return self._vectors[[int(text.split()[1].rstrip(":")) for text in texts]]

    def query(self, text: str) -> QueryEmbedding:
        vector = self.documents([text])[0]
        return QueryEmbedding(vector, vector[None][:0])

    def close(self) -> None:
        pass


def test_an_index_grows_with_its_cards() -> None:
    """An index that passes 10,000 cards changes its form, and finds old and new cards, changed and removed ones."""
    index = SearchIndex(NumberEmbedder(), MemoryVectors())
    index.sync(Card(id=f"number_{number}", summary="") for number in range(FLAT_LIMIT + 2))
    assert index.embed_missing() == 0
    index.remove(["number_17"])
    index.add([Card(id=f"number_{FLAT_LIMIT + 5}", summary="")])
    assert index.embed_missing() == 0
    assert index._cards._vectors is not None
    assert index._cards._vectors.form == "half"
    for number in (0, FLAT_LIMIT, FLAT_LIMIT + 5):
        assert index.search(f"number {number}", 1)[0].id == f"number_{number}"
    assert index.search("number 17", 1)[0].id != "number_17"
    index.close()
