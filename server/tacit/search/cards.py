"""The cards in memory: each at a slot, in the lexical index and, once it has one, with its vector in FAISS.

Not thread-safe: `SearchIndex` holds the lock.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from heapq import nsmallest
from typing import TYPE_CHECKING, Any

import numpy as np

from tacit.search.lexical import LexicalIndex
from tacit.search.ranking import CANDIDATES, Candidates
from tacit.search.text import id_key, text_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from tacit.search.arrays import Doubles, Floats, Integers
    from tacit.search.embedder import QueryEmbedding
    from tacit.search.vectors import VectorIndex


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a card is, and the text that is indexed of it."""

    slot: int
    text: str


class CardIndex:
    """All cards with their texts and vectors, by id and by slot; slots of removed cards are used again."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._by_slot: list[str | None] = []
        self._by_key: dict[str, list[str]] = {}
        self._free: list[int] = []
        self._with_vector = np.zeros(0, np.bool_)
        self._lexical = LexicalIndex()
        self._vectors: VectorIndex | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, card: str) -> bool:
        return card in self._entries

    def text(self, card: str) -> str | None:
        """Return the indexed text of a card, None where there is no such card."""
        entry = self._entries.get(card)
        return entry.text if entry else None

    def ids(self) -> list[str]:
        """Return the ids of all cards."""
        return list(self._entries)

    def named(self, words: str) -> list[str]:
        """Return the cards whose id a request is, however it is written; the one written exactly so first."""
        return sorted(self._by_key.get(id_key(words), ()), key=lambda card: (card != words, card))

    def put(self, texts: Mapping[str, str], vectors: Mapping[str, Floats]) -> None:
        """Add cards, or replace them by id, with their vectors where there are any."""
        self.remove(texts)
        slots = {card: self._take_slot() for card in texts}
        for card, slot in slots.items():
            self._by_slot[slot] = card
            self._entries[card] = Entry(slot, texts[card])
            self._by_key.setdefault(id_key(card), []).append(card)
        self._lexical.add({slot: texts[card] for card, slot in slots.items()})
        self.attach({card: vector for card, vector in vectors.items() if card in texts})

    def remove(self, ids: Iterable[str]) -> None:
        """Remove cards by id; an unknown id is passed over."""
        entries = {card: self._entries.pop(card) for card in dict.fromkeys(ids) if card in self._entries}
        if not entries:
            return
        slots = [entry.slot for entry in entries.values()]
        self._lexical.remove(slots)
        if self._vectors is not None and self._with_vector[slots].any():
            self._vectors.remove([slot for slot in slots if self._with_vector[slot]])
        self._with_vector[slots] = False
        for card, entry in entries.items():
            self._by_slot[entry.slot] = None
            same = self._by_key[id_key(card)]
            same.remove(card)
            if not same:
                del self._by_key[id_key(card)]
        self._free += slots

    def attach(self, vectors: Mapping[str, Floats]) -> None:
        """Give cards that have none their vectors; a card that is not here, or has one, is passed over."""
        fresh = {
            self._entries[card].slot: vector
            for card, vector in vectors.items()
            if card in self._entries and not self._with_vector[self._entries[card].slot]
        }
        if not fresh:
            return
        if self._vectors is None:
            self._vectors = _vector_index(len(next(iter(fresh.values()))))
        slots = list(fresh)
        self._vectors.add(slots, np.stack(list(fresh.values())))
        self._with_vector[slots] = True

    @property
    def dimensions(self) -> int:
        """The length of the vectors, 0 while there are none."""
        return self._vectors.dimensions if self._vectors is not None else 0

    def without_vector(self, most: int) -> dict[str, str]:
        """Return the texts of at most `most` cards that have no vector, by id: the shortest, of about one length."""
        taken = np.array([card is not None for card in self._by_slot], np.bool_)
        waiting = self._ids_at(np.flatnonzero(taken & ~self._with_vector[: len(taken)]))
        chosen = nsmallest(most, waiting, key=lambda card: len(self._entries[card].text))
        return {card: self._entries[card].text for card in chosen}

    def waiting(self) -> int:
        """Return how many cards have no vector."""
        return len(self._entries) - int(self._with_vector.sum())

    def grown(self) -> VectorIndex | None:
        """Return the vectors in the form for their number, None where they have it; the cards must not change."""
        if self._vectors is None or not self._vectors.outgrown():
            return None
        return self._vectors.grown(np.flatnonzero(self._with_vector))

    def swap(self, vectors: VectorIndex) -> None:
        """Use what `grown()` returned."""
        self._vectors = vectors

    def candidates(self, text: str, named: list[str], embedding: QueryEmbedding | None, most: int) -> Candidates:
        """Return the best cards by words, the best by meaning, at least 200 of each, and those `named`."""
        count = max(CANDIDATES, most)
        lexical = self._lexical.scores(text)
        found = np.union1d(_best(lexical, count), np.array([self._entries[card].slot for card in named], np.int64))
        whole = window = None
        if embedding is not None and self._vectors is not None and len(self._vectors):
            found = np.union1d(found, self._vectors.nearest(embedding.whole, count))
            whole, window = self._cosines(self._vectors, found, embedding)
        return Candidates(self._ids_at(found), named, lexical[found], whole, window)

    def _ids_at(self, slots: Integers) -> list[str]:
        places: list[int] = slots.tolist()
        return [card for place in places if (card := self._by_slot[place]) is not None]

    def _cosines(
        self, index: VectorIndex, slots: Integers, embedding: QueryEmbedding
    ) -> tuple[Doubles, Doubles | None]:
        known = self._with_vector[slots]
        vectors = index.at(slots[known])
        whole = np.full(len(slots), np.nan)
        whole[known] = vectors @ embedding.whole
        if not len(embedding.windows):
            return whole, None
        window = np.full(len(slots), np.nan)
        window[known] = (vectors @ embedding.windows.T).max(axis=1)
        return whole, window

    def _take_slot(self) -> int:
        if self._free:
            return self._free.pop()
        self._by_slot.append(None)
        if len(self._by_slot) > len(self._with_vector):
            self._with_vector = np.pad(self._with_vector, (0, 64 + len(self._by_slot) // 4))
        return len(self._by_slot) - 1

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return facts and arrays from which `restored()` makes this index again."""
        slots = {card: entry.slot for card, entry in self._entries.items()}
        hashes = b"".join(text_hash(entry.text) for entry in self._entries.values())
        arrays: dict[str, Any] = {
            "ids": np.frombuffer(json.dumps(list(slots)).encode(), np.uint8),
            "slots": np.array(list(slots.values()), np.int64),
            "hashes": np.frombuffer(hashes, np.uint8),
            "with_vector": self._with_vector[: len(self._by_slot)],
            **{f"lexical.{name}": array for name, array in self._lexical.arrays().items()},
        }
        if self._vectors is not None:
            arrays["vectors"] = self._vectors.serialised()
        return {"dimensions": self.dimensions}, arrays

    @classmethod
    def restored(cls, meta: Mapping[str, Any], arrays: Mapping[str, Any], texts: Mapping[str, str]) -> Self:
        """Make the index of `saved()`, without the cards that `texts` has not, or has with another text."""
        index = cls()
        ids: list[str] = json.loads(arrays["ids"].tobytes())
        hashes = arrays["hashes"].tobytes()
        index._lexical = LexicalIndex.restore(
            {name.removeprefix("lexical."): array for name, array in arrays.items()}, len(ids)
        )
        index._with_vector = arrays["with_vector"]
        index._by_slot = [None] * len(index._with_vector)
        if "vectors" in arrays:
            index._vectors = _restored_vectors(arrays["vectors"], meta["dimensions"])
        changed: list[str] = []
        for place, (card, slot) in enumerate(zip(ids, arrays["slots"].tolist(), strict=True)):
            index._entries[card] = Entry(slot, texts.get(card, ""))
            index._by_slot[slot] = card
            index._by_key.setdefault(id_key(card), []).append(card)
            if card not in texts or text_hash(texts[card]) != hashes[16 * place : 16 * place + 16]:
                changed.append(card)
        index._free = [slot for slot, card in enumerate(index._by_slot) if card is None]
        index.remove(changed)
        return index


def _best(scores: Doubles, count: int) -> Integers:
    """Return the places of the `count` greatest scores above 0, and of those equal to the last of them."""
    places = np.flatnonzero(scores)
    if len(places) <= count:
        return places
    found = scores[places]
    return places[found >= np.partition(found, -count)[-count]]


def _vector_index(dimensions: int) -> VectorIndex:
    from tacit.search.vectors import VectorIndex  # FAISS takes 0.3 s to import

    return VectorIndex(dimensions)


def _restored_vectors(data: Any, dimensions: int) -> VectorIndex:
    from tacit.search.vectors import VectorIndex  # FAISS takes 0.3 s to import

    return VectorIndex.restored(data, dimensions)
