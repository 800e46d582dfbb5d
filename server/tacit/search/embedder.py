"""What turns texts into vectors: the protocol, its choice by the settings, and MiniLM on this machine's CPU.

MiniLM's vectors are not its usual mean: each token's state counts by how rare the token is among tools and
requests (`token_weights_u8.npy`, built from document frequencies over about 5,000 public tool texts and 2,000
requests). The weights are static, so adding a card never changes another's vector. A request has, beside its whole
vector, one for every window of its tokens, so that a long request finds the cards of each of its steps.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tacit.errors import EmbedderMissing
from tacit.search.sharing import share
from tacit.search.weights import VOCABULARY, SizeWatch, WeightsFolder, find_weights, fingerprint, load_tensors

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from tacit.config import Settings
    from tacit.search.arrays import Floats
    from tacit.search.minilm import MiniLm

LONGEST = 256
"""Wordpieces of a text that MiniLM reads, its two special ones included; it was trained with no more."""

WINDOW, STRIDE = 6, 3
_FLOOR = np.float32(0.05)
_BATCH_TOKENS = 512
_PATIENCE_SECONDS = 1.0
"""How long a batch of documents gives way to requests at most, lest many of these stop it."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QueryEmbedding:
    """A request's unit vector [d], and the unit vectors of its windows [m, d] (m = 0: the model gives none)."""

    whole: Floats
    windows: Floats


class Embedder(Protocol):
    """Turns texts into unit vectors; thread-safe.

    `name` tells vectors apart that must not be compared; `kind` picks the thresholds.
    Both methods raise `EmbedderMissing` when the model or the service fails.
    """

    @property
    def name(self) -> str:
        """The model, and what else vectors depend on."""
        ...

    @property
    def kind(self) -> str:
        """`minilm` or `service`."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of the vectors; 0 while a service has not told it yet."""
        ...

    def documents(self, texts: Sequence[str]) -> Floats:
        """Return the vectors of texts that are to be found, [n, d]."""
        ...

    def query(self, text: str) -> QueryEmbedding:
        """Return the vectors of a request."""
        ...

    def close(self) -> None:
        """Release connections and memory."""
        ...


def open_embedder(settings: Settings) -> Embedder | None:
    """Return the embedder that the settings ask for; nothing is loaded before its first use.

    `auto` takes MiniLM where its weights are, and else None with a warning in the log: search is lexical alone.
    Raises `EmbedderMissing` when one was asked for by name and cannot be had.
    """
    match settings.embedder:
        case "none":
            return None
        case "openai" | "azure":
            from tacit.search.service_embedder import ServiceEmbedder  # imports openai

            return ServiceEmbedder.of(settings)
        case "minilm":
            return _minilm(settings)
        case "auto":
            try:
                return _minilm(settings)
            except EmbedderMissing as error:
                _log.warning("Search is lexical alone: %s", error)
                return None


def _minilm(settings: Settings) -> MiniLmEmbedder:
    folder = find_weights(settings)
    if folder is None:
        raise EmbedderMissing("The weights of all-MiniLM-L6-v2 are not on this machine.", hint="Run `tacit setup`.")
    return MiniLmEmbedder(folder)


@dataclass(frozen=True, slots=True)
class _Loaded:
    tokenizer: Any
    model: MiniLm
    weights: Floats


class MiniLmEmbedder:
    """all-MiniLM-L6-v2 in NumPy, pooled by token weights; loads at its first use."""

    kind = "minilm"
    dimensions = 384

    def __init__(self, folder: WeightsFolder) -> None:
        self._folder = folder
        self.name = f"minilm-weighted-1:{fingerprint(folder)}"
        self._loaded: _Loaded | None = None
        self._loading = threading.Lock()
        self._requests = 0
        self._no_request = threading.Condition()

    def documents(self, texts: Sequence[str]) -> Floats:
        """Return unit vectors [n, 384]; texts are batched by length, on two cores where there are two.

        Between batches, which take about a tenth of a second, requests go first.
        """
        loaded = self._load()
        ids = [self._encode(loaded, text) for text in texts]
        vectors = np.zeros((len(texts), self.dimensions), np.float32)

        def embed(batch: list[int]) -> None:
            self._give_way()
            for place, states in zip(batch, loaded.model.states([ids[place] for place in batch]), strict=True):
                vectors[place] = _pool(loaded.weights[ids[place]], states)

        share(embed, list(_batches(ids)))
        return _unit(vectors)

    def query(self, text: str) -> QueryEmbedding:
        """Return the vector of a request and those of its windows: 6 tokens from every third position on.

        Positions count from [CLS], as the model sees them, so the first window has the first 5 words' tokens; the
        states of [CLS] and [SEP] themselves are in none. A request of at most 6 tokens is one window.
        """
        loaded = self._load()
        ids = self._encode(loaded, text)
        with self._request():
            states = loaded.model.states([ids])[0]
        weights = loaded.weights[ids]
        windows = [_pool(weights[part], states[part]) for part in _windows(len(ids))]
        vectors = _unit(np.stack([_pool(weights, states), *windows]))
        return QueryEmbedding(vectors[0], vectors[1:])

    def close(self) -> None:
        """Let go of the model; the next use loads it again."""
        with self._loading:
            self._loaded = None

    @contextmanager
    def _request(self) -> Generator[None]:
        """Have documents wait meanwhile."""
        with self._no_request:
            self._requests += 1
        try:
            yield
        finally:
            with self._no_request:
                self._requests -= 1
                self._no_request.notify_all()

    def _give_way(self) -> None:
        with self._no_request:
            self._no_request.wait_for(lambda: not self._requests, _PATIENCE_SECONDS)

    def _encode(self, loaded: _Loaded, text: str) -> list[int]:
        return loaded.tokenizer.encode(text).ids

    def _load(self) -> _Loaded:
        with self._loading:
            if self._loaded is None:
                self._loaded = _load(self._folder)
            return self._loaded


def _load(folder: WeightsFolder) -> _Loaded:
    """Load the model and set BLAS, for the whole process, to one thread.

    A second thread halves the time of a query on two idle cores (6 instead of 9 ms), but the two wait for each other
    some forty times in each: with both cores busy the median was 38 to 138 ms with two threads, 20 with one.
    """
    from threadpoolctl import threadpool_limits
    from tokenizers import Tokenizer  # 30 ms, for the first embedding alone

    from tacit.search.minilm import MiniLm

    threadpool_limits(limits=1, user_api="blas")
    model = MiniLm(load_tensors(folder.tensors), SizeWatch(folder.tensors))
    try:
        tokenizer: Any = Tokenizer.from_file(str(folder.tokenizer))
    except Exception as error:  # tokenizers raises plain Exception
        raise EmbedderMissing(
            f"The tokenizer {folder.tokenizer} is damaged: {error}.", hint="Delete it and run `tacit setup`."
        ) from error
    if tokenizer.get_vocab_size() != VOCABULARY:
        raise EmbedderMissing(
            f"The tokenizer {folder.tokenizer} is not that of all-MiniLM-L6-v2.",
            hint="Delete it and run `tacit setup`.",
        )
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    with resources.files("tacit.search").joinpath("token_weights_u8.npy").open("rb") as file:
        rarity = np.load(file, allow_pickle=False)
    return _Loaded(tokenizer, model, rarity.astype(np.float32) / 255 + _FLOOR)


def _batches(ids: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Group the places of texts of about one length, so that a batch has at most 512 tokens with its padding.

    More would be no faster: a product of 512 columns keeps BLAS as busy, and its results stay in the cache.
    """
    batch: list[int] = []
    for place in sorted(range(len(ids)), key=lambda place: len(ids[place])):
        if batch and (len(batch) + 1) * len(ids[place]) > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _windows(tokens: int) -> list[slice]:
    """Return the slices of the windows over `tokens` states, the first and last of which are [CLS] and [SEP]."""
    inner = tokens - 2
    if inner <= WINDOW:
        return [slice(1, tokens - 1)] if inner else []
    return [slice(max(1, start), min(start + WINDOW, tokens - 1)) for start in range(0, tokens - 1, STRIDE)]


def _pool(weights: Floats, states: Floats) -> Floats:
    return weights @ states


def _unit(vectors: Floats) -> Floats:
    """Scale rows to length 1; a row of zeros stays."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))[:, None]
    return vectors / np.maximum(lengths, np.float32(1e-12))
