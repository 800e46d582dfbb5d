"""How often each session ran programs well, also in runs whose records were dropped.

Before records go, `retention` adds those of programs to a table, in the same transaction, so that a session's count
never falls. Of more than `MAX_SESSIONS` in that table, those that began first are added up and their names forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, delete, func, literal, select, tuple_, union_all

from tacit.store.database import Database
from tacit.store.ids import started_millis
from tacit.store.sqlite import insert_or_merge
from tacit.store.tables import IS_PROGRAM, runs, session_runs, versions
from tacit.store.unicode import in_bytes, marked

MAX_SESSIONS = 10_000
"""Sessions whose dropped runs are counted by name."""

_NAMED, _NONE, _EARLIER = "=", "", "*"
"""How the key of a session begins, what that of runs without one is, and that of sessions whose names are forgotten."""

_FIRST = ("first_run", "first_seq")
"""When the first one started, and which place it has in the order of records."""


@dataclass(frozen=True, slots=True)
class SessionTally:
    """The runs of one program in one session (None: in none) that ended well and that no other run called.

    `earlier` ones are those of all sessions whose names are forgotten.
    """

    session: str | None
    capability: str
    version: int
    runs: int
    first_run: str
    earlier: bool = False

    @property
    def first_millis(self) -> int:
        """When the first one started, in milliseconds since the Unix epoch."""
        return started_millis(self.first_run)


class SessionRuns:
    """Finds what sessions ran; thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[SessionTally]:
        """Return the tally of each session and program, dropped runs included; reads every run once."""
        both = union_all(_counted(), select(session_runs)).subquery()
        of = (both.c.session, both.c.capability, both.c.version)
        programs = select(versions.c.capability, versions.c.number).where(IS_PROGRAM)
        texts = (in_bytes(both.c.session), in_bytes(both.c.capability))
        summed = select(*texts, both.c.version, func.sum(both.c.runs), func.min(both.c.first_run))
        summed = summed.where(tuple_(both.c.capability, both.c.version).in_(programs)).group_by(*of)
        with self._database.read() as connection:
            return [_tally(*row) for row in connection.execute(summed)]


def keep_counted(connection: Connection, last: int) -> None:
    """Add the runs up to `seq` `last` to what is kept of them, in the transaction of `connection` that drops them."""
    of = (versions.c.capability == runs.c.capability, versions.c.number == runs.c.version)
    dropped = _counted(runs.c.seq <= last, select(versions.c.number).where(*of, IS_PROGRAM).exists())
    connection.execute(insert_or_merge(session_runs, dropped, summed="runs", least=_FIRST))


def forget_names(connection: Connection) -> None:
    """Add up the sessions that began first where there are too many."""
    kept = session_runs.c
    first = func.min(kept.first_seq)
    by_age = select(kept.session).where(kept.session.startswith(_NAMED)).group_by(kept.session).order_by(first.desc())
    oldest = kept.session.in_(by_age.offset(MAX_SESSIONS))
    of = (kept.capability, kept.version)
    times = (func.min(kept.first_run), first)
    summed = select(literal(_EARLIER), *of, func.sum(kept.runs), *times).where(oldest).group_by(*of)
    connection.execute(insert_or_merge(session_runs, summed, summed="runs", least=_FIRST))
    connection.execute(delete(session_runs).where(oldest))


def _counted(*which: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """Return the query that counts recorded runs as the table has them."""
    key = case((runs.c.session.is_(None), literal(_NONE)), else_=literal(_NAMED) + runs.c.session)
    of = (key.label("session"), runs.c.capability, runs.c.version)
    firsts = (func.min(runs.c.id).label("first_run"), func.min(runs.c.seq).label("first_seq"))
    numbers = (func.count().label("runs"), *firsts)
    well = (runs.c.error.is_(None), runs.c.parent_run.is_(None), *which)
    return select(*of, *numbers).where(*well).group_by(*of)


def _tally(kept: bytes, capability: bytes, version: int, count: int, first: int) -> SessionTally:
    key = marked(kept)
    session = key.removeprefix(_NAMED) if key.startswith(_NAMED) else None
    return SessionTally(session, marked(capability), version, count, f"{first:016x}", earlier=key == _EARLIER)
