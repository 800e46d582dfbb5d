"""Builds under way and finished, so that another process, or a later life of this one, can answer for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import insert, select, update

from tacit.store.database import Database
from tacit.store.owners import is_alive, this_process
from tacit.store.tables import builds

RUNNING = "running"
LOST = "lost"


@dataclass(frozen=True, slots=True)
class Build:
    """One build; the fields are the columns, in their order.

    `status` is `running`, `lost` when its process died, or what `finish` was told. `request` and `result` are
    JSON (`result` is empty until there is one); times are in milliseconds.
    """

    job: str
    capability: str
    status: str
    request: str
    stage: str
    result: str
    started: int
    ended: int | None
    owner: str


class Builds:
    """Keeps builds; thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, job: str, capability: str, request: str) -> None:
        """Keep that this process builds `capability`; `job` is a fresh `new_job_id()`."""
        row = {
            "job": job,
            "capability": capability,
            "status": RUNNING,
            "request": request,
            "stage": "",
            "result": "",
            "started": _now(),
            "owner": this_process(),
        }
        with self._database.write() as connection:
            connection.execute(insert(builds), row)

    def progress(self, job: str, stage: str) -> None:
        """Keep which stage a build is in."""
        with self._database.write() as connection:
            connection.execute(update(builds).where(builds.c.job == job).values(stage=stage))

    def finish(self, job: str, status: str, result: str = "") -> None:
        """Keep how a build ended, with its result as JSON if it has one."""
        self._end([job], status, result)

    def get(self, job: str) -> Build | None:
        """Return a build, or None; one whose process died while it ran is `lost`."""
        build = self._find(job)
        if build is None or build.status != RUNNING or is_alive(build.owner):
            return build
        if self._database.writable:
            self.abandon_stale()
            build = self._find(job)
        return build

    def abandon_stale(self, alive: Callable[[str], bool] = is_alive) -> list[str]:
        """Mark the running builds of dead processes as lost; return their jobs."""
        with self._database.read() as connection:
            running = connection.execute(select(builds.c.job, builds.c.owner).where(builds.c.status == RUNNING)).all()
        stale = [job for job, owner in running if not alive(owner)]
        if stale:
            self._end(stale, LOST, "")
        return stale

    def _find(self, job: str) -> Build | None:
        with self._database.read() as connection:
            row = connection.execute(select(builds).where(builds.c.job == job)).one_or_none()
        return Build(*row) if row is not None else None

    def _end(self, jobs: list[str], status: str, result: str) -> None:
        ended = update(builds).where(builds.c.job.in_(jobs), builds.c.status == RUNNING)
        with self._database.write() as connection:
            connection.execute(ended.values(status=status, result=result, ended=_now()))


def _now() -> int:
    return time.time_ns() // 1_000_000
