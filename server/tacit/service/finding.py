"""Searching the catalog: keeps the search index in step with it, and makes hits of matches.

Other processes share the catalog, so each search first asks its change counter; only what changed is indexed.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from tacit.catalog import Catalog, Version
from tacit.errors import InvalidArgument
from tacit.models import Card, Hit, SearchAnswer
from tacit.plain_text import one_line
from tacit.sandbox import not_granted
from tacit.search import Match, SearchIndex

_log = logging.getLogger(__name__)
MAX_HITS = 50
NOTHING_FITS = (
    "Nothing stored fits this task. Make it: call mutate_capability with this task and no source, and it answers "
    "with a brief of how to write the capability."
)
SEARCH_AGAIN = (
    "Nothing stored fits so long a request as a whole. Search again with one short sentence for each thing that is to "
    "be done; where that finds nothing either, call mutate_capability with this sentence."
)
LONG_REQUEST = 300
"""Characters: with 60 words about other things around it, two thirds of the capabilities found were hidden."""


class Finder:
    """Finds capabilities by meaning; thread-safe. Owns and closes its index."""

    def __init__(self, catalog: Catalog, index: SearchIndex) -> None:
        self._catalog = catalog
        self._index = index
        self._generation = -1
        self._lock = threading.Lock()

    @property
    def status(self) -> str:
        """How search works at the moment, in one sentence."""
        return self._index.status

    def search(self, query: str, k: int = 3) -> SearchAnswer:
        """Return the best hits for a task in words; `Service.search` says the rest."""
        if not 1 <= k <= MAX_HITS:
            raise InvalidArgument(f"k is {k}; ask for 1 to {MAX_HITS} hits.")
        self.refresh()
        found = (self._whole_hit(match) for match in self._index.search(query, k) if match.fits)
        hits = tuple(hit for hit in found if hit is not None)
        return SearchAnswer(hits=hits, advice="" if hits else _advice(query), pending=self._index.pending)

    def embed_missing(self, seconds: float | None) -> int:
        """Wait, at most so long, until every capability has its vector; return how many have none."""
        self.refresh()
        return self._index.embed_missing(seconds)

    def nearest(self, task: str, k: int = 1) -> list[Match]:
        """Return the `k` capabilities nearest to a task, however far they are; empty only when there is none."""
        self.refresh()
        return self._index.search(task, k)

    def duplicates(self, card: Card, besides: set[str]) -> list[Match]:
        """Return the active capabilities that already do what `card` says, those in `besides` left out."""
        self.refresh()
        near = self._index.closest(card, 3 + len(besides))
        return [match for match in near if match.duplicate and match.id not in besides]

    def refresh(self) -> None:
        """Bring the index up to date with the catalog, other processes' changes included."""
        if self._catalog.generation() == self._generation:
            return
        with self._lock:
            if self._generation < 0:
                generation = self._catalog.generation()
                self._index.sync(self._catalog.active_cards())
            else:
                changes = self._catalog.changes_since(self._generation)
                self._index.remove(changes.removed)
                self._index.add(changes.cards)
                generation = changes.generation
            self._generation = generation

    def close(self) -> None:
        """Save the index and release it."""
        self._index.close()

    def _whole_hit(self, match: Match) -> Hit | None:
        """Return what is told of a match; None where anything in it is damaged, whatever that is."""
        try:
            return self._hit(match)
        except Exception:
            # One capability, whatever is kept of it, must not fail the searches for all others.
            _log.exception("%s cannot be shown and is left out of search answers; `tacit doctor` may say why", match.id)
            return None

    def _hit(self, match: Match) -> Hit | None:
        """Return what is told of a match; None where it is damaged."""
        version = self._catalog.whole(match.id)
        if version is None:
            return None
        return Hit(
            id=version.id,
            version=version.version,
            summary=one_line(version.manifest.summary),
            score=round(match.score, 4),
            input_schema=version.manifest.input_schema,
            example_input=example_input(version),
            effects=tuple(sorted(self._catalog.closures.of(version).effects)),
            permissions_not_granted=not_granted(version.manifest.permissions, self._catalog.grants_for(version.id)),
        )


def _advice(query: str) -> str:
    """Say what to do when nothing fits a request."""
    return SEARCH_AGAIN if len(query) > LONG_REQUEST else NOTHING_FITS


def example_input(version: Version) -> Any:
    """Return the input of the first test that expects an output, or None."""
    for test in version.tests:
        if test.expect.error is None:
            return test.input
    return None
