"""Small facts about the whole database: the generation of the catalog, and stamps.

The generation grows with every change of the catalog, in the same transaction, so whoever remembers something
of the catalog asks here (about 2 µs) whether it still holds, whichever process changed it.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

from sqlalchemy import Connection, select, update

from tacit.store.database import Database
from tacit.store.failures import closed, explained
from tacit.store.sqlite import insert_or_replace
from tacit.store.tables import meta

_GENERATION = "generation"


class Meta:
    """Reads and writes the table `meta`; thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held = database.raw_connection()
        self._reader: Any = self._held.driver_connection
        self._lock = threading.Lock()
        self._closed = False
        self._sql = str(select(meta.c.value).where(meta.c.key == _GENERATION).compile(database.engine))

    def generation(self) -> int:
        """Return the generation of the catalog as it is now."""
        try:
            with self._lock:
                if self._closed:
                    raise closed()
                row = self._reader.execute(self._sql, (_GENERATION,)).fetchone()
        except sqlite3.Error as error:
            raise explained(error, self._database.path) or error from error
        return int(row[0])

    def generation_in(self, connection: Connection) -> int:
        """Return the generation of the catalog as the transaction of `connection` sees it."""
        return int(connection.execute(select(meta.c.value).where(meta.c.key == _GENERATION)).scalar_one())

    def next_generation(self, connection: Connection) -> int:
        """Begin a new generation in the transaction of `connection`, and return it."""
        changed = self.generation_in(connection) + 1
        connection.execute(update(meta).where(meta.c.key == _GENERATION).values(value=str(changed)))
        return changed

    def get(self, key: str) -> str | None:
        """Return the value kept under `key`, or None."""
        with self._database.read() as connection:
            return self.get_in(connection, key)

    def get_in(self, connection: Connection, key: str) -> str | None:
        """Return the value kept under `key` as the transaction of `connection` sees it."""
        return connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar_one_or_none()

    def put_in(self, connection: Connection, key: str, value: str) -> None:
        """Keep `value` under `key`, in the transaction of `connection`."""
        connection.execute(insert_or_replace(meta, "value"), {"key": key, "value": value})

    def close(self) -> None:
        """Close the reading connection."""
        with self._lock:
            self._closed = True
            self._held.close()
