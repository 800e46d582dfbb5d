"""Lexical likeness of texts: half the cosine of their words and word pairs, half that of their character 4-grams."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tacit.search.postings import Postings, Segment
from tacit.search.text import character_terms, tokens, word_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from tacit.search.arrays import Doubles

_LEGS: dict[str, Callable[[list[str]], list[str]]] = {"words": word_terms, "characters": character_terms}


class LexicalIndex:
    """The two legs over the texts of cards, each at a slot that the caller chooses.

    Not thread-safe: the caller holds a lock.
    """

    def __init__(self, legs: Mapping[str, Postings] | None = None) -> None:
        self._legs = dict(legs) if legs is not None else {name: Postings() for name in _LEGS}

    def add(self, texts: Mapping[int, str]) -> None:
        """Add texts by slot; the slots must be free."""
        words = {slot: tokens(text) for slot, text in texts.items()}
        for name, postings in self._legs.items():
            postings.add({slot: _LEGS[name](found) for slot, found in words.items()})

    def remove(self, slots: Sequence[int]) -> None:
        """Remove the texts at these slots, which must be taken."""
        for postings in self._legs.values():
            postings.remove(slots)

    def scores(self, text: str) -> Doubles:
        """Return the mean of both legs' cosines with the text at each slot, [slots]; 0 for a free slot."""
        words = tokens(text)
        legs = [postings.cosines(_LEGS[name](words)) for name, postings in self._legs.items()]
        scores = np.zeros(max(len(leg) for leg in legs), np.float64)
        for leg in legs:
            scores[: len(leg)] += leg / len(legs)
        return scores

    def arrays(self) -> dict[str, Any]:
        """Return everything as arrays, for a snapshot."""
        saved: dict[str, Any] = {}
        for name, postings in self._legs.items():
            vocabulary, whole = postings.compact()
            saved[f"{name}.vocabulary"] = np.frombuffer("\n".join(vocabulary).encode(), np.uint8)
            saved[f"{name}.terms"], saved[f"{name}.starts"] = whole.terms, whole.starts
            saved[f"{name}.slots"], saved[f"{name}.weights"] = whole.slots, whole.weights
        return saved

    @classmethod
    def restore(cls, arrays: Mapping[str, Any], texts: int) -> LexicalIndex:
        """Make the index of `arrays()` of one with that many texts."""
        legs: dict[str, Postings] = {}
        for name in _LEGS:
            vocabulary = arrays[f"{name}.vocabulary"].tobytes().decode()
            whole = Segment(*(arrays[f"{name}.{part}"] for part in ("terms", "starts", "slots", "weights")))
            legs[name] = Postings(vocabulary.split("\n") if vocabulary else (), whole, texts)
        return cls(legs)
