"""Runs as a list shows them: in the order in which they were recorded, without what went in and out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, select

from tacit.errors import StoreDamaged
from tacit.store.database import Database
from tacit.store.ids import started_millis
from tacit.store.run_blocks import newest_of
from tacit.store.run_ids import begun_during, has_id
from tacit.store.runs import error_of
from tacit.store.tables import runs
from tacit.store.unicode import in_bytes, marked, storable

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
    """Which runs are looked for: those of a capability or a version, of a session, that failed.

    What is None is left open; the session "" is that of runs without one. A version needs its capability.
    """

    capability: str | None = None
    version: int | None = None
    session: str | None = None
    failed: bool = False


class Outlines:
    """Finds runs; thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, limit: int, sought: Sought) -> list[RunOutline]:
        """Return the newest of the runs that are looked for, newest first.

        A capability's are found without the others (see `run_blocks`). Where hardly any is of the session that is
        looked for, or failed, all are read: up to 0.2 s where 100,000 are kept.
        """
        wanted = select(*_OUTLINED).where(*_conditions(sought))
        with self._database.read() as connection:
            if sought.capability is not None:
                return list(map(_outline, newest_of(connection, wanted, limit, sought.capability, sought.version)))
            return [_outline(row) for row in connection.execute(wanted.order_by(runs.c.seq.desc()).limit(limit))]

    def has(self, run_id: str) -> bool:
        """Return whether a run is recorded: a killed process leaves records of called runs without their caller's."""
        with self._database.read() as connection:
            return connection.execute(select(runs.c.id).where(has_id(int(run_id, 16)))).first() is not None

    def called_by(self, run_id: str, limit: int) -> list[RunOutline]:
        """Return the first `limit` runs that a recorded run called itself, in their order.

        They were recorded before it, and the process that ran them all gave them greater ids, whatever the clock said.
        """
        number = int(run_id, 16)
        called = (runs.c.seq.in_(begun_during(number)), runs.c.parent_run == number)
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
    found: list[ColumnElement[bool]] = []
    if sought.session is not None:
        found.append(runs.c.session == storable(sought.session) if sought.session else runs.c.session.is_(None))
    if sought.failed:
        found.append(runs.c.error.is_not(None))
    return found
