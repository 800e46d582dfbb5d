"""The records of runs: what went in, what came out, and every answer of the world in between.

Recording is on the path of every run, so it bypasses the layers: one statement, compiled once by SQLAlchemy, on
the raw connection, committed before the run is answered. It is not synchronised with the disk unless asked to
be: a killed process loses nothing, a power cut may cost the last runs.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select

from tacit.errors import UnknownRun
from tacit.store import sqlite as dialect
from tacit.store.database import Database
from tacit.store.failures import damaged, explained
from tacit.store.ids import run_number, started_millis
from tacit.store.payloads import Payloads, unpack
from tacit.store.tables import runs
from tacit.store.unicode import storable


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


class Runs:
    """Records runs and finds them again; thread-safe."""

    def __init__(self, database: Database, recorded: Callable[[int], None]) -> None:
        self._database = database
        self._recorded = recorded
        self._payloads = Payloads(database.engine)
        self._sql = str(insert(runs).compile(database.engine))

    def record(self, run: RunRecord, *, durable: bool = False, wait: bool = True) -> None:
        """Keep a run; when this returns it survives a kill, and if `durable` (for runs that wrote) a power cut.

        Raises `StoreReadOnly` (a full disk included), or `StoreBusy`: at once, unless it may `wait` for others.
        """
        try:
            with self._database.turn(wait=wait) as connection:
                if durable:
                    dialect.set_durable(connection, True)
                try:
                    connection.execute(self._sql, self._row(connection, run))
                finally:
                    if durable:
                        dialect.set_durable(connection, False)
        except sqlite3.Error as error:
            raise explained(error, self._database.path) or error from error
        self._recorded(len(run.input) + len(run.output) + len(run.calls))

    def get(self, run_id: str) -> RunRecord:
        """Return a recorded run; raises `UnknownRun`, also for one that is no longer kept."""
        number = run_number(run_id)
        try:
            with self._database.read() as connection:
                row = connection.execute(select(runs).where(runs.c.id == number)).one_or_none() if number else None
                if row is None:
                    raise LookupError
                payloads = [unpack(connection, packed) for packed in (row.input, row.output, row.calls)]
                return _record(row, run_id, *payloads)
        except LookupError as error:
            raise UnknownRun(
                f"There is no recorded run {run_id[:40]!r}.", hint="The oldest runs are dropped after a while."
            ) from error
        except (ValueError, zlib.error) as error:
            raise damaged(self._database.path, f"run {run_id}: {error}") from error

    def recent(self, count: int = 4, among: int = 50) -> list[tuple[str, int]]:
        """Return the at most `count` different `(capability, version)` that ran last, of the last `among` runs."""
        last = select(runs.c.capability, runs.c.version).order_by(runs.c.id.desc()).limit(among)
        with self._database.read() as connection:
            rows = connection.execute(last).all()
        return list(dict.fromkeys((row.capability, row.version) for row in rows))[:count]

    def _row(self, connection: Any, run: RunRecord) -> tuple[object, ...]:
        number = int(run.run_id, 16)
        pack = self._payloads.pack
        return (
            number,
            run.capability,
            run.version,
            pack(connection, run.input, number),
            pack(connection, run.output, number),
            json.dumps(run.error) if run.error else None,
            pack(connection, run.calls, number),
            run.energy,
            run.energy_limit,
            run.seconds,
            run.now_millis,
            storable(run.session) if run.session else None,
            int(run.parent_run, 16) if run.parent_run else None,
        )


def _record(row: Row[Any], run_id: str, data: bytes, output: bytes, calls: bytes) -> RunRecord:
    return RunRecord(
        run_id=run_id,
        capability=row.capability,
        version=row.version,
        input=data,
        output=output,
        error=json.loads(row.error) if row.error else None,
        calls=calls,
        energy=row.energy,
        energy_limit=row.energy_limit,
        seconds=row.seconds,
        now_millis=row.now_millis,
        session=row.session,
        parent_run=f"{row.parent_run:016x}" if row.parent_run is not None else None,
    )
