"""The records of builds, for people: what was asked, how far it came, what it used and what its author said."""

from __future__ import annotations

import json
from typing import Any

from tacit.errors import InvalidArgument, StoreDamaged, UnknownJob
from tacit.store import Build, Store, unpack_transcript
from tacit.store.builds import LOST

MAX_BUILDS = 1000
LOST_MESSAGE = "The process that was at it ended before it was done; nothing was registered."


class BuildRecords:
    """The use cases that look at builds; thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def recent(self, count: int) -> list[dict[str, Any]]:
        """Return the newest builds, newest first, each without its transcript."""
        if not 1 <= count <= MAX_BUILDS:
            raise InvalidArgument(f"n is {count}; ask for 1 to {MAX_BUILDS} builds.")
        return [_shown(build) for build in self._store.builds.recent(count)]

    def get(self, job: str) -> dict[str, Any]:
        """Return one build with its request, its answer and its transcript; raises `UnknownJob`."""
        build = self._store.builds.get(job)
        if build is None:
            raise UnknownJob(f"There is no build {job[:80]!r}.", hint="`tacit builds` lists the newest.")
        try:
            turns = unpack_transcript(build.transcript)
            request, answer = json.loads(build.request), json.loads(build.result) if build.result else None
        except ValueError as error:
            raise StoreDamaged(f"The record of the build {job} is damaged: {error}.") from error
        return {**_shown(build), "request": request, "answer": answer, "transcript": turns}


def _shown(build: Build) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(build.result) if build.result else {}
    return {
        "job": build.job,
        "capability": build.capability,
        "version": answer.get("version"),
        "status": build.status,
        "stage": answer.get("stage") or build.stage,
        "task": json.loads(build.request).get("task", ""),
        "author": answer.get("author", ""),
        "message": answer.get("message", "") or (LOST_MESSAGE if build.status == LOST else ""),
        "started": build.started,
        "ended": build.ended,
        "usage": build.usage.model_dump(),
        "learnt": build.learnt,
    }
