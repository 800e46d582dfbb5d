"""The search index: finds cards by meaning and by words, and keeps itself in step with the cards it is given.

Works on cards alone (id, summary, example tasks); it knows no catalog and no modules. An addition, change or removal
takes effect with the next search. Vectors come from the store where they have been made before; the others are made
on a thread of its own, and a card is found by its words meanwhile.

Two locks: one lets a single writer work at a time, the other is held for the moments in which anybody touches the
arrays or FAISS, so a search waits a few milliseconds at most, whatever the writer does.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Literal

from tacit.errors import EmbedderMissing, InvalidArgument
from tacit.search.backfill import Backfill
from tacit.search.cards import CardIndex
from tacit.search.embedder import QueryEmbedding
from tacit.search.ranking import Candidates, Match, closest, ranked
from tacit.search.requests import PAUSE_SECONDS, RequestEmbeddings
from tacit.search.snapshot import read_snapshot, remove_unfinished, write_snapshot
from tacit.search.stored import StoredEmbeddings
from tacit.search.text import card_text, clean, request_text
from tacit.search.thresholds import THRESHOLDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from tacit.models import Card
    from tacit.search.embedder import Embedder
    from tacit.search.stored import VectorStore

SNAPSHOT = "search.snapshot"
_CHUNK, _BATCH = 128, 32
_WORTH_WAITING_FOR, _WAIT_SECONDS = 64, 2.0
_UNSAVED = 100
_log = logging.getLogger(__name__)


class SearchIndex:
    """Finds cards; thread-safe. With a folder it keeps a snapshot there, so that a start is fast.

    `embedder` None makes it lexical alone; one that is given is closed with the index. The thresholds of `fits` and
    `duplicate` are calibrated for each kind of embedder unless they are given.
    """

    def __init__(
        self,
        embedder: Embedder | None,
        vectors: VectorStore,
        folder: Path | None = None,
        *,
        similarity_threshold: float | None = None,
        duplicate_threshold: float | None = None,
    ) -> None:
        self._embedder = embedder
        self._requests = RequestEmbeddings(embedder) if embedder else None
        self._stored = StoredEmbeddings(embedder, vectors) if embedder else None
        self._snapshot = folder / SNAPSHOT if folder else None
        self._given_thresholds = {"fits": similarity_threshold, "duplicate": duplicate_threshold}
        self._cards = CardIndex()
        self._contents: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._unsaved = 0
        self._embedding_failure = ""
        self._embed_again_at = 0.0
        self._writing = threading.RLock()
        self._touching = threading.Lock()
        self._backlog = 0  # the most cards that waited since none did
        self._backfill = Backfill(self._embed_batch)

    def __len__(self) -> int:
        return len(self._cards)

    @property
    def status(self) -> str:
        """How search works at the moment, in one sentence."""
        if self._embedder is None or self._requests is None:
            return "Lexical only: no embedder; run `tacit setup` to have the weights of one."
        failure = self._requests.failure or self._embedding_failure
        if failure:
            return f"Lexical as far as embeddings are missing: {failure}"
        waiting = self.pending
        if waiting:
            return f"Semantic and lexical; {waiting} of {len(self)} cards wait for their embedding."
        return f"Semantic and lexical, by {self._embedder.name}."

    @property
    def pending(self) -> int:
        """How many cards are found by their words alone until they have their vectors; 0 without an embedder."""
        with self._touching:
            return self._cards.waiting() if self._embedder else 0

    def sync(self, cards: Iterable[Card]) -> None:
        """Make these the cards of the index, changing only what differs; of one id given twice the last counts.

        The first time, the snapshot is loaded if there is a whole one.
        """
        wanted = {card.id: card for card in cards}
        with self._writing:
            if not self._contents:
                self._load(wanted)
            gone = [card for card in self._contents if card not in wanted]
            self._remove(gone)
            self._put(wanted)

    def add(self, cards: Iterable[Card]) -> None:
        """Add cards, or change those with the same id; of one id given twice the last counts."""
        with self._writing:
            self._put({card.id: card for card in cards})

    def remove(self, ids: Iterable[str]) -> None:
        """Remove cards; an unknown id is passed over."""
        with self._writing:
            self._remove(list(ids))

    def search(self, query: str, k: int = 3) -> list[Match]:
        """Return at most k cards for a request in words, best first.

        A card whose id the request is comes first, whatever the case and however its words are joined. Only the
        first 16,384 characters count. Raises `InvalidArgument` for an empty query and for k below 1.
        """
        text = clean(query).strip()
        if not text:
            raise InvalidArgument("The query is empty.", hint="Say in a few words what is to be done.")
        _check_count(k)
        self._await_the_last_few()
        words = request_text(text)
        embedding = self._requests.get(words) if self._requests else None
        found = self._candidates(words, embedding, k, name=text)
        return ranked(found, k, self._threshold("fits", found))

    def closest(self, card: Card, k: int = 3) -> list[Match]:
        """Return at most k other cards that say most nearly what this one says, whether or not it is in the index."""
        _check_count(k)
        text = card_text(card)
        found = self._candidates(text, self._document(text), k + 1)
        return closest(found, card.id, k, self._threshold("duplicate", found))

    def embed_missing(self, seconds: float | None = None) -> int:
        """Wait, at most that long, until every card has its vector; return how many have none."""
        self._backfill.start()
        self._backfill.wait(seconds)
        return self.pending

    def save(self) -> None:
        """Write the snapshot if cards have changed; a folder that cannot be written is logged, not raised."""
        with self._writing:
            if self._snapshot is None or not self._unsaved:
                return
            meta, arrays = self._cards.saved()  # readers may go on: only writers change what is saved
            try:
                write_snapshot(self._snapshot, meta | {"embedder": self._model}, arrays)
            except OSError as error:
                _log.warning("The search snapshot %s cannot be written: %s", self._snapshot, error)
            self._unsaved = 0

    def close(self) -> None:
        """End the embedding in the background, save, and close the embedder."""
        self._backfill.stop()
        self.save()
        if self._embedder is not None:
            self._embedder.close()

    @property
    def _model(self) -> str:
        return self._embedder.name if self._embedder else ""

    def _candidates(self, text: str, embedding: QueryEmbedding | None, k: int, name: str = "") -> Candidates:
        with self._touching:
            if embedding is not None and len(embedding.whole) != self._cards.dimensions:
                embedding = None
            return self._cards.candidates(text, self._cards.named(name) if name else [], embedding, k)

    def _threshold(self, what: Literal["fits", "duplicate"], found: Candidates) -> float:
        given = self._given_thresholds[what]
        if given is not None:
            return given
        kind = self._embedder.kind if self._embedder and found.whole is not None else "lexical"
        return getattr(THRESHOLDS[kind], what)

    def _document(self, text: str) -> QueryEmbedding | None:
        """Return the vector of a card's text as a request without windows, None where it cannot be had now."""
        if self._stored is None:
            return None
        vectors = self._stored.get([text], self._cards.dimensions)
        try:
            vector = vectors[text] if text in vectors else self._stored.make([text])[text]
        except EmbedderMissing as error:
            self._embedding_failed(error)
            return None
        return QueryEmbedding(vector, vector[None][:0])

    def _await_the_last_few(self) -> None:
        """Let the thread finish a few new cards, so that a card that has just come is found by meaning at once.

        The last few of many are not waited for. After a failure of the embedder the thread is sent to try again now
        and then, and not waited for either.
        """
        with self._touching:
            waiting = self._cards.waiting()
        if self._embedding_failure:
            if waiting and time.monotonic() > self._embed_again_at:
                self._backfill.start()
        elif max(waiting, self._backlog) <= _WORTH_WAITING_FOR:
            self._backfill.wait(_WAIT_SECONDS)

    def _load(self, wanted: Mapping[str, Card]) -> None:
        """Take over from the snapshot the cards that are still wanted as they were."""
        if self._snapshot is not None:
            remove_unfinished(self._snapshot)
        snapshot = read_snapshot(self._snapshot) if self._snapshot else None
        if snapshot is None or snapshot[0].get("embedder") != self._model:
            return
        texts = {name: card_text(card) for name, card in wanted.items()}
        cards = CardIndex.restored(*snapshot, texts)
        with self._touching:
            self._cards = cards
        self._contents = {name: _content(wanted[name]) for name in cards.ids()}

    def _remove(self, ids: list[str]) -> None:
        for part in _chunks(ids):
            with self._touching:
                self._cards.remove(part)
        for name in ids:
            self._unsaved += self._contents.pop(name, None) is not None

    def _put(self, cards: Mapping[str, Card]) -> None:
        changed = [name for name, card in cards.items() if self._contents.get(name) != _content(card)]
        for part in _chunks(changed):
            texts = {name: card_text(cards[name]) for name in part}
            stored = self._stored.get(list(texts.values()), self._cards.dimensions) if self._stored else {}
            vectors = {name: stored[text] for name, text in texts.items() if text in stored}
            with self._touching:
                self._cards.put(texts, vectors)
        self._contents |= {name: _content(cards[name]) for name in changed}
        self._unsaved += len(changed)
        self._settle()

    def _settle(self) -> None:
        """After cards have changed: keep FAISS in the form for their number, embed, and save now and then."""
        grown = self._cards.grown()
        if grown is not None:
            with self._touching:
                self._cards.swap(grown)
        if self._embedder is not None and (waiting := self._cards.waiting()):
            self._begin_backlog(waiting)
            self._backfill.start()
        if self._unsaved >= max(_UNSAVED, len(self) // 4):
            self.save()

    def _begin_backlog(self, waiting: int) -> None:
        if waiting > _WORTH_WAITING_FOR >= self._backlog:
            _log.info("%d cards wait for their vectors and are found by their words meanwhile.", waiting)
        self._backlog = max(self._backlog, waiting)

    def _end_backlog(self) -> None:
        if self._backlog > _WORTH_WAITING_FOR:
            _log.info("All %d cards have their vectors.", len(self))
        self._backlog = 0

    def _embed_batch(self) -> bool:
        """Embed a batch of the cards that wait; return whether there may be more."""
        if self._stored is None:
            return False
        with self._touching:
            texts = self._cards.without_vector(_BATCH)
        if not texts:
            self._end_backlog()
            return False
        try:
            made = self._stored.make(list(dict.fromkeys(texts.values())))
        except EmbedderMissing as error:
            _log.warning("Cards stay without embeddings for now: %s", error)
            self._embedding_failed(error)
            return False
        self._embedding_failure = ""
        with self._writing:
            with self._touching:
                current = {name: made[text] for name, text in texts.items() if self._cards.text(name) == text}
                self._cards.attach(current)
            self._unsaved += len(current)
            self._settle()
        return True

    def _embedding_failed(self, error: EmbedderMissing) -> None:
        self._embedding_failure = str(error)
        self._embed_again_at = time.monotonic() + PAUSE_SECONDS


def _check_count(k: int) -> None:
    if k < 1:
        raise InvalidArgument(f"k is {k}; ask for at least one match.")


def _content(card: Card) -> tuple[str, tuple[str, ...]]:
    return card.summary, card.examples


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    """Cut a list so that the lock is never held for long."""
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
