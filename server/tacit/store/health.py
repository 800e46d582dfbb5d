"""How versions fare: their own failures in a row, counted across restarts and processes.

Each change begins a generation of the catalog, since `Version.failing` is part of what the catalog remembers.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from tacit.clock import now_millis
from tacit.store.database import Database
from tacit.store.meta import Meta
from tacit.store.sqlite import insert_or_replace
from tacit.store.tables import health


@dataclass(frozen=True, slots=True)
class Condition:
    """How many runs in a row failed by a version's own fault, the last of them, and when, in milliseconds."""

    failing: int = 0
    last_run: str = ""
    changed: int = 0


class Health:
    """Counts failures; thread-safe."""

    def __init__(self, database: Database, meta: Meta) -> None:
        self._database = database
        self._meta = meta

    def get(self, capability: str, version: int) -> Condition:
        """Return how a version fares; one of which nothing is known fares well."""
        with self._database.read() as connection:
            return _find(connection, capability, version)

    def failed(self, capability: str, version: int, run_id: str) -> int:
        """Count a failure and return how many there are in a row; the same run again is not counted again."""
        with self._database.write() as connection:
            before = _find(connection, capability, version)
            if run_id and before.last_run == run_id:
                return before.failing
            row = {
                "capability": capability,
                "version": version,
                "failing": before.failing + 1,
                "last_run": run_id,
                "changed": now_millis(),
            }
            connection.execute(insert_or_replace(health, "failing", "last_run", "changed"), row)
            self._meta.next_generation(connection)
        return before.failing + 1

    def succeeded(self, capability: str, version: int) -> None:
        """Begin to count anew. Ask `Version.failing` first: a version that did not fail has nothing to forget."""
        with self._database.write() as connection:
            if forget(connection, capability, version):
                self._meta.next_generation(connection)


def forget(connection: Connection, capability: str, version: int) -> bool:
    """Forget the failures of a version in the transaction of `connection`; return whether there were any."""
    own = (health.c.capability == capability, health.c.version == version)
    return bool(connection.execute(delete(health).where(*own)).rowcount)


def _find(connection: Connection, capability: str, version: int) -> Condition:
    wanted = select(health.c.failing, health.c.last_run, health.c.changed)
    row = connection.execute(wanted.where(health.c.capability == capability, health.c.version == version)).one_or_none()
    return Condition(*row) if row is not None else Condition()
