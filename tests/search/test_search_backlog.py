"""Many cards that wait for their vectors: what is found meanwhile, what is said, and who goes first."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from search_samples import CARDS, LetterEmbedder

from tacit.models import Card, SearchAnswer
from tacit.search import MemoryVectors, SearchIndex, embedder
from tacit.search.embedder import MiniLmEmbedder
from tacit.search.sharing import share
from tacit.texts import search_text

MANY = [Card(id=f"note_{number}", summary=f"Notes {'down ' * (number % 40)}number {number}.") for number in range(200)]


class HeldEmbedder(LetterEmbedder):
    """Embeds documents only while it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()
        self.began = threading.Event()
        self.batches: list[list[str]] = []

    def documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.began.set()
        assert self.let.wait(60)
        self.batches.append(list(texts))
        return super().documents(texts)


def test_cards_that_wait_are_found_by_their_words(caplog: pytest.LogCaptureFixture) -> None:
    """How many wait is known, a search does not wait for them, and the log says when it begins and ends."""
    held = HeldEmbedder()
    index = SearchIndex(held, MemoryVectors())
    with caplog.at_level(logging.INFO, "tacit.search.index"):
        index.sync(MANY)
        assert held.began.wait(60)
        assert (index.pending, index.search("number 123", 1)[0].id) == (200, "note_123")
        held.let.set()
        assert index.embed_missing(60) == 0
    assert index.pending == 0
    told = [record.message for record in caplog.records]
    assert told == [
        "200 cards wait for their vectors and are found by their words meanwhile.",
        "All 200 cards have their vectors.",
    ]
    index.close()


def test_the_last_few_of_many_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search in the middle of a backlog goes on at once, also when few are left of it."""
    held = HeldEmbedder()
    index = SearchIndex(held, MemoryVectors())
    index.sync(MANY)
    assert held.began.wait(60)
    index.remove([card.id for card in MANY[10:]])
    waited: list[float | None] = []
    monkeypatch.setattr(index._backfill, "wait", lambda seconds=None: waited.append(seconds))
    assert (index.pending, index.search("number 7", 1)[0].id, waited) == (10, "note_7", [])
    held.let.set()
    monkeypatch.undo()
    assert index.embed_missing(60) == 0
    index.close()


def test_batches_have_texts_of_about_one_length() -> None:
    """The shortest go first, whatever the order of their registration."""
    held = HeldEmbedder()
    held.let.set()
    index = SearchIndex(held, MemoryVectors())
    index.sync(MANY)
    assert index.embed_missing(60) == 0
    lengths = [len(text) for batch in held.batches for text in sorted(batch, key=len)]
    assert lengths == sorted(lengths)
    index.close()


def test_a_batch_gives_the_vectors_of_single_texts(minilm: MiniLmEmbedder) -> None:
    """Equal to 1e-6, with padding and over two threads."""
    texts = [f"{card.summary} {card.examples[0]} {'and so on ' * (place % 23)}" for place, card in enumerate(CARDS)]
    together = minilm.documents(texts)
    alone = np.stack([minilm.documents([text])[0] for text in texts])
    assert np.abs(together - alone).max() < 1e-6


def test_a_request_goes_before_the_next_batch(minilm: MiniLmEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents that are under way wait, before each of their batches, until a request has its answer."""
    order: list[str] = []
    model = type(minilm._load().model)
    states = model.states
    answering, seen = threading.Event(), threading.Event()

    def noted(self: object, texts: Sequence[Sequence[int]]) -> object:
        order.append("request" if threading.current_thread().name == "asking" else "batch")
        if order[-1] == "request":
            answering.set()
            assert seen.wait(60)
            order.append("answer")
        return states(self, texts)  # type: ignore[arg-type]

    monkeypatch.setattr(model, "states", noted)
    monkeypatch.setattr(embedder, "_PATIENCE_SECONDS", 60.0)
    asking = threading.Thread(target=minilm.query, args=("a request",), name="asking")
    asking.start()
    assert answering.wait(60)
    documents = threading.Thread(target=minilm.documents, args=(["some words " * 60] * 20,))
    documents.start()
    documents.join(0.5)
    assert order == ["request"]
    seen.set()
    documents.join(60)
    asking.join(60)
    assert order[:2] == ["request", "answer"]
    assert order.count("batch") > 3


def test_requests_without_end_do_not_stop_documents(minilm: MiniLmEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch waits only so long."""
    monkeypatch.setattr(embedder, "_PATIENCE_SECONDS", 0.01)
    with minilm._request():
        assert len(minilm.documents(["some words", "some more"])) == 2


def test_work_is_shared_by_two_threads_where_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece is done once, two at the same time."""
    monkeypatch.setattr("tacit.search.sharing._cores", lambda: 2)
    both = threading.Barrier(2, timeout=60)
    done: list[int] = []

    def work(piece: int) -> None:
        if piece < 2:
            both.wait()
        done.append(piece)

    share(work, range(40))
    assert sorted(done) == list(range(40))


@pytest.mark.parametrize("cores", [1, 2])
def test_what_work_raises_is_raised(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    """On whichever thread it was."""
    monkeypatch.setattr("tacit.search.sharing._cores", lambda: cores)

    def work(piece: int) -> None:
        if piece == 5:
            raise ValueError("five")

    with pytest.raises(ValueError, match="five"):
        share(work, range(40))


def test_an_answer_says_how_many_wait() -> None:
    """In its text and in its structure, and nothing where none does."""
    waiting = SearchAnswer(hits=(), advice="Make it.", pending=1200)
    assert search_text(waiting).splitlines()[-1].startswith("1,200 capabilities are not searched by meaning yet")
    assert waiting.model_dump(mode="json")["pending"] == 1200
    assert "pending" not in SearchAnswer(hits=(), advice="Make it.").model_dump(mode="json")
    assert search_text(SearchAnswer(hits=(), advice="Make it.")) == "Make it."
