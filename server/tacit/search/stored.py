"""Vectors of card texts in a store, so that no text is embedded twice by one model."""

from __future__ import annotations

import hashlib
import logging
import threading
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tacit.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tacit.search.arrays import Floats
    from tacit.search.embedder import Embedder

_log = logging.getLogger(__name__)


class VectorStore(Protocol):
    """Keeps bytes by key."""

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return what is stored of these keys."""
        ...

    def put(self, vectors: Mapping[str, bytes], /) -> None:
        """Store vectors by key, replacing what is there."""
        ...


class MemoryVectors:
    """A vector store that forgets when the process ends; thread-safe."""

    def __init__(self) -> None:
        self._vectors: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return what is stored of these keys."""
        with self._lock:
            return {key: self._vectors[key] for key in keys if key in self._vectors}

    def put(self, vectors: Mapping[str, bytes]) -> None:
        """Store vectors by key, replacing what is there."""
        with self._lock:
            self._vectors.update(vectors)


class StoredEmbeddings:
    """An embedder's vectors of texts, little-endian float32, from the store where they are whole."""

    def __init__(self, embedder: Embedder, store: VectorStore) -> None:
        self._embedder = embedder
        self._store = store

    def get(self, texts: Sequence[str], dimensions: int) -> dict[str, Floats]:
        """Return the stored unit vectors of texts; `dimensions` is their length, 0 where that is not known."""
        keys = {self._key(text): text for text in texts}
        try:
            stored = self._store.get(list(keys))
        except OperatorError as error:
            _log.warning("Stored embeddings cannot be read: %s", error)
            return {}
        found: dict[str, Floats] = {}
        for key, data in stored.items():
            vector = _decoded(data, dimensions)
            if vector is not None:
                found[keys[key]] = vector
                dimensions = len(vector)
        return found

    def make(self, texts: Sequence[str]) -> dict[str, Floats]:
        """Embed texts, store their vectors and return them by text; raises `EmbedderMissing`."""
        vectors = dict(zip(texts, self._embedder.documents(texts), strict=True))
        try:
            self._store.put({self._key(text): vector.astype("<f4").tobytes() for text, vector in vectors.items()})
        except OperatorError as error:
            _log.warning("Embeddings cannot be stored and will be made again at the next start: %s", error)
        return vectors

    def _key(self, text: str) -> str:
        return hashlib.sha256(f"{self._embedder.name}\n{text}".encode()).hexdigest()


def _decoded(data: bytes, dimensions: int) -> Floats | None:
    """Return a stored vector, None where it is not a unit vector of that length."""
    if not data or len(data) % 4:
        return None
    vector = np.frombuffer(data, "<f4").astype(np.float32)
    length = float(np.sqrt(np.square(vector, dtype=np.float64).sum()))
    return vector if len(vector) == (dimensions or len(vector)) and abs(length - 1) < 1e-3 else None
