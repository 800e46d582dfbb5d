"""Small facts about the whole database: the generation of the catalog, and stamps.

The generation grows with every change of the catalog, in the same transaction, so whoever remembers something
of the catalog asks here (about 0.2 µs) whether it still holds, whichever process changed it.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, delete, select, update

from tacit.errors import StoreBusy, StoreReadOnly
from tacit.store.database import Database
from tacit.store.failures import damaged, explained, read_only
from tacit.store.shared_counter import SharedCounter, bytes_of
from tacit.store.sqlite import insert_or_replace, insertion_order
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
        self._shared = _shared_counter(database)
        self._confirmed = (b"none yet", 0)
        self._sql = str(select(meta.c.value).where(meta.c.key == _GENERATION).compile(database.engine))
        self._set_counter_right()

    def generation(self) -> int:
        """Return the generation of the catalog as it is now.

        Asking the database costs 10 µs after each recorded run, so it is asked only when the shared counter is
        not what the database last confirmed. That is safe because `next_generation` moves the counter before its
        transaction commits: as long as the counter stands still, nothing can have changed. A transaction that is
        undone, or killed, leaves the counter ahead, and the database is then asked each time until the next change
        or the next start.
        """
        if self._database.closed:
            raise self._database.refusal()
        hint = self._shared.get() if self._shared else b""
        confirmed = self._confirmed  # one value: threads set it at once
        if hint == confirmed[0]:
            return confirmed[1]
        stored = self._stored_generation()
        if hint == bytes_of(stored):
            self._confirmed = (hint, stored)
        return stored

    def _set_counter_right(self) -> None:
        """Repair a counter that a kill or a new file left wrong; the write lock keeps changes out meanwhile."""
        if self._shared is None or bytes_of(self.generation()) == self._shared.get():
            return
        with suppress(StoreBusy, StoreReadOnly), self._database.write() as connection:
            self._show(self.generation_in(connection))

    def _show(self, generation: int) -> None:
        """Have every process ask the database; raises `StoreReadOnly` where that cannot be, so nothing may change."""
        if self._shared is None:
            return
        try:
            self._shared.set(generation)
        except OSError as error:
            raise _unshared(self._database, error) from error

    def _stored_generation(self) -> int:
        try:
            with self._lock:
                if self._closed:
                    raise self._database.refusal()
                row = self._reader.execute(self._sql, (_GENERATION,)).fetchone()
        except sqlite3.Error as error:
            raise explained(error, self._database.path) or error from error
        try:
            return int(row[0])
        except (TypeError, ValueError) as error:
            raise damaged(self._database.path, "it does not say which generation it is") from error

    def generation_in(self, connection: Connection) -> int:
        """Return the generation of the catalog as the transaction of `connection` sees it."""
        return int(connection.execute(select(meta.c.value).where(meta.c.key == _GENERATION)).scalar_one())

    def next_generation(self, connection: Connection) -> int:
        """Begin a new generation in the transaction of `connection`, and return it."""
        changed = self.generation_in(connection) + 1
        self._show(changed)
        connection.execute(update(meta).where(meta.c.key == _GENERATION).values(value=str(changed)))
        return changed

    def get(self, key: str) -> str | None:
        """Return the value kept under `key`, or None."""
        with self._database.read() as connection:
            return self.get_in(connection, key)

    def get_in(self, connection: Connection, key: str) -> str | None:
        """Return the value kept under `key` as the transaction of `connection` sees it."""
        return connection.execute(select(meta.c.value).where(meta.c.key == key)).scalar_one_or_none()

    def starting_with(self, prefix: str) -> list[str]:
        """Return the values kept under keys that begin so, in the order in which the keys were first kept."""
        kept = select(meta.c.value).where(meta.c.key.startswith(prefix, autoescape=True))
        kept = kept.order_by(insertion_order(meta))
        with self._database.read() as connection:
            return list(connection.execute(kept).scalars())

    def drop_in(self, connection: Connection, key: str) -> None:
        """Forget what is kept under `key`, in the transaction of `connection`."""
        connection.execute(delete(meta).where(meta.c.key == key))

    def put_in(self, connection: Connection, key: str, value: str) -> None:
        """Keep `value` under `key`, in the transaction of `connection`."""
        connection.execute(insert_or_replace(meta, "value"), {"key": key, "value": value})

    def close(self) -> None:
        """Close the reading connection and leave the shared counter; closing again is harmless."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._held.close()


def _shared_counter(database: Database) -> SharedCounter | None:
    if not database.writable:
        return None
    try:
        return SharedCounter(database.path.with_name(_GENERATION))
    except OSError as error:  # to go on without it would hide this process's changes from the others
        raise _unshared(database, error) from error


def _unshared(database: Database, error: OSError) -> StoreReadOnly:
    return read_only(database.path, f"{_GENERATION} beside it cannot be shared ({error.strerror or error})")
