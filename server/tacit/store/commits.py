"""Commits of files, sealed together with the record of the run that wrote them.

`sandbox.files` stages the files and renames them into place; in between it has the commit sealed here, in one
transaction with the run's record that has reached the disk when it ends. So there is never a write without its record,
nor, once killed processes' commits are completed, a record without its write. What is here is what files may be put
into place: nothing that lies in the files folder itself says so.
"""

from __future__ import annotations

import json
import sqlite3

from sqlalchemy import delete, insert, select, update

from tacit.errors import TacitError
from tacit.store import sqlite as dialect
from tacit.store.database import Database
from tacit.store.failures import explained
from tacit.store.run_ids import has_id
from tacit.store.runs import RunRecord, Runs
from tacit.store.tables import commits, runs


class Commits:
    """The sealed commits that may not have landed whole; thread-safe. `sandbox.files.journal.Ledger` says more."""

    def __init__(self, database: Database, recorded: Runs) -> None:
        self._database = database
        self._runs = recorded
        self._sql = str(insert(commits).compile(database.engine))

    def seal(self, name: str, entry: str, run: RunRecord | None) -> None:
        """Keep a commit, and with it the record of its run, both or none; they have reached the disk at the end.

        Raises `StoreBusy`, `StoreReadOnly` (a full disk included) or `StoreDamaged`.
        """
        self._database.check_place()
        number = int(run.run_id, 16) if run is not None else None
        try:
            with self._database.turn() as connection:
                dialect.set_durable(connection, True)
                try:
                    with self._runs.writing(connection):
                        if run is not None:
                            self._runs.insert(connection, [run])
                        connection.execute(self._sql, (name, entry, number))
                finally:
                    dialect.set_durable(connection, False)
        except sqlite3.Error as error:
            raise explained(error, self._database.path) or error from error
        if run is not None:
            self._runs.note(run)

    def names(self) -> list[str]:
        """Return the names of all commits, of living processes and of killed ones."""
        with self._database.read() as connection:
            return list(connection.execute(select(commits.c.name).order_by(commits.c.name)).scalars())

    def entry(self, name: str) -> str | None:
        """Return what was sealed under a name, None where nothing is."""
        wanted = select(commits.c.entry).where(commits.c.name == name)
        with self._database.read() as connection:
            return connection.execute(wanted).scalar_one_or_none()

    def finish(self, name: str) -> None:
        """Forget a commit whose files are all in place."""
        with self._database.write() as connection:
            connection.execute(delete(commits).where(commits.c.name == name))

    def withdraw(self, name: str) -> None:
        """Forget a commit none of whose files is in place, and the record of its run."""
        own = select(commits.c.run).where(commits.c.name == name).scalar_subquery()
        with self._database.write(durable=True) as connection:
            connection.execute(delete(runs).where(has_id(own)))
            connection.execute(delete(commits).where(commits.c.name == name))

    def give_up(self, name: str, problem: TacitError) -> None:
        """Forget a commit that cannot be completed; its run ended with that problem."""
        own = select(commits.c.run).where(commits.c.name == name).scalar_subquery()
        failed = update(runs).where(has_id(own)).values(error=json.dumps(problem.to_dict()))
        with self._database.write(durable=True) as connection:
            connection.execute(failed)
            connection.execute(delete(commits).where(commits.c.name == name))

    def fail(self, run_id: str, problem: TacitError) -> None:
        """Keep that a run ended with a problem whose commit waits to be completed."""
        failed = update(runs).where(has_id(int(run_id, 16))).values(error=json.dumps(problem.to_dict()))
        with self._database.write() as connection:
            connection.execute(failed)
