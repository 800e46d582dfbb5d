"""Ranks candidates: the recipe's sum of raw scores, and the measures that are comparable across requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tacit.search.opposites import opposed
from tacit.search.thresholds import THRESHOLDS

if TYPE_CHECKING:
    from tacit.search.arrays import Doubles

CANDIDATES = 200
"""How many cards each of the two indexes contributes at least."""

_WINDOW_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Match:
    """A card that was found.

    `score` orders the matches of one search. `similarity` is comparable across searches; `fits` says whether it
    reaches the threshold of a card that answers the request, `duplicate` whether it reaches that of a card that
    says the same as another and their ids do not name opposite actions (only `closest` sets it).
    """

    id: str
    score: float
    similarity: float
    fits: bool
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Candidates:
    """Cards that may be meant, with their raw scores, each [c].

    `named` are those whose id the request is. `lexical` is the mean of both legs' cosines; `whole` the cosine of the
    request's vector with the card's, and `window` the greatest of its windows'; both are NaN for a card that has no
    vector (yet), and None where the request has none.
    """

    ids: list[str]
    named: list[str]
    lexical: Doubles
    whole: Doubles | None = None
    window: Doubles | None = None

    def scores(self) -> Doubles:
        """Return e·d + lexical + 0.8·max_a(v_a·d), raw sums, or the lexical score alone without vectors.

        A card that waits for its vector counts as the median card that has one, so that its words decide.
        """
        if self.whole is None or np.isnan(self.whole).all():
            return self.lexical
        semantic = self.whole if self.window is None else self.whole + _WINDOW_SHARE * self.window
        return self.lexical + np.where(np.isnan(semantic), np.nanmedian(semantic), semantic)

    def similarities(self) -> Doubles:
        """Return e·d + lexical, or lexical alone for a card without a vector: comparable across requests."""
        if self.whole is None:
            return self.lexical
        return self.lexical + np.nan_to_num(self.whole, nan=0.0)

    def reaching(self, threshold: float, lexical_threshold: float) -> list[bool]:
        """Tell which are similar enough; a card without a vector, beside others that have one, by its words."""
        limits = np.full(len(self.ids), threshold)
        if self.whole is not None:
            limits[np.isnan(self.whole)] = lexical_threshold
        return (self.similarities() >= limits).tolist()


def ranked(found: Candidates, k: int, threshold: float) -> list[Match]:
    """Return the k best for a request; the ones that it names come first and fit, ties go by id."""
    scores, similarities = found.scores(), found.similarities()
    fits = found.reaching(threshold, THRESHOLDS["lexical"].fits)
    first = {card: place for place, card in enumerate(found.named)}
    named = [found.ids.index(card) for card in found.named]
    order = sorted(
        {*named, *_greatest(scores, k)},
        key=lambda i: (first.get(found.ids[i], len(first)), -scores[i], found.ids[i]),
    )
    return [
        Match(found.ids[i], float(scores[i]), float(similarities[i]), fits=fits[i] or found.ids[i] in first)
        for i in order[:k]
    ]


def closest(found: Candidates, card: str, k: int, threshold: float) -> list[Match]:
    """Return the k most similar to the card of that id, itself left out, ties by id."""
    similarities = found.similarities()
    same = found.reaching(threshold, THRESHOLDS["lexical"].duplicate)
    others = [i for i in range(len(similarities)) if found.ids[i] != card]
    return [
        Match(
            found.ids[i],
            float(similarities[i]),
            float(similarities[i]),
            fits=False,
            duplicate=same[i] and not opposed(card, found.ids[i]),
        )
        for i in sorted(others, key=lambda i: (-similarities[i], found.ids[i]))[:k]
    ]


def _greatest(scores: Doubles, k: int) -> list[int]:
    """Return the places of the k greatest scores and of those equal to the last of them."""
    if len(scores) <= k:
        return list(range(len(scores)))
    return np.flatnonzero(scores >= np.partition(scores, -k)[-k]).tolist()
