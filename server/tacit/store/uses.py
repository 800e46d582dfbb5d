"""When versions were last used without a run of their own: answered from a cache, or reached by what was.

Such an answer takes microseconds, so at most one in an hour is noted of each version and process, without waiting.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import suppress

from sqlalchemy import select

from tacit.clock import now_millis
from tacit.errors import StoreBusy, StoreReadOnly
from tacit.store.database import Database
from tacit.store.failures import explained
from tacit.store.sqlite import insert_or_replace
from tacit.store.tables import uses

EVERY_MILLIS = 60 * 60 * 1000


class Uses:
    """Notes uses and finds them again; thread-safe, since the worst race notes one twice."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[tuple[str, int], int] = {}
        self._sql = str(insert_or_replace(uses, "last").compile(database.engine))

    def note(self, used: tuple[str, int], reached: Iterable[tuple[str, int]] = ()) -> None:
        """Note that a version is used now, and with it those that it `reached`.

        Where the store is busy or cannot be written, the next use is noted instead.
        """
        now = now_millis()
        if abs(now - self._noted.get(used, 0)) < EVERY_MILLIS:
            return
        rows = [(capability, version, now) for capability, version in dict.fromkeys((used, *reached))]
        with suppress(StoreBusy, StoreReadOnly):
            try:
                with self._database.turn(wait=False) as connection:
                    connection.executemany(self._sql, rows)
            except sqlite3.Error as error:
                raise explained(error, self._database.path) or error from error
            self._noted[used] = now

    def last(self) -> dict[tuple[str, int], int]:
        """Return when each version was last noted, in milliseconds."""
        with self._database.read() as connection:
            return {(row.capability, row.version): row.last for row in connection.execute(select(uses))}
