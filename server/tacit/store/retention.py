"""Keeping the database small, off the path of runs: copies the log into it and drops the oldest runs and builds.

A thread per store that has recorded enough; short-lived processes take part by chance, so that many commands of
one run each keep the database as small as one long-lived server does. The oldest is what was recorded first, whatever
the clock said.
"""

from __future__ import annotations

import logging
import random
import threading
import time

from sqlalchemy import Connection, and_, delete, func, not_, select

from tacit.errors import TacitError
from tacit.store.database import Database
from tacit.store.payloads import SLACK
from tacit.store.run_blocks import forget_before
from tacit.store.session_runs import forget_names, keep_counted
from tacit.store.sqlite import insertion_order, used_bytes
from tacit.store.tables import blobs, builds, run_ids, runs

CHECKPOINT_EVERY = 256
PRUNE_EVERY = 4096
PRUNE_ROWS = 500
PRUNE_BATCHES = 16
BUILDS_KEPT = 1000
USAGE_KEPT_MILLIS = 2 * 86_400_000
"""Builds that used a language model are kept this long, however many there are: budgets of a day count them."""
_HEAVY_BYTES = 64 * 1024
_log = logging.getLogger(__name__)


class Retention:
    """Keeps the newest `runs_kept` runs, and fewer when the database has more than `bytes_kept`; thread-safe."""

    def __init__(self, database: Database, runs_kept: int, bytes_kept: int) -> None:
        self._database = database
        self._runs_kept = runs_kept
        self._bytes_kept = bytes_kept
        self._count = random.randrange(PRUNE_EVERY)  # noqa: S311  # spreads the work over processes, no secret
        self._prune_due = False
        self._wake = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False

    def recorded(self, payload_bytes: int) -> None:
        """Count a recorded run, a large one as several; costs next to nothing."""
        before = self._count
        self._count = after = before + 1 + payload_bytes // _HEAVY_BYTES
        if before // CHECKPOINT_EVERY != after // CHECKPOINT_EVERY:
            self._prune_due |= before // PRUNE_EVERY != after // PRUNE_EVERY
            self._start()
            self._wake.set()

    def prune(self) -> int:
        """Drop a bounded number of the runs and builds that are too old; return how many runs went."""
        with self._database.read() as connection:
            oldest_run = self._oldest_run(connection)
            order = insertion_order(builds)
            newest = select(order).select_from(builds).order_by(order.desc())
            oldest_build: int | None = connection.execute(newest.offset(BUILDS_KEPT - 1).limit(1)).scalar_one_or_none()
        if oldest_build is not None:
            with self._database.write() as connection:
                old = (order < oldest_build, builds.c.ended.is_not(None))
                counted = and_(builds.c.usage != "", builds.c.started >= time.time() * 1000 - USAGE_KEPT_MILLIS)
                connection.execute(delete(builds).where(*old, not_(counted)))
        dropped = 0
        for _ in range(PRUNE_BATCHES if oldest_run is not None else 0):
            batch = self._drop_batch(oldest_run)
            dropped += batch
            if batch < PRUNE_ROWS:
                break
        if dropped:
            with self._database.write() as connection:
                forget_names(connection)
                first: int = connection.execute(select(func.min(runs.c.seq))).scalar_one() or 0
                forget_before(connection, first)
                connection.execute(delete(run_ids).where(run_ids.c.seq < first))
        return dropped

    def close(self) -> None:
        """Let the work asked for so far end, and stop."""
        with self._starting:
            self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _oldest_run(self, connection: Connection) -> int | None:
        """Return the `seq` of the oldest run to keep; None keeps all."""
        kept = self._runs_kept
        if used_bytes(connection) > self._bytes_kept:
            count = connection.execute(select(func.count()).select_from(runs)).scalar_one()
            kept = max(min(kept, count * 3 // 4), 1)
        oldest = select(runs.c.seq).order_by(runs.c.seq.desc()).offset(kept - 1).limit(1)
        return connection.execute(oldest).scalar_one_or_none()

    def _drop_batch(self, oldest_run: int | None) -> int:
        old = select(runs.c.seq).where(runs.c.seq < oldest_run).order_by(runs.c.seq).limit(PRUNE_ROWS)
        with self._database.write() as connection:
            numbers = connection.execute(old).scalars().all()
            if not numbers:
                return 0
            keep_counted(connection, numbers[-1])
            connection.execute(delete(runs).where(runs.c.seq <= numbers[-1]))
            unused = select(blobs.c.digest).where(blobs.c.touched <= numbers[-1] - SLACK).limit(3 * PRUNE_ROWS)
            connection.execute(delete(blobs).where(blobs.c.digest.in_(unused)))
        return len(numbers)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._work, name="store-retention", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            closing = self._closing  # read before the work: what was asked for until then is still done
            try:
                self._tidy()
            except TacitError as error:
                _log.warning("The store could not be tidied: %s", error)
            if closing:
                return

    def _tidy(self) -> None:
        self._database.checkpoint()
        if self._prune_due:
            self._prune_due = False
            self.prune()
