"""Builds under way: each on its own thread, waited for by whoever asks, known by a job id and by what was asked.

A build lives as long as somebody waits for it. Whoever was told that it goes on counts as waiting still.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from tacit.errors import BuilderFailed, BuildRefused, RunCancelled, TacitError
from tacit.models import MutateAnswer, RunAnswer
from tacit.sandbox import Cancellation

MAX_FINISHED = 256
MAX_UNFINISHED = 32
"""Builds that run or wait; each holds its request, which may have some 30 MB, and a thread."""
MAX_OF_SESSION = 24
"""How many of these one session may have begun, so that others may begin some."""
REMEMBERED_SECONDS = 600.0
"""How long the same request is answered by the build that it led to; people take their time over a question."""
ENDING_SECONDS = 5.0
"""How long a build that was given up is waited for; its processes are gone long before."""
_log = logging.getLogger(__name__)

OnProgress = Callable[[str, float], None]
Work = Callable[["Job"], MutateAnswer]


class Job:
    """One build: who waits for it, its progress, and in the end its answer or its error."""

    def __init__(
        self,
        job_id: str,
        key: str = "",
        on_abandoned: Callable[[Job], None] | None = None,
        *,
        session: str | None = None,
    ) -> None:
        """Take the id, the key of what was asked, and what to do when nobody waits: give the build up by default.

        `session` is the one that asked first.
        """
        self.id = job_id
        self.key = key
        self.session = session
        self.cancellation = Cancellation()
        self.runs: dict[str, RunAnswer] = {}
        """What the new version made of the inputs that came with requests, by their JSON."""
        self._on_abandoned = on_abandoned or Job.give_up
        self._changed = threading.Condition()
        self._steps: list[tuple[str, float]] = []
        self._answer: MutateAnswer | None = None
        self._error: TacitError | None = None
        self._ended = 0.0
        self._here = 0
        self._away = 0
        self._given_up = False

    @property
    def finished(self) -> bool:
        """Whether there is an answer or an error."""
        return self._answer is not None or self._error is not None

    @property
    def answer(self) -> MutateAnswer | None:
        """What it came to, if it has ended well."""
        return self._answer

    @property
    def joinable(self) -> bool:
        """Whether the same request is answered by this build: it goes on, or ended well a short time ago."""
        if not self.finished:
            return not self._given_up
        registered = self._answer is not None and self._answer.status == "registered"
        return registered and time.monotonic() - self._ended < REMEMBERED_SECONDS

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for it, or was told that it goes on."""
        return self._here + self._away > 0

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
            self._answer, self._error, self._ended = answer, failure, time.monotonic()
            self._changed.notify_all()

    def join(self) -> bool:
        """Count one more who waits, to be followed by `wait`; False when the build is given up already."""
        with self._changed:
            if self._given_up:
                return False
            self._here += 1
            return True

    def come_back(self) -> None:
        """Count as waiting here one who was told that the build goes on, to be followed by `wait`."""
        with self._changed:
            self._here += 1
            self._away = max(self._away - 1, 0)

    def give_up(self) -> None:
        """Cancel the build unless somebody waits for it."""
        with self._changed:
            if self.awaited or self._given_up:
                return
            self._given_up = True
        self.cancellation.cancel()

    def wait(
        self, seconds: float, on_progress: OnProgress | None = None, cancellation: Cancellation | None = None
    ) -> MutateAnswer | None:
        """Wait, passing progress on from the calling thread; None when it is not finished by then.

        Raises what the build raised, and `RunCancelled` when the caller's own `cancellation` ended the wait. The
        last one whose wait is cancelled ends the build, and waits for its end.
        """
        stop = cancellation or Cancellation()
        stop.on_cancel(self._wake)
        goes_on = False
        try:
            self._watch(time.monotonic() + seconds, on_progress, stop)
            goes_on = not self.finished and not stop.cancelled
        finally:
            self._leave(goes_on=goes_on)
        if self._given_up:
            self.await_end(ENDING_SECONDS)
        if stop.cancelled and self._answer is None:
            raise RunCancelled("The call was cancelled.")
        if self._error is not None:
            raise self._error
        return self._answer

    def await_end(self, seconds: float) -> None:
        """Wait for the end without counting as one who waits."""
        self._watch(time.monotonic() + seconds, None, Cancellation())

    def _leave(self, *, goes_on: bool) -> None:
        """Count one who waits here no longer, but was told that the build `goes_on`, or was not."""
        with self._changed:
            self._here -= 1
            self._away += goes_on
            abandoned = not self.awaited and not self.finished
        if abandoned:
            self._on_abandoned(self)

    def _watch(self, deadline: float, on_progress: OnProgress | None, stop: Cancellation) -> None:
        """Return once the build has ended, the time is up, or `stop` is cancelled."""
        seen = 0
        while (left := deadline - time.monotonic()) > 0:
            with self._changed:
                if not self.finished and not stop.cancelled and len(self._steps) == seen:
                    self._changed.wait(left)
                over = self.finished or stop.cancelled
                steps, seen = self._steps[seen:], len(self._steps)
            for step in steps:
                if on_progress:
                    on_progress(*step)
            if over:
                break

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


class Jobs:
    """The builds of this process, and the newest finished ones; thread-safe."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()

    def require_room(self, session: str | None = None) -> None:
        """Raise `BuildRefused` when as many builds as may be are under way, or as many of the session's."""
        with self._lock:
            unfinished = [job for job in self._jobs.values() if not job.finished]
        own = sum(job.session == session for job in unfinished) if session else 0
        if len(unfinished) >= MAX_UNFINISHED or own >= MAX_OF_SESSION:
            whose = " of this session" if own >= MAX_OF_SESSION else ""
            raise BuildRefused(
                "request",
                f"{own if whose else len(unfinished)} builds{whose} are under way or wait already.",
                hint="Wait until some have ended, and call again.",
            )

    def start(self, job: Job, work: Work) -> Job:
        """Start `work` on a thread of its own and return its job."""
        with self._lock:
            self._jobs[job.id] = job
            finished = [name for name, old in self._jobs.items() if old.finished]
            for name in finished[: max(len(finished) - MAX_FINISHED, 0)]:
                del self._jobs[name]
        threading.Thread(target=job.run, args=(work,), name=f"build-{job.id}", daemon=True).start()
        return job

    def get(self, job_id: str) -> Job | None:
        """Return the job, if it is one of this process."""
        with self._lock:
            return self._jobs.get(job_id)

    def join(self, key: str, worth: Callable[[Job], bool] = lambda _: True) -> Job | None:
        """Return the newest job of that key that the same request may join, and is `worth` it, having joined it."""
        with self._lock:
            same = [job for job in self._jobs.values() if job.key == key]
        return next((job for job in reversed(same) if job.joinable and worth(job) and job.join()), None)

    def cancel_all(self) -> None:
        """Cancel every build that is not finished."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            if not job.finished:
                job.cancellation.cancel()

    def await_all(self, seconds: float) -> None:
        """Wait, at most that long, until every build has ended."""
        deadline = time.monotonic() + seconds
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.await_end(deadline - time.monotonic())
