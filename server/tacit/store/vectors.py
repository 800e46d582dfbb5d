"""Embeddings by key, so that a start never embeds what it has embedded before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import select

from tacit.store.database import Database
from tacit.store.sqlite import insert_or_replace
from tacit.store.tables import vectors

_AT_ONCE = 500


class Vectors:
    """Keeps bytes under keys that their owner makes; thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the vectors that are kept, by key; the other keys are left out."""
        found: dict[str, bytes] = {}
        with self._database.read() as connection:
            for some in _in_batches(keys):
                rows = connection.execute(select(vectors.c.key, vectors.c.data).where(vectors.c.key.in_(some)))
                found.update((key, data) for key, data in rows)
        return found

    def put(self, found: Mapping[str, bytes]) -> None:
        """Keep vectors by key; raises `StoreReadOnly` or `StoreBusy`."""
        if not found:
            return
        rows = [{"key": key, "data": data} for key, data in found.items()]
        with self._database.write() as connection:
            connection.execute(insert_or_replace(vectors, "data"), rows)


def _in_batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
