"""The store of a data folder: opens its parts and closes them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Self

from tacit.clock import now_millis
from tacit.errors import StoreBusy, StoreDamaged, StoreReadOnly
from tacit.store.audit import Audit
from tacit.store.builds import Builds
from tacit.store.commits import Commits
from tacit.store.database import Database
from tacit.store.failures import read_only
from tacit.store.health import Health
from tacit.store.meta import Meta
from tacit.store.outlines import Outlines
from tacit.store.owners import Owners
from tacit.store.retention import Retention
from tacit.store.runs import Runs
from tacit.store.schema import ensure_schema
from tacit.store.session_runs import SessionRuns
from tacit.store.uses import Uses
from tacit.store.vectors import Vectors

RUNS_KEPT = 100_000
BYTES_KEPT = 2 << 30
BUSY_SECONDS = 5.0
TRIED_BYTES = 1 << 20


class Store:
    """What Tacit keeps; thread-safe, and shared with other processes that open the same folder."""

    def __init__(self, database: Database, runs_kept: int, bytes_kept: int) -> None:
        self.database = database
        self.meta = Meta(database)
        self.vectors = Vectors(database)
        self._owners = Owners(database.path.parent / "owners")
        self.builds = Builds(database, self._owners)
        self.audit = Audit(database)
        self.health = Health(database, self.meta)
        self.uses = Uses(database)
        self.outlines = Outlines(database)
        self.session_runs = SessionRuns(database)
        self._retention = Retention(database, runs_kept, bytes_kept)
        self.runs = Runs(database, self._retention.recorded)
        self.commits = Commits(database, self.runs)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        runs_kept: int = RUNS_KEPT,
        bytes_kept: int = BYTES_KEPT,
        busy_seconds: float = BUSY_SECONDS,
    ) -> Self:
        """Open the store in `folder`, making folder (mode 0700), database and tables where they are missing.

        Where the folder cannot be written, an existing database is opened for reading alone. Raises
        `StoreReadOnly` when there is none, `StoreDamaged`, `StoreTooNew` or `StoreBusy`.
        """
        database = Database.open(folder, busy_seconds)
        try:
            ensure_schema(database)
            store = cls(database, runs_kept, bytes_kept)
            store._end_killed()
        except BaseException:
            database.close()
            raise
        return store

    def _end_killed(self) -> None:
        """Mark the builds of processes that are gone as lost, unless that has to wait or cannot be."""
        if self.database.writable:
            with suppress(StoreBusy, StoreReadOnly, StoreDamaged):
                self.builds.abandon_stale()
            self._owners.sweep()

    def generation(self) -> int:
        """Return a number that grows with every change of the catalog by any process; takes about 0.2 µs."""
        return self.meta.generation()

    def try_writing(self) -> None:
        """Write as much as a large run does, and take it back; raises `StoreReadOnly` or `StoreBusy`.

        SQLite alone would not tell: it writes a little into what its log has room for, also on a full disk.
        """
        with self.database.write(durable=True) as connection:
            self.meta.put_in(connection, "tried", str(now_millis()))
        try:
            with TemporaryFile(dir=self.database.path.parent) as file:
                os.posix_fallocate(file.fileno(), 0, TRIED_BYTES)
        except OSError as error:
            problem = f"{TRIED_BYTES >> 20} MB more do not fit beside it ({error.strerror})"
            raise read_only(self.database.path, problem) from error

    def prune(self) -> int:
        """Drop a bounded number of runs and builds that are too old now; return how many runs went."""
        return self._retention.prune()

    def close(self) -> None:
        """Stop the background work and close every connection; does nothing in a process forked meanwhile."""
        if self.database.disowned:
            return
        self._retention.close()
        self._owners.close()
        self.meta.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
