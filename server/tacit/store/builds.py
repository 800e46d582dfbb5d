"""Builds under way and finished, so that another process, or a later life of this one, can answer for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from tacit.clock import now_millis
from tacit.models import Usage
from tacit.store.database import Database
from tacit.store.failures import damaged
from tacit.store.owners import Owners
from tacit.store.sqlite import insertion_order
from tacit.store.tables import builds
from tacit.store.unicode import storable

RUNNING = "running"
LOST = "lost"
CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Build:
    """One build.

    `status` is `running`, `lost` when its process died, or what `finish` was told. `request` and `result` are
    JSON (`result` is empty until there is one); times are in milliseconds. `usage` is what its author used so far;
    `transcript` is as `pack_transcript` made it (`recent` leaves it out) and `learnt` what the author had found out,
    whether or not the build went well. `waiting` counts those in other, living processes who wait for it;
    `reserved` is what its author may use at most, as far as that is set aside (tokens as those of prompts).
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
    key: str = ""
    usage: Usage = field(default_factory=Usage)
    transcript: bytes = b""
    learnt: str = ""
    waiting: int = 0
    reserved: Usage = field(default_factory=Usage)


class Builds:
    """Keeps builds; thread-safe."""

    def __init__(self, database: Database, owners: Owners) -> None:
        self._database = database
        self._owners = owners

    def start(self, job: str, capability: str, request: str, key: str = "") -> str:
        """Keep that this process builds `capability`; `job` is a fresh `new_job_id()`. Return the job to wait for.

        That is another's where a living process builds the same `key` already; then nothing is kept.
        """
        row = {
            "job": job,
            "capability": capability,
            "status": RUNNING,
            "request": request,
            "stage": "",
            "result": "",
            "started": now_millis(),
            "owner": self._owners.this_process(),
            "key": key,
        }
        with self._database.write() as connection:
            running = self._running(connection, key)
            if running is not None:
                return running
            connection.execute(insert(builds), row)
        return job

    def find_running(self, key: str) -> Build | None:
        """Return the build of that key that a living process is at, or None."""
        with self._database.read() as connection:
            job = self._running(connection, key)
        return self._find(job) if job is not None else None

    def count(self, key: str) -> int:
        """Return how many builds of that key came to an end of their own; not those that a process's end cut off."""
        cut_off = (RUNNING, LOST, CANCELLED)
        ended = select(func.count()).where(builds.c.key == key, builds.c.status.not_in(cut_off))
        with self._database.read() as connection:
            return connection.execute(ended).scalar_one()

    def name(self, job: str, capability: str) -> None:
        """Keep which capability a build makes, once its author has named it."""
        with self._database.write() as connection:
            connection.execute(update(builds).where(builds.c.job == job).values(capability=capability))

    def await_elsewhere(self, job: str, change: int) -> None:
        """Count this process once more, or once less (`change` is 1 or -1), among those that wait for a build."""
        with self._database.write() as connection:
            kept = connection.execute(select(builds.c.waiters).where(builds.c.job == job)).scalar_one_or_none()
            waiters, here = self._living(kept or ""), self._owners.this_process()
            if change > 0:
                waiters.append(here)
            elif here in waiters:
                waiters.remove(here)
            connection.execute(update(builds).where(builds.c.job == job).values(waiters=json.dumps(waiters)))

    def progress(self, job: str, stage: str) -> None:
        """Keep which stage a build is in."""
        with self._database.write() as connection:
            connection.execute(update(builds).where(builds.c.job == job).values(stage=stage))

    def add_usage(self, job: str, usage: Usage) -> None:
        """Add to what a build's author used, at once, so that a kill does not make it forgotten."""
        with self._database.write() as connection:
            before = connection.execute(select(builds.c.usage).where(builds.c.job == job)).scalar_one_or_none()
            if before is not None:
                total = (_usage(before) + usage).model_dump_json()
                connection.execute(update(builds).where(builds.c.job == job).values(usage=total))

    def used_since(self, millis: int) -> Usage:
        """Return what the authors of all builds that started at that time or later used together."""
        recent = select(builds.c.usage).where(builds.c.started >= millis, builds.c.usage != "")
        with self._database.read() as connection:
            return sum((self._read_usage(text) for text in connection.execute(recent).scalars()), Usage())

    def reserve(self, job: str, millis: int, allow: Callable[[Usage], Usage]) -> Usage:
        """Set aside for a build what `allow` answers, and return it; no other process reserves meanwhile.

        `allow` is told what is spoken for since that time: what the other builds used, and what those that living
        processes are at may still use.
        """
        with self._database.write() as connection:
            reserved = allow(self._spoken_for(connection, millis, but=job))
            values = {"reserved": reserved.model_dump_json()}
            connection.execute(update(builds).where(builds.c.job == job).values(**values))
        return reserved

    def spoken_for_since(self, millis: int) -> Usage:
        """Return what builds that started at that time or later used, or may use of what `reserve` set aside."""
        with self._database.read() as connection:
            return self._spoken_for(connection, millis)

    def keep_record(self, job: str, transcript: bytes, learnt: str) -> None:
        """Keep a build's transcript (see `pack_transcript`) and what its author found out, however it ends."""
        values = {"transcript": transcript, "learnt": storable(learnt)}
        with self._database.write() as connection:
            connection.execute(update(builds).where(builds.c.job == job).values(**values))

    def finish(self, job: str, status: str, result: str = "") -> None:
        """Keep how a build ended, with its result as JSON if it has one."""
        self._end([job], status, result)

    def get(self, job: str) -> Build | None:
        """Return a build, or None; one whose process died while it ran is `lost`."""
        build = self._find(job)
        if build is None or build.status != LOST or build.ended is not None or not self._database.writable:
            return build
        self.abandon_stale()
        return self._find(job)

    def recent(self, count: int) -> list[Build]:
        """Return the newest builds, newest first, without their transcripts."""
        if self._database.writable:
            self.abandon_stale()
        columns = [column for column in builds.c if column.name != "transcript"]
        newest = select(*columns).order_by(insertion_order(builds).desc()).limit(count)
        with self._database.read() as connection:
            return [self._build(row) for row in connection.execute(newest).mappings()]

    def abandon_stale(self, alive: Callable[[str], bool] | None = None) -> list[str]:
        """Mark the running builds of dead processes as lost; return their jobs."""
        lives = alive or self._owners.is_alive
        with self._database.read() as connection:
            running = connection.execute(select(builds.c.job, builds.c.owner).where(builds.c.status == RUNNING)).all()
        stale = [job for job, owner in running if not lives(owner)]
        if stale:
            self._end(stale, LOST, "")
        return stale

    def _running(self, connection: Connection, key: str) -> str | None:
        """Return the job of a living process that builds `key`; an empty key is nobody's."""
        if not key:
            return None
        same = select(builds.c.job, builds.c.owner).where(builds.c.status == RUNNING, builds.c.key == key)
        return next((job for job, owner in connection.execute(same) if self._owners.is_alive(owner)), None)

    def _find(self, job: str) -> Build | None:
        with self._database.read() as connection:
            row = connection.execute(select(builds).where(builds.c.job == storable(job))).mappings().one_or_none()
        return self._build(row) if row is not None else None

    def _build(self, row: Mapping[Any, Any]) -> Build:
        values: dict[str, Any] = dict(row)
        if values["status"] == RUNNING and not self._owners.is_alive(values["owner"]):
            values["status"] = LOST  # also where it cannot be marked
        values["usage"] = self._read_usage(values["usage"])
        values["reserved"] = self._read_usage(values["reserved"])
        values["transcript"] = values.get("transcript") or b""
        values["waiting"] = len(self._living(values.pop("waiters")))
        return Build(**values)

    def _read_usage(self, text: str) -> Usage:
        try:
            return _usage(text)
        except ValueError as error:
            raise damaged(self._database.path, "what a build used cannot be read") from error

    def _living(self, waiters: str) -> list[str]:
        """Return the processes in the JSON that still live; a killed one keeps no build going."""
        try:
            owners: list[str] = json.loads(waiters) if waiters else []
            return [owner for owner in owners if self._owners.is_alive(owner)]
        except (ValueError, TypeError, AttributeError) as error:
            raise damaged(self._database.path, "who waits for a build cannot be read") from error

    def _spoken_for(self, connection: Connection, millis: int, but: str = "") -> Usage:
        columns = (builds.c.status, builds.c.owner, builds.c.usage, builds.c.reserved)
        total = Usage()
        for status, owner, used, reserved in connection.execute(
            select(*columns).where(builds.c.started >= millis, builds.c.job != but)
        ):
            usage = self._read_usage(used)
            total += usage
            if status == RUNNING and reserved and self._owners.is_alive(owner):
                total += _rest(self._read_usage(reserved), usage)
        return total

    def _end(self, jobs: list[str], status: str, result: str) -> None:
        ended = update(builds).where(builds.c.job.in_(jobs), builds.c.status == RUNNING)
        with self._database.write() as connection:
            connection.execute(ended.values(status=status, result=result, ended=now_millis()))


def _rest(reserved: Usage, used: Usage) -> Usage:
    """Return what is reserved and not used yet."""
    return Usage(
        llm_calls=max(reserved.llm_calls - used.llm_calls, 0),
        prompt_tokens=max(reserved.tokens - used.tokens, 0),
        attempts=max(reserved.attempts - used.attempts, 0),
    )


def _usage(text: str) -> Usage:
    return Usage.model_validate_json(text) if text else Usage()
