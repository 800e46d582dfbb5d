"""Builds under way: each on its own thread, waited for by whoever asks, known by a job id."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from tacit.errors import BuilderFailed, BuildRefused, TacitError
from tacit.models import MutateAnswer
from tacit.sandbox import Cancellation

MAX_FINISHED = 256
MAX_UNFINISHED = 32
"""Builds that run or wait; each holds its request, which may have some 30 MB, and a thread."""
_log = logging.getLogger(__name__)

OnProgress = Callable[[str, float], None]
Work = Callable[["Job"], MutateAnswer]


class Job:
    """One build: its progress, and in the end its answer or its error."""

    def __init__(self, job_id: str) -> None:
        self.id = job_id
        self.cancellation = Cancellation()
        self._changed = threading.Condition()
        self._steps: list[tuple[str, float]] = []
        self._answer: MutateAnswer | None = None
        self._error: TacitError | None = None

    @property
    def finished(self) -> bool:
        """Whether there is an answer or an error."""
        return self._answer is not None or self._error is not None

    def report(self, message: str, fraction: float) -> None:
        """Say how far the build is; `fraction` is from 0 to 1."""
        with self._changed:
            self._steps.append((message, fraction))
            self._changed.notify_all()

    def run(self, work: Work) -> None:
        """Do the work and keep what it answers or raises."""
        answer, failure = None, None
        try:
            answer = work(self)
        except TacitError as error:
            failure = error
        except Exception:
            _log.exception("build %s broke", self.id)
            failure = BuilderFailed("The build broke inside Tacit; its log says where.")
        with self._changed:
            self._answer, self._error = answer, failure
            self._changed.notify_all()

    def wait(self, seconds: float, on_progress: OnProgress | None) -> MutateAnswer | None:
        """Wait, passing progress on from the calling thread; None when it is not finished by then.

        Raises what the build raised.
        """
        deadline = time.monotonic() + seconds
        seen = 0
        while (left := deadline - time.monotonic()) > 0:
            with self._changed:
                if not self.finished and len(self._steps) == seen:
                    self._changed.wait(left)
                finished = self.finished
                steps, seen = self._steps[seen:], len(self._steps)
            for step in steps:
                if on_progress:
                    on_progress(*step)
            if finished:
                break
        if self._error is not None:
            raise self._error
        return self._answer


class Jobs:
    """The builds of this process, and the newest finished ones; thread-safe."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()

    def require_room(self) -> None:
        """Raise `BuildRefused` when as many builds as may be are under way."""
        with self._lock:
            unfinished = sum(not job.finished for job in self._jobs.values())
        if unfinished >= MAX_UNFINISHED:
            raise BuildRefused(
                "request",
                f"{unfinished} builds are under way or wait already.",
                hint="Wait until some have ended, and call again.",
            )

    def start(self, job_id: str, work: Work) -> Job:
        """Start `work` on a thread of its own and return its job."""
        job = Job(job_id)
        with self._lock:
            self._jobs[job_id] = job
            finished = [name for name, old in self._jobs.items() if old.finished]
            for name in finished[: max(len(finished) - MAX_FINISHED, 0)]:
                del self._jobs[name]
        threading.Thread(target=job.run, args=(work,), name=f"build-{job_id}", daemon=True).start()
        return job

    def get(self, job_id: str) -> Job | None:
        """Return the job, if it is one of this process."""
        with self._lock:
            return self._jobs.get(job_id)

    def cancel_all(self) -> None:
        """Cancel every build that is not finished."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            if not job.finished:
                job.cancellation.cancel()
