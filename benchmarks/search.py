"""Search: one request at 10,000 cards, its embedding, changes, starts, memory, and how good the answers are.

The cards' texts are running English text (Python's own manual), their vectors random: what a search costs depends on
the number of both and on the words' frequencies, not on what the vectors mean. Requests are the shipped capabilities'
example tasks, embedded for real.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from pydoc_data.topics import topics
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import retrieval
from benchmarks.table import Row
from tacit.config import Settings
from tacit.models import Card
from tacit.search import Embedder, MemoryVectors, SearchIndex, open_embedder
from tacit.search.embedder import QueryEmbedding

CARDS = 10_000
_QUALITY = {"livemcp": ">= 0.435", "livemcp_steps": ">= 0.675"}
_CAPABILITIES = Path(__file__).parents[1] / "capabilities"


class RandomDocuments:
    """An embedder whose documents are random unit vectors, and whose requests are another embedder's."""

    name, kind, dimensions = "random documents", "minilm", 384

    def __init__(self, requests: Embedder) -> None:
        self._requests = requests
        self._random = np.random.default_rng(1)

    def documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return random unit vectors."""
        vectors = self._random.standard_normal((len(texts), self.dimensions)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def query(self, text: str) -> QueryEmbedding:
        """Return the request's real vectors."""
        return self._requests.query(text)

    def close(self) -> None:
        """Do nothing; the other embedder is its owner's."""


def _cards(first: int, count: int) -> list[Card]:
    words = " ".join(topics.values()).split()
    chance = random.Random(first)
    made: list[Card] = []
    for number in range(first, first + count):
        start = chance.randrange(len(words) - 60)
        length = chance.randrange(12, 40)
        name = "_".join(word for word in words[start : start + 3] if word.isalnum())
        made.append(Card(id=f"{name.lower()}_{number}", summary=" ".join(words[start : start + length])))
    return made


def _requests() -> list[str]:
    metas = [json.loads(path.read_text()) for path in sorted(_CAPABILITIES.glob("*/meta.json"))]
    return [example for meta in metas for example in meta["examples"]]


def _milliseconds(call: Callable[[Any], object], arguments: Iterable[Any]) -> list[float]:
    times: list[float] = []
    for argument in arguments:
        started = time.perf_counter()
        call(argument)
        times.append((time.perf_counter() - started) * 1e3)
    return sorted(times)


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _mebibytes() -> float:
    gc.collect()
    rollup = Path("/proc/self/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Rss:")) / 1024


def _filled(embedder: Embedder | None, vectors: MemoryVectors, cards: list[Card], folder: Path | None) -> SearchIndex:
    index = SearchIndex(embedder, vectors, folder)
    index.sync(cards)
    index.embed_missing()
    return index


def _one_request(index: SearchIndex, embedder: Embedder, requests: list[str], cards: list[Card]) -> list[Row]:
    embedding = _milliseconds(embedder.query, requests)
    _milliseconds(index.search, requests)
    searching = _milliseconds(index.search, requests)
    lexical = _filled(None, MemoryVectors(), cards, None)
    lexical.search(requests[0])
    alone = _milliseconds(lexical.search, requests)
    ninth = len(requests) * 9 // 10
    return [
        Row("search at 10,000 cards, without embedding", statistics.median(searching), "ms", "<= 2", "embedding kept"),
        Row("search at 10,000 cards, without embedding, 90th percentile", searching[ninth], "ms"),
        Row("lexical search alone at 10,000 cards", statistics.median(alone), "ms"),
        Row("embedding of a request", statistics.median(embedding), "ms", "<= 10", "one thread"),
    ]


def _changes(index: SearchIndex, request: str) -> list[Row]:
    fresh = _cards(CARDS, 50)

    def add_and_search(card: Card) -> None:
        index.add([card])
        index.search(request)

    changing = _milliseconds(add_and_search, fresh)
    done = threading.Event()
    waits: list[float] = []

    def read() -> None:
        while not done.is_set():
            waits.extend(_milliseconds(index.search, [request]))

    reader = threading.Thread(target=read)
    reader.start()
    index.add(_cards(2 * CARDS, 1000))
    index.embed_missing()
    done.set()
    reader.join()
    return [
        Row("one card added, and a search after it", statistics.median(changing), "ms"),
        Row("slowest search while 1,000 cards are added", max(waits), "ms", note=f"of {len(waits)}"),
    ]


def measure() -> list[Row]:
    """Return the rows of search; without the model's weights there are none."""
    embedder = open_embedder(Settings.load())
    if embedder is None:
        return []
    loading = _seconds(lambda: embedder.query("a first request"))
    requests, cards, vectors = _requests(), _cards(0, CARDS), MemoryVectors()
    documents = RandomDocuments(embedder)
    _filled(documents, MemoryVectors(), cards[:100], None).search(requests[0])
    with tempfile.TemporaryDirectory() as folder:
        before = _mebibytes()
        index = _filled(documents, vectors, cards, Path(folder))
        stored = CARDS * documents.dimensions * 4 / 2**20
        memory = _mebibytes() - before - stored
        rows = _one_request(index, embedder, requests, cards)
        index.close()
        loaded = SearchIndex(documents, vectors, Path(folder))
        from_snapshot = _seconds(lambda: (loaded.sync(cards), loaded.search(requests[0])))
        unchanged = _seconds(lambda: loaded.sync(cards))
        rebuilt = SearchIndex(documents, vectors)
        from_vectors = _seconds(lambda: (rebuilt.sync(cards), rebuilt.search(requests[0])))
        rows += _changes(loaded, requests[0])
    return [
        *rows,
        Row("load of the model and the first request", loading, "s"),
        Row("start with 10,000 cards from the snapshot, and a search", from_snapshot, "s"),
        Row("start with 10,000 cards from stored vectors alone", from_vectors, "s"),
        Row("check of 10,000 cards that have not changed", unchanged * 1e3, "ms"),
        Row("memory of 10,000 cards", memory, "MiB"),
    ]


def quality(folder: Path) -> list[Row]:
    """Return nDCG@10 on the sets of a folder that has an `evaluate.py` and `data/`."""
    evaluate = _module(folder / "evaluate.py")
    rows: list[Row] = []
    for name, bound in _QUALITY.items():
        figures = evaluate.evaluate(retrieval, name)
        rows.append(Row(f"nDCG@10 on {name}", figures["ndcg@10"], "", bound, f"{figures['queries']} requests"))
    return rows


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
