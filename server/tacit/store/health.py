"""How versions fare: on how many inputs in a row each failed by its own fault, across restarts and processes.

The same input counts once, however often and by whomever it is sent. A new one begins a generation of the catalog,
since `Version.failing` is part of what the catalog remembers; what is repeated does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, func, insert, select

from tacit.clock import now_millis
from tacit.store.database import Database
from tacit.store.meta import Meta
from tacit.store.sqlite import insert_or_replace
from tacit.store.tables import failed_inputs, health
from tacit.store.unicode import storable

MAX_FAILURES = 10_000
"""Failures of a version in a row that are kept, as many as a policy may ask for; further ones do not count."""


@dataclass(frozen=True, slots=True)
class Condition:
    """On how many inputs in a row a version failed by its own fault, and the last run that did so on a new one.

    `changed` is when that was, in milliseconds; `sessions` in how many sessions there were such failures, of which
    `kept` are kept, one for each input and session; `new` whether the one just counted is among them.
    """

    failing: int = 0
    last_run: str = ""
    changed: int = 0
    sessions: int = 0
    kept: int = 0
    new: bool = False


class Health:
    """Counts failures; thread-safe."""

    def __init__(self, database: Database, meta: Meta) -> None:
        self._database = database
        self._meta = meta

    def get(self, capability: str, version: int) -> Condition:
        """Return how a version fares; one of which nothing is known fares well."""
        with self._database.read() as connection:
            return _find(connection, capability, version)

    def failed(self, capability: str, version: int, run_id: str, given: str, session: str = "") -> Condition:
        """Count a failure on an input, of which `given` is a digest, and return how the version fares now."""
        key = {"capability": capability, "version": version}
        one = {**key, "input": given, "session": storable(session)}
        with self._database.write() as connection:
            before = _find(connection, capability, version)
            known = connection.execute(select(failed_inputs.c.run).filter_by(**one)).first()
            if known is not None or before.kept >= MAX_FAILURES:
                return before
            connection.execute(insert(failed_inputs), {**one, "run": run_id})
            inputs = func.count(failed_inputs.c.input.distinct())
            failing = connection.execute(select(inputs).filter_by(**key)).scalar_one()
            row = {**key, "failing": failing, "last_run": run_id, "changed": now_millis()}
            connection.execute(insert_or_replace(health, "failing", "last_run", "changed"), row)
            if failing != before.failing:
                self._meta.next_generation(connection)
            return replace(_find(connection, capability, version), new=True)

    def runs(self, capability: str, version: int, limit: int) -> list[str]:
        """Return the newest of the runs whose failures count, newest first."""
        own = select(failed_inputs.c.run).filter_by(capability=capability, version=version)
        with self._database.read() as connection:
            return list(connection.execute(own.order_by(failed_inputs.c.run.desc()).limit(limit)).scalars())

    def succeeded(self, capability: str, version: int) -> None:
        """Begin to count anew. Ask `Version.failing` first: a version that did not fail has nothing to forget."""
        with self._database.write() as connection:
            if forget(connection, capability, version):
                self._meta.next_generation(connection)


def forget(connection: Connection, capability: str, version: int) -> bool:
    """Forget the failures of a version in the transaction of `connection`; return whether there were any."""
    for table in (failed_inputs, health):
        own = (table.c.capability == capability, table.c.version == version)
        found = connection.execute(delete(table).where(*own)).rowcount
    return bool(found)


def _find(connection: Connection, capability: str, version: int) -> Condition:
    own = {"capability": capability, "version": version}
    wanted = select(health.c.failing, health.c.last_run, health.c.changed).filter_by(**own)
    row = connection.execute(wanted).one_or_none()
    if row is None:
        return Condition()
    failed = failed_inputs.c
    counts = select(func.count(failed.session.distinct()), func.count()).select_from(failed_inputs).filter_by(**own)
    return Condition(*row, *connection.execute(counts).one())
