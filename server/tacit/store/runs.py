"""The records of runs: what went in, what came out, and every answer of the world in between.

Recording is on the path of every run, so it bypasses the layers: one statement, compiled once by SQLAlchemy, on
the raw connection, committed before the run is answered. It is not synchronised with the disk: a killed process loses
nothing, a power cut may cost the last runs. Runs that write files are recorded with their commit (see `commits`).
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Row, func, insert, select

from tacit.errors import UnknownRun
from tacit.store import sqlite as dialect
from tacit.store.database import Database
from tacit.store.failures import damaged, explained
from tacit.store.ids import run_number, started_millis
from tacit.store.payloads import INLINE_BYTES, Payloads, unpack
from tacit.store.run_blocks import newest_of
from tacit.store.run_ids import has_id
from tacit.store.tables import failed_inputs, runs
from tacit.store.unicode import in_bytes, marked, storable

REPLAYABLE_BYTES = 8 << 20
"""What the runs that are to be replayed hold at most, together; they travel in one line to the builder."""
CONSIDERED = 4
"""How many runs are looked at for each that is wanted, so that large ones make way for others."""
MOST_COMPARED = 10_000
"""How many good runs of a version are counted by session, at most."""
RECENT = 2000
"""Among how many of a version's newest good runs those that are to be replayed are chosen."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. `error` is `TacitError.to_dict()` of how it failed; `calls` are the encoded host calls.

    `run_id` comes from `new_run_id()` at the start of the run, so it also says when that was. `now_millis` is
    what the clock said to the guest, `parent_run` the run that called this one.
    """

    run_id: str
    capability: str
    version: int
    input: bytes
    output: bytes
    error: dict[str, Any] | None
    calls: bytes
    energy: int
    energy_limit: int
    seconds: float
    now_millis: int
    session: str | None = None
    parent_run: str | None = None

    @property
    def error_code(self) -> str | None:
        """The stable code of how it failed, None when it ended well."""
        return str(self.error["code"]) if self.error else None

    @property
    def started(self) -> int:
        """When it started, in milliseconds since the Unix epoch."""
        return started_millis(self.run_id)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run ended: `error` is `TacitError.to_dict()`, None where it ended well; `nested` if another called it.

    `given` is the same for the same input, as far as it was written alike.
    """

    run_id: str
    error: dict[str, Any] | None
    energy_limit: int
    nested: bool
    given: bytes
    session: str | None

    @property
    def error_code(self) -> str | None:
        """The stable code of how it failed, None when it ended well."""
        return str(self.error["code"]) if self.error else None


@dataclass(frozen=True, slots=True)
class Tally:
    """The recorded runs of one version: how many, how many of them ended well, and the last one's id."""

    runs: int
    succeeded: int
    last_run: str

    @property
    def last_millis(self) -> int:
        """When the last one started, in milliseconds since the Unix epoch."""
        return started_millis(self.last_run)


class Runs:
    """Records runs and finds them again; thread-safe."""

    def __init__(self, database: Database, recorded: Callable[[int], None]) -> None:
        self._database = database
        self._recorded = recorded
        self._payloads = Payloads(database.engine)
        given = [column.name for column in runs.c if column is not runs.c.seq]
        self._sql = str(insert(runs).compile(database.engine, column_keys=given))
        self._last = str(select(func.max(runs.c.seq)).compile(database.engine))

    def record(self, run: RunRecord, *, wait: bool = True) -> None:
        """Keep a run; when this returns it survives a kill, though perhaps no power cut.

        Raises `StoreReadOnly` (a full disk included), or `StoreBusy`: at once, unless it may `wait` for others.
        """
        try:
            with self._database.turn(wait=wait) as connection:
                if _is_small(run):
                    connection.execute(self._sql, self._row(connection, run, 0))
                else:
                    with self.writing(connection):
                        self.insert(connection, [run])
        except sqlite3.Error as error:
            raise explained(error, self._database.path) or error from error
        self.note(run)

    def record_at_once(self, tree: Sequence[RunRecord]) -> None:
        """Keep runs, all or none, without waiting for anyone; else as `record`."""
        if len(tree) == 1:
            return self.record(tree[0], wait=False)
        try:
            with self._database.turn(wait=False) as connection, self.writing(connection):
                self.insert(connection, tree)
        except sqlite3.Error as error:
            raise explained(error, self._database.path) or error from error
        for run in tree:
            self.note(run)
        return None

    @contextmanager
    def writing(self, connection: Any) -> Generator[None]:
        """Give a transaction on the raw writing connection, for `insert`; undone by an exception."""
        dialect.begin_writing(connection)
        try:
            with connection:
                yield
        except BaseException:
            self._payloads.forget()  # their blobs may be gone with the transaction
            raise

    def insert(self, connection: Any, tree: Sequence[RunRecord]) -> None:
        """Add runs in the transaction of a raw connection."""
        before = connection.execute(self._last).fetchone()[0] or 0
        rows = [self._row(connection, run, before + number) for number, run in enumerate(tree, 1)]
        connection.executemany(self._sql, rows)

    def note(self, run: RunRecord) -> None:
        """Tell retention of a run that is recorded now."""
        self._recorded(len(run.input) + len(run.output) + len(run.calls))

    def get(self, run_id: str) -> RunRecord:
        """Return a recorded run; raises `UnknownRun`, also for one that is no longer kept."""
        number = run_number(run_id)
        try:
            with self._database.read() as connection:
                row = connection.execute(select(runs).where(has_id(number))).one_or_none() if number else None
                if row is None:
                    raise LookupError
                with self._reading(run_id):
                    return _record(connection, row)
        except LookupError as error:
            raise UnknownRun(
                f"There is no recorded run {run_id[:40]!r}.",
                hint="The oldest runs are dropped after a while; `tacit runs` lists the newest.",
            ) from error

    def outcomes(self, capability: str, version: int, limit: int, *, after: int = 0) -> list[Outcome]:
        """Return how the last `limit` recorded runs of a version ended, newest first, none up to number `after`."""
        columns = select(runs.c.id, runs.c.error, runs.c.energy_limit, runs.c.parent_run, runs.c.input, runs.c.session)
        with self._database.read() as connection, self._reading(f"of {capability}@{version}"):
            return [
                Outcome(
                    f"{row.id:016x}",
                    error_of(row.error),
                    row.energy_limit,
                    row.parent_run is not None,
                    row.input,
                    row.session,
                )
                for row in newest_of(connection, columns.where(runs.c.seq > after), limit, capability, version)
            ]

    def ended_well_elsewhere(self, capability: str, version: int) -> bool:
        """Return whether a version works for somebody, as far as its runs are kept.

        That is a session in which a run of it ended well and no failure of it counts now, or more runs ended well than
        failures count.
        """
        failed = select(failed_inputs.c.session, func.count()).filter_by(capability=capability, version=version)
        session = func.coalesce(runs.c.session, "").label("name")
        well = select(session).where(runs.c.error.is_(None))
        with self._database.read() as connection:
            counted = connection.execute(failed.group_by(failed_inputs.c.session)).all()
            failures = {str(name): int(count) for name, count in counted}
            if newest_of(connection, well.where(session.not_in(failures)), 1, capability, version):
                return True
            good = Counter(row.name for row in newest_of(connection, well, MOST_COMPARED, capability, version))
        return any(good[name] > count for name, count in failures.items())

    def replayable(
        self, capability: str, version: int, limit: int, *, max_bytes: int = REPLAYABLE_BYTES
    ) -> list[RunRecord]:
        """Return runs of a version that ended well, each with an input of its own, newest first.

        At most `limit`, whose inputs, outputs and host calls have at most `max_bytes` together; a run that would not
        fit any more, or that is no longer kept whole, is left out.
        """
        well = select(runs.c.seq, runs.c.input).where(runs.c.error.is_(None))
        found: list[RunRecord] = []
        left = max_bytes
        with self._database.read() as connection:
            newest: dict[bytes, int] = {}
            for row in newest_of(connection, well, RECENT, capability, version):
                newest.setdefault(row.input, row.seq)
            considered = sorted(newest.values(), reverse=True)[: limit * CONSIDERED]
            wanted = select(runs).where(runs.c.seq.in_(considered)).order_by(runs.c.seq.desc())
            for row in connection.execute(wanted).all():
                with suppress(LookupError), self._reading(f"{row.id:016x}"):
                    record = _record(connection, row)
                    size = len(record.input) + len(record.output) + len(record.calls)
                    if size <= left:
                        left -= size
                        found.append(record)
                if len(found) == limit:
                    break
        return found

    def tallies(self) -> dict[tuple[str, int], Tally]:
        """Return how often each version ran, as far as runs are kept; reads every run once."""
        version = (runs.c.capability, runs.c.version)
        well = func.count().filter(runs.c.error.is_(None)).label("well")
        counts = (func.count().label("runs"), well, func.max(runs.c.seq).label("last"))
        counted = select(*counts).group_by(*version).subquery()
        name = (in_bytes(runs.c.capability), runs.c.version)
        lasts = select(*name, counted.c.runs, counted.c.well, runs.c.id).join(counted, runs.c.seq == counted.c.last)
        with self._database.read() as connection:
            rows = connection.execute(lasts).all()
        return {(marked(name), number): Tally(count, well, f"{last:016x}") for name, number, count, well, last in rows}

    def oldest_millis(self) -> int | None:
        """Return when the oldest run that is kept started, in milliseconds; None where no run is."""
        oldest = select(runs.c.id).order_by(runs.c.seq).limit(1)
        with self._database.read() as connection:
            number: int | None = connection.execute(oldest).scalar_one_or_none()
        return None if number is None else started_millis(f"{number:016x}")

    def recent(self, count: int = 4, among: int = 50) -> list[tuple[str, int]]:
        """Return the at most `count` different `(capability, version)` that ran last, of the last `among` runs."""
        last = select(in_bytes(runs.c.capability), runs.c.version).order_by(runs.c.seq.desc()).limit(among)
        with self._database.read() as connection:
            rows = connection.execute(last).all()
        return list(dict.fromkeys((marked(name), version) for name, version in rows))[:count]

    @contextmanager
    def _reading(self, run: str) -> Generator[None]:
        """Say of a run that cannot be read that the database is damaged."""
        try:
            yield
        except (ValueError, zlib.error) as error:
            raise damaged(self._database.path, f"run {run}: {error}") from error

    def _row(self, connection: Any, run: RunRecord, seq: int) -> tuple[object, ...]:
        pack = self._payloads.pack
        return (
            int(run.run_id, 16),
            run.capability,
            run.version,
            pack(connection, run.input, seq),
            pack(connection, run.output, seq),
            json.dumps(run.error) if run.error else None,
            pack(connection, run.calls, seq),
            run.energy,
            run.energy_limit,
            run.seconds,
            run.now_millis,
            storable(run.session) if run.session else None,
            int(run.parent_run, 16) if run.parent_run else None,
        )


def _is_small(run: RunRecord) -> bool:
    """Whether its row holds all of it, so that it needs no more than one statement."""
    return len(run.input) <= INLINE_BYTES and len(run.output) <= INLINE_BYTES and len(run.calls) <= INLINE_BYTES


def _record(connection: Connection, row: Row[Any]) -> RunRecord:
    """Make a record of a row; raises `LookupError` when part of it is gone, `ValueError` when it is damaged."""
    return RunRecord(
        run_id=f"{row.id:016x}",
        capability=row.capability,
        version=row.version,
        input=unpack(connection, row.input),
        output=unpack(connection, row.output),
        error=error_of(row.error),
        calls=unpack(connection, row.calls),
        energy=row.energy,
        energy_limit=row.energy_limit,
        seconds=row.seconds,
        now_millis=row.now_millis,
        session=row.session,
        parent_run=f"{row.parent_run:016x}" if row.parent_run is not None else None,
    )


def error_of(text: str | bytes | None) -> dict[str, Any] | None:
    """Return an error as it was recorded; raises ValueError for what is none."""
    if not text:
        return None
    error = json.loads(text)
    if not isinstance(error, dict) or "code" not in error:
        raise ValueError("its error has no code")
    return cast("dict[str, Any]", error)
