"""Runs as a list shows them: found by the key, which is their time, without what went in and out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, select

from tacit.errors import StoreDamaged
from tacit.store.database import Database
from tacit.store.ids import least_number, started_millis
from tacit.store.runs import error_of
from tacit.store.tables import runs
from tacit.store.unicode import in_bytes, marked, storable

CALLED_WITHIN_MILLIS = 60_000
"""How long after the end of a run one that it called may have started, by clocks that are set meanwhile."""

_OUTLINED = [
    *(runs.c[name] for name in ("id", "version", "energy", "seconds", "parent_run")),
    *(in_bytes(runs.c[name]) for name in ("capability", "error", "session")),
]


@dataclass(frozen=True, slots=True)
class RunOutline:
    """A run without what went in and out of it; `error_code` is None where it ended well."""

    run_id: str
    capability: str
    version: int
    error_code: str | None
    energy: int
    seconds: float
    session: str | None
    parent_run: str | None

    @property
    def started(self) -> int:
        """When it started, in milliseconds since the Unix epoch."""
        return started_millis(self.run_id)


@dataclass(frozen=True, slots=True)
class Sought:
    """Which runs are looked for: those of a capability or a version, of a session, that failed, from a time on.

    What is None is left open; the session "" is that of runs without one. `since` is in milliseconds.
    """

    capability: str | None = None
    version: int | None = None
    session: str | None = None
    failed: bool = False
    since: int = 0


class Outlines:
    """Finds runs; thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, limit: int, sought: Sought) -> list[RunOutline]:
        """Return the newest of the runs that are looked for, newest first.

        Where hardly any run is one, all since then are read: up to 0.2 s where 100,000 are kept.
        """
        wanted = select(*_OUTLINED).where(*_conditions(sought)).order_by(runs.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [_outline(row) for row in connection.execute(wanted)]

    def has(self, run_id: str) -> bool:
        """Return whether a run is recorded: a killed process leaves records of called runs without their caller's."""
        with self._database.read() as connection:
            return connection.execute(select(runs.c.id).where(runs.c.id == int(run_id, 16))).first() is not None

    def called_by(self, run_id: str, seconds: float, limit: int) -> list[RunOutline]:
        """Return the first `limit` runs that a run of so many seconds called itself, in their order."""
        number = int(run_id, 16)
        last = least_number(started_millis(run_id) + int(seconds * 1000) + CALLED_WITHIN_MILLIS)
        called = (runs.c.id > number, runs.c.id < last, runs.c.parent_run == number)
        wanted = select(*_OUTLINED).where(*called).order_by(runs.c.id).limit(limit)
        with self._database.read() as connection:
            return [_outline(row) for row in connection.execute(wanted)]


def _outline(row: Row[*tuple[Any, ...]]) -> RunOutline:
    """Return the outline of a row; one whose error is damaged failed in an unknown way."""
    try:
        error = error_of(row.error)
        code = str(error["code"]) if error else None
    except ValueError:
        code = StoreDamaged.code
    parent = f"{row.parent_run:016x}" if row.parent_run is not None else None
    name, session = marked(row.capability), row.session and marked(row.session)
    return RunOutline(f"{row.id:016x}", name, row.version, code, row.energy, row.seconds, session, parent)


def _conditions(sought: Sought) -> list[ColumnElement[bool]]:
    found = [runs.c.id >= least_number(sought.since)]
    if sought.capability is not None:
        found.append(runs.c.capability == storable(sought.capability))
    if sought.version is not None:
        found.append(runs.c.version == sought.version)
    if sought.session is not None:
        found.append(runs.c.session == storable(sought.session) if sought.session else runs.c.session.is_(None))
    if sought.failed:
        found.append(runs.c.error.is_not(None))
    return found
