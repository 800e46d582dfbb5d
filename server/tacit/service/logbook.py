"""The records of builds: how far each is, what its author said and used, and how it ended, whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from tacit.building.protocol import Progress
from tacit.errors import BuildRefused, RunCancelled, ServiceClosed, StoreBusy, StoreReadOnly, TacitError
from tacit.llm import redacted
from tacit.models import MutateAnswer
from tacit.service import answers
from tacit.service.jobs import Job
from tacit.service.transcripts import Transcript
from tacit.store import Builds


class Logbook:
    """Keeps the records of builds; thread-safe, each job on its own thread."""

    def __init__(self, builds: Builds, secrets: tuple[str, ...]) -> None:
        """Take where records are kept, and what must be in none of them."""
        self._builds = builds
        self._secrets = secrets

    def recorded(self, job: Job, transcript: Transcript, work: Callable[[], MutateAnswer], author: str) -> MutateAnswer:
        """Return what the work answers, or its refusal; the store learns how it ended, whatever happens."""
        status, kept, learnt = "failed", "", ""
        try:
            try:
                answer = work()
                learnt = "" if answer.status == "registered" else _together(answer.message, transcript.learnt)
            except BuildRefused as refusal:
                answer = answers.refused(refusal, author=author, job=job.id)
                learnt = str(refusal.details.get("learnt") or "")
            if transcript.usage.llm_calls:
                answer = answer.model_copy(update={"usage": transcript.usage})
            status = answer.status if answer.status in {"registered", "refused"} else "failed"
            clean = MutateAnswer.model_validate(redacted(answer.model_dump(mode="json"), self._secrets))
            kept = clean.model_dump_json()
            # A model that is told a key may hand in something wrong that has it, which a refusal quotes.
            return clean if answer.status == "refused" and transcript.usage.llm_calls else answer
        except (RunCancelled, ServiceClosed):
            status = "cancelled"
            raise
        except TacitError as error:
            learnt = _together(str(error), str(error.details.get("learnt", "")))
            raise
        finally:
            transcript.close(learnt)
            self._builds.finish(job.id, status, kept)

    def transcript(self, job: Job) -> Transcript:
        """Return an empty transcript of the build's author."""
        return Transcript(job.id, self._builds, self._secrets)

    def relay(self, job: Job) -> Callable[[Progress], None]:
        """Return what passes progress on, to the job and, where the stage changes, to the record."""
        stage = ""

        def pass_on(progress: Progress) -> None:
            nonlocal stage
            job.report(f"{progress.stage}: {progress.message}", progress.fraction)
            if progress.stage != stage:
                stage = progress.stage
                with suppress(StoreBusy, StoreReadOnly):  # others see less of how far it is
                    self._builds.progress(job.id, stage)

        return pass_on


def _together(problem: str, learnt: str) -> str:
    """Return why a build ended, and what its author had found out by then."""
    return f"{problem}\n\n{learnt}" if learnt else problem
