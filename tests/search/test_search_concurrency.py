"""Several threads at one index."""

from __future__ import annotations

import threading

import pytest
from search_samples import CARDS, LetterEmbedder

from tacit.models import Card
from tacit.search import MemoryVectors, SearchIndex
from tacit.search.backfill import Backfill


def test_searching_while_changing(index: SearchIndex) -> None:
    """Searches on three threads while cards come, change and go on a fourth: all are answered, none crashes."""
    searching = threading.Event()
    done = threading.Event()
    failures: list[BaseException] = []
    answered = [0]

    def search() -> None:
        try:
            while not done.is_set():
                for query in ("resize a picture", "roll_dice", "temporary card"):
                    assert index.search(query, 5)
                    answered[0] += 1
                    searching.set()
                assert index.closest(CARDS[3], 3)
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=search) for _ in range(3)]
    for reader in readers:
        reader.start()
    assert searching.wait(30)
    for round_ in range(15):
        index.add([Card(id=f"temporary_{number}", summary=f"Card {number} of round {round_}.") for number in range(8)])
        index.remove([f"temporary_{number}" for number in range(0, 8, 2)])
    index.remove([f"temporary_{number}" for number in range(8)])
    done.set()
    for reader in readers:
        reader.join(30)
    assert failures == []
    assert answered[0] > 3
    assert index.embed_missing() == 0
    assert len(index) == len(CARDS)
    assert index.search("resize a picture", 1)[0].id == "resize_image"


class SlowEmbedder(LetterEmbedder):
    """Embeds nothing before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def documents(self, texts):
        assert self.go.wait(30)
        return super().documents(texts)


def test_a_search_does_not_wait_for_many_embeddings() -> None:
    """While the vectors of more than a few cards are being made, cards are found by their words."""
    embedder = SlowEmbedder()
    index = SearchIndex(embedder, MemoryVectors())
    index.sync([*CARDS, *(Card(id=f"more_{number}", summary="more") for number in range(40))])
    assert index.search("resize a picture", 1)[0].id == "resize_image"
    assert "wait" in index.status
    embedder.go.set()
    assert index.embed_missing() == 0
    assert "wait" not in index.status
    index.close()


def test_a_card_changed_while_it_is_embedded_gets_its_new_vector() -> None:
    """A vector made of a text that has changed meanwhile is not given to the card."""
    embedder = SlowEmbedder()
    index = SearchIndex(embedder, MemoryVectors())
    index.add([Card(id="one", summary="aaaaaaaaaaaaaaaa")])
    index.add([Card(id="one", summary="zzzzzzzzzzzzzzzz"), Card(id="two", summary="aaaaaaaaaaaaaaab")])
    embedder.go.set()
    assert index.embed_missing() == 0
    assert {match.id: match.similarity > 0.8 for match in index.search("zzzzzzzzzzzzzzzz", 2)} == {
        "one": True,
        "two": False,
    }
    index.close()


def test_a_backlog_is_taken_up_again() -> None:
    """What is begun while the thread is ending is not forgotten, and after a stop nothing begins."""
    steps: list[int] = []
    backfill = Backfill(lambda: bool(steps.append(1)))
    for expected in range(1, 50):
        backfill.start()
        assert backfill.wait(10)
        assert len(steps) >= expected
    backfill.stop()
    count = len(steps)
    backfill.start()
    assert backfill.wait(10)
    assert len(steps) == count


def test_a_step_that_breaks_ends_the_backlog(caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected error of a step is logged with its traceback, and nobody waits for ever."""

    def broken() -> bool:
        raise RuntimeError("broken step")

    backfill = Backfill(broken)
    backfill.start()
    assert backfill.wait(10)
    backfill.stop()
    assert "broken step" in caplog.text
