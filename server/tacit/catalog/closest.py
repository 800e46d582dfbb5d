"""Ids that look like one that does not exist.

How much is looked at is bounded, however many ids there are and however long the one is that was asked for.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from difflib import SequenceMatcher
from heapq import nlargest
from itertools import islice
from math import log

from tacit.catalog import queries
from tacit.errors import UnknownCapability
from tacit.store import Store

COUNT = 3
_LONGEST = 64
"""Characters of an id at most; what was asked for is looked at no further."""
_LOOKED_AT = 4096
"""How many places of ids that share a piece are looked at, the rarest pieces first."""
COMPARED = 24
"""How many ids, those that share most, are compared letter by letter."""
_SEPARATORS = re.compile(r"[\W_]+")


class Names:
    """The ids that are offered, by the pieces that they are made of; thread-safe, in step with every process.

    It is filled at its first use, and afterwards follows what changed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._generation = -1
        self._offered: dict[str, None] = {}
        self._known: set[str] = set()
        self._having: dict[str, list[str]] = {}
        self._lock = threading.Lock()

    def closest(self, wanted: str, count: int = COUNT) -> list[str]:
        """Return the `count` ids most like `wanted`, best first, however little they resemble it."""
        words = _words(wanted[:_LONGEST])
        with self._lock:
            self._follow()
            found = dict.fromkeys([*self._sharing(words), *islice(self._offered, COMPARED)])
        alike = _Likeness(words)
        return sorted(islice(found, COMPARED), key=lambda name: (-alike.to(name), name))[:count]

    def _follow(self) -> None:
        """Take in what changed since the last use."""
        if self._store.generation() == self._generation:
            return
        with self._store.database.read() as connection:
            changed = queries.offerings(connection, since=self._generation)
            self._generation = self._store.meta.generation_in(connection)
        for each in changed:
            if each.active:
                self._offered[each.id] = None
            else:
                self._offered.pop(each.id, None)
            if each.id not in self._known:
                self._known.add(each.id)
                for piece in _pieces(_words(each.id)):
                    self._having.setdefault(piece, []).append(each.id)

    def _sharing(self, words: list[str]) -> list[str]:
        """Return the ids that share most with these words; a piece counts the more, the fewer have it."""
        having = sorted((self._having[piece] for piece in _pieces(words) if piece in self._having), key=len)
        shared: dict[str, float] = {}
        left = _LOOKED_AT
        for names in having:
            weight = log(1 + len(self._known) / len(names))
            for name in islice(names, left):
                if name in self._offered:
                    shared[name] = shared.get(name, 0.0) + weight
            left -= min(len(names), left)
        return nlargest(COMPARED, shared, key=lambda name: (shared[name], name))


class _Likeness:
    """How alike ids are to words, from 0 to 1, in whichever order these are."""

    def __init__(self, words: list[str]) -> None:
        self._ordered, self._sorted = SequenceMatcher(None), SequenceMatcher(None)
        self._ordered.set_seq2("_".join(words))
        self._sorted.set_seq2("_".join(sorted(words)))

    def to(self, name: str) -> float:
        self._ordered.set_seq1(name)
        self._sorted.set_seq1("_".join(sorted(_words(name))))
        return max(self._ordered.ratio(), self._sorted.ratio())


def unknown_capability(wanted: str, found: Sequence[str] = ()) -> UnknownCapability:
    """Return the error for an id that does not exist, naming those `found` that are closest."""
    closest = f"Closest: {', '.join(found)}. " if found else ""
    hint = f"{closest}Find one by what it does with search_capabilities."
    return UnknownCapability(
        f"There is no capability {wanted[:_LONGEST]!r}.", hint=hint, details={"closest": list(found)}
    )


def _words(name: str) -> list[str]:
    return [word for word in _SEPARATORS.split(name.lower()) if word]


def _pieces(words: list[str]) -> set[str]:
    """Return the three letters in a row of each word, its ends included, and its letters sorted, for swapped ones."""
    threes = {padded[at : at + 3] for padded in (f" {word} " for word in words) for at in range(len(padded) - 2)}
    return threes | {"".join(sorted(word)) for word in words if len(word) > 2}
