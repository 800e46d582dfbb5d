"""TF-IDF cosines over postings lists in NumPy, exact after every single addition and removal.

Adding a text changes the idf of its terms and, through the number of texts, of all others, and so the length of
every vector. Nothing is rebuilt for that: with idf = L - l, where L = ln(1+n) + 1 and l = ln(1+df), a text's squared
length is Σ tf²·idf² = L²·A - 2L·B + C, with A = Σ tf², B = Σ tf²·l and C = Σ tf²·l². A new n moves only L; a new df
moves B and C of the texts that have the term, which the next query does for all changed terms at once.

Postings lie in immutable segments whose sizes at least halve from one to the next (small ones are merged as they
come), so an addition costs its own terms and a query looks into few segments. A removal blanks its postings; the
next merge drops them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tacit.search.arrays import Doubles, Floats, Integers, Slots


@dataclass(frozen=True, slots=True)
class Segment:
    """Postings sorted by term: those of `terms[i]` are `slots` and `weights` from `starts[i]` to `starts[i+1]`.

    `weights` is tf = 1 + ln(count), and 0 for a posting that has been removed.
    """

    terms: Slots
    starts: Integers
    slots: Slots
    weights: Floats

    def __len__(self) -> int:
        return len(self.slots)

    def expanded(self) -> Slots:
        """Return the term of every posting."""
        return np.repeat(self.terms, np.diff(self.starts))

    def of(self, terms: Integers) -> tuple[Integers, Integers]:
        """Find terms: return the positions in `terms` of those that are here, and the index of each in this segment."""
        if not len(self.terms):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        place = np.searchsorted(self.terms, terms)
        place[place == len(self.terms)] = 0
        here = np.flatnonzero(self.terms[place] == terms)
        return here, place[here]

    def gather(self, places: Integers) -> tuple[Slots, Floats, Integers]:
        """Return the slots and weights of all postings of the terms at `places`, and how many each term has."""
        begins, ends = self.starts[places], self.starts[places + 1]
        ranges = list(zip(begins.tolist(), ends.tolist(), strict=True))
        slots = np.concatenate([self.slots[begin:end] for begin, end in ranges])
        weights = np.concatenate([self.weights[begin:end] for begin, end in ranges])
        return slots, weights, ends - begins


def segment(terms: Slots, slots: Slots, weights: Floats) -> Segment:
    """Make a segment of postings in any order; those of weight 0 are dropped."""
    kept = weights > 0
    terms, slots, weights = terms[kept], slots[kept], weights[kept]
    order = np.argsort(terms, kind="stable")
    unique, counts = np.unique(terms, return_counts=True)
    starts = np.zeros(len(unique) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return Segment(unique, starts, slots[order], weights[order])


def merge(segments: Sequence[Segment]) -> Segment:
    """Make one segment of several, without their removed postings."""
    if not segments:
        return segment(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))
    return segment(
        np.concatenate([part.expanded() for part in segments]),
        np.concatenate([part.slots for part in segments]),
        np.concatenate([part.weights for part in segments]),
    )


class Postings:
    """One leg: the terms of texts, each text at a slot (a small integer that the caller chooses and may reuse).

    Not thread-safe: the caller holds a lock.
    """

    def __init__(self, vocabulary: Sequence[str] = (), whole: Segment | None = None, texts: int = 0) -> None:
        self._ids = {term: number for number, term in enumerate(vocabulary)}
        self._segments = [whole] if whole is not None and len(whole) else []
        self._texts = texts
        self._frequency = np.zeros(len(self._ids), np.int64)
        self._applied = np.zeros(len(self._ids), np.float64)
        self._stale: set[int] = set()
        self._sums = np.zeros((3, 0), np.float64)
        self._inverse: Doubles | None = None
        if whole is not None:
            self._frequency[whole.terms] = np.diff(whole.starts)
            self._reserve(int(whole.slots.max(initial=-1)) + 1)
            self._sum_all()

    def __len__(self) -> int:
        return self._texts

    def add(self, texts: Mapping[int, Sequence[str]]) -> None:
        """Add the terms of each slot's text; the slots must be free."""
        if not texts:
            return
        self._texts += len(texts)
        self._reserve(max(texts) + 1)
        known = self._ids
        numbers = np.array([known.setdefault(term, len(known)) for terms in texts.values() for term in terms], np.int64)
        owners = np.repeat(np.array(list(texts), np.int64), [len(terms) for terms in texts.values()])
        pairs, counts = np.unique(owners << 32 | numbers, return_counts=True)
        terms, slots = (pairs & 0xFFFFFFFF).astype(np.int32), (pairs >> 32).astype(np.int32)
        added = segment(terms, slots, (1 + np.log(counts)).astype(np.float32))
        self._reserve_terms(len(known))
        self._frequency[added.terms] += np.diff(added.starts)
        self._stale.update(added.terms.tolist())
        self._sum(added.slots, added.weights, self._applied[added.expanded()])
        self._append(added)

    def remove(self, slots: Sequence[int]) -> None:
        """Remove the texts at these slots, which must be taken."""
        self._texts -= len(slots)
        self._inverse = None
        gone = np.zeros(self._sums.shape[1], np.bool_)
        gone[list(slots)] = True
        for part in self._segments:
            places = np.flatnonzero(gone[part.slots])
            places = places[part.weights[places] > 0]
            part.weights[places] = 0
            terms = part.terms[np.searchsorted(part.starts, places, side="right") - 1]
            np.subtract.at(self._frequency, terms, 1)
            self._stale.update(terms.tolist())
        self._sums[:, list(slots)] = 0

    def cosines(self, terms: Sequence[str]) -> Doubles:
        """Return the cosine of a text's TF-IDF vector with that of each slot, [slots]; 0 for a free slot.

        Terms that no text has count in the length of the query's vector, with df = 0.
        """
        inverse = self._inverse_lengths()
        scores = np.zeros(len(inverse), np.float64)
        counts = Counter(terms)
        if not counts or not self._texts:
            return scores
        numbers = np.array([self._ids.get(term, -1) for term in counts], np.int64)
        weights = 1 + np.log(np.array(list(counts.values()), np.float64))
        idf = self._idf(numbers)
        weights *= idf
        weights /= np.sqrt(weights @ weights)
        weights *= idf
        for part in self._segments:
            here, places = part.of(numbers)
            if len(here):
                slots, found, lengths = part.gather(places)
                scores += np.bincount(slots, np.repeat(weights[here], lengths) * found, len(scores))
        scores *= inverse
        return scores

    def compact(self) -> tuple[list[str], Segment]:
        """Return the vocabulary, in the order of its numbers, and all postings as one segment."""
        return list(self._ids), merge(self._segments)

    def _idf(self, numbers: Integers) -> Doubles:
        known = numbers >= 0
        frequency = np.zeros(len(numbers), np.int64)
        frequency[known] = self._frequency[numbers[known]]
        return np.log((1 + self._texts) / (1 + frequency)) + 1

    def _append(self, added: Segment) -> None:
        self._segments.append(added)
        first = len(self._segments) - 1
        size = len(added)
        while first and len(self._segments[first - 1]) < 2 * size:
            first -= 1
            size += len(self._segments[first])
        if first < len(self._segments) - 1:
            self._segments[first:] = [merge(self._segments[first:])]

    def _inverse_lengths(self) -> Doubles:
        """Return 1 / the length of each slot's vector, after bringing the sums up to date."""
        if self._stale:
            self._refresh()
        if self._inverse is None:
            level = np.log(1 + self._texts) + 1
            squares = level * level * self._sums[0] - 2 * level * self._sums[1] + self._sums[2]
            taken = self._sums[0] > 0
            self._inverse = np.zeros(len(squares), np.float64)
            self._inverse[taken] = 1 / np.sqrt(squares[taken])
        return self._inverse

    def _refresh(self) -> None:
        """Carry the changes of df since the last query over to the sums of the texts that have those terms."""
        stale = np.fromiter(self._stale, np.int64, len(self._stale))
        if 2 * len(stale) > len(self._ids):
            self._sum_all()
            return
        now = np.log1p(self._frequency[stale])
        before = self._applied[stale]
        self._applied[stale] = now
        self._stale.clear()
        for part in self._segments:
            here, places = part.of(stale)
            if len(here):
                slots, weights, lengths = part.gather(places)
                squares = weights.astype(np.float64) ** 2
                for row, change in ((1, now - before), (2, now**2 - before**2)):
                    moved = np.repeat(change[here], lengths) * squares
                    self._sums[row] += np.bincount(slots, moved, self._sums.shape[1])
        self._inverse = None

    def _sum_all(self) -> None:
        self._applied = np.log1p(self._frequency)
        self._stale.clear()
        self._sums[:] = 0
        for part in self._segments:
            self._sum(part.slots, part.weights, self._applied[part.expanded()])

    def _sum(self, slots: Slots, weights: Floats, applied: Doubles) -> None:
        squares = weights.astype(np.float64) ** 2
        for row in range(3):
            self._sums[row] += np.bincount(slots, squares, self._sums.shape[1])
            squares *= applied
        self._inverse = None

    def _reserve(self, slots: int) -> None:
        missing = slots - self._sums.shape[1]
        if missing > 0:
            self._sums = np.pad(self._sums, ((0, 0), (0, missing + slots // 4)))
            self._inverse = None

    def _reserve_terms(self, terms: int) -> None:
        missing = terms - len(self._frequency)
        if missing > 0:
            room = missing + terms // 4
            self._frequency = np.pad(self._frequency, (0, room))
            self._applied = np.pad(self._applied, (0, room))
