"""Making capabilities: who writes the source, and who waits for which build.

A request with source is the caller's. Without source, a configured language model writes it; where there is none, or
it cannot be used, the answer is a brief of how to write it. The same request, from whichever process, joins the build
that it would repeat. What a build does is in `workshop`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Any

from tacit.building import Builder, for_program, make_brief
from tacit.catalog import Catalog, Version
from tacit.config import Settings
from tacit.errors import BuildRefused, InvalidArgument, LlmError, RunCancelled, StoreReadOnly, TacitError, UnknownJob
from tacit.llm import Endpoint, redacted
from tacit.models import STAGES, MutateAnswer, MutateRequest, RunAnswer, Status
from tacit.sandbox import Cancellation, not_granted
from tacit.service import answers
from tacit.service.build_records import LOST_MESSAGE
from tacit.service.commissions import id_taken, make_commission, task_of
from tacit.service.finding import Finder
from tacit.service.jobs import ENDING_SECONDS, Job, Jobs, OnProgress, Work
from tacit.service.planning import Plan, language_to_brief, make_plan
from tacit.service.spending import Spending
from tacit.service.transcripts import secrets_in
from tacit.service.workshop import Ask, Workshop
from tacit.store import Build, Store, new_job_id
from tacit.store.builds import LOST, RUNNING

POLL_SECONDS = 0.25
MAX_KEPT_RUNS = 16
"""Inputs whose runs a build remembers for requests that are repeated; outputs may have megabytes."""
TRIES = 3
_START_AGAIN = "Call again with the task, or with the source where you wrote it."


class Author:
    """Carries out `mutate_capability`; thread-safe. Owns the builder and its jobs."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        catalog: Catalog,
        finder: Finder,
        builder: Builder,
        spending: Spending,
        registered: Callable[[Version], None],
    ) -> None:
        """Take what it works with; `registered` is called with each new version."""
        self._settings = settings
        self._store = store
        self._catalog = catalog
        self._finder = finder
        self._builder = builder
        self._spending = spending
        self._workshop = Workshop(settings, store, catalog, finder, builder, spending, registered)
        self._secrets = secrets_in(settings)
        self._jobs = Jobs()
        self._starting = threading.Lock()

    def make(
        self,
        request: MutateRequest,
        on_progress: OnProgress | None = None,
        wait_seconds: float = 20.0,
        cancellation: Cancellation | None = None,
        client: str = "",
        session: str | None = None,
    ) -> MutateAnswer:
        """Answer a request, or its job when the build takes longer; `Service.make` says the rest."""
        try:
            if request.job:
                job = self._find(request.job)
                job.come_back()
            elif request.source is None or request.source in ("", {}):
                found = self._commissioned(request, session)
                if isinstance(found, MutateAnswer):
                    return found
                job = found
            else:
                job = self._asked(request, client, session)
            answer = job.wait(wait_seconds, on_progress, cancellation)
        except BuildRefused as refusal:
            return answers.refused(refusal)
        return self._up_to_date(answer) if answer else answers.building(job.id, with_input=_has_input(request))

    def try_out(
        self, answer: MutateAnswer, request: MutateRequest, run: Callable[[str, int, Any], RunAnswer]
    ) -> MutateAnswer:
        """Return the answer with what the new version made of the request's input, where there is one.

        `run` is called with id, version and input. The same input of a request that is repeated is not run again.
        A request for a job has no input but its own: whoever joined a build is answered nothing of the others'.
        """
        if answer.status != "registered" or answer.id is None or answer.version is None or not _has_input(request):
            return answer
        job, text = self._jobs.get(answer.job or ""), _as_text(request.input)
        known = job.runs.get(text) if job and text else None
        try:
            ran = known or run(answer.id, answer.version, request.input)
        except RunCancelled:
            raise
        except TacitError as error:
            return answer.model_copy(update={"run_error": error.to_dict()})
        if job and text and (text in job.runs or len(job.runs) < MAX_KEPT_RUNS):
            job.runs[text] = ran
        return answer.model_copy(update={"run": ran})

    @property
    def jobs(self) -> Jobs:
        """The builds of this process, which repairs are among."""
        return self._jobs

    def close(self) -> None:
        """Stop the builds under way, with all their processes, and have their records say so."""
        self._jobs.cancel_all()
        self._builder.close()
        self._jobs.await_all(ENDING_SECONDS)

    def _asked(self, request: MutateRequest, client: str, session: str | None) -> Job:
        """Return the build of a caller's source, joined or started."""
        key = _key(request.model_dump(exclude={"job", "input"}, exclude_unset=True))
        joined = self._jobs.join(key, self._still_holds)
        if joined:
            return joined
        self._jobs.require_room(session)
        plan = make_plan(request, self._catalog)
        self._refuse_duplicate(plan, force=request.force)
        ask = Ask(plan, task_of(request), client, accepts_differences=request.force)
        return self._begin(key, plan.manifest.id, request, lambda job: self._workshop.build(ask, job), session)

    def _commissioned(self, request: MutateRequest, session: str | None) -> Job | MutateAnswer:
        """Return the build of a model's source, joined or started; or a brief, where none can write it."""
        try:
            endpoint = Endpoint.of(self._settings)
        except LlmError as error:
            return self._brief(request, error)
        if endpoint is None or not task_of(request):
            return self._brief(request)
        key = _key(["author", " ".join(task_of(request).split()), _given(request)])
        joined = self._jobs.join(key, self._still_holds)
        if joined:
            return joined
        self._jobs.require_room(session)
        commission = make_commission(request, self._catalog)
        try:
            self._spending.require_some()
        except BuildRefused as refusal:
            return self._brief(request, refusal)

        def work(job: Job) -> MutateAnswer:
            return self._workshop.author(commission, endpoint.model, job, lambda trouble: self._brief(request, trouble))

        return self._begin(key, request.id or "", request, work, session)

    def _begin(self, key: str, capability: str, request: MutateRequest, work: Work, session: str | None) -> Job:
        """Return the build of that key, joined: this one, or one that another call or process began just before."""
        kept = json.dumps(self._kept(request))
        for _ in range(TRIES):
            with self._starting:
                job = Job(new_job_id(), key, self._abandon, session=session)
                running = self._store.builds.start(job.id, capability, kept, key)
                if running == job.id:
                    job.join()
                    return self._jobs.start(job, work)
            other = self._find(running)
            if other.join():
                return other
            other.await_end(ENDING_SECONDS)
        raise BuildRefused("request", "The same build is being stopped at this moment.", hint="Call again.")

    def _find(self, job_id: str) -> Job:
        """Return the build of that job; one of another process, or of an earlier life of this one, is followed."""
        with self._starting:
            job = self._jobs.get(job_id)
            if job is not None:
                return job
            build = self._store.builds.get(job_id)
            if build is None:
                raise UnknownJob(f"There is no build {job_id[:80]!r}.", hint=_START_AGAIN)
            job = Job(job_id, build.key)
            if build.status == RUNNING:
                return self._jobs.start(job, self._follow)
        job.run(lambda _: _ended(build))
        return job

    def _follow(self, job: Job) -> MutateAnswer:
        """Wait for a build of another process, which learns that somebody waits here."""
        self._count_here(job, 1)
        stage = ""
        while True:
            build = self._store.builds.get(job.id)
            if build is None:
                raise UnknownJob(f"There is no build {job.id} any more.", hint=_START_AGAIN)
            if build.status != RUNNING:
                return _ended(build)
            if build.stage in STAGES and build.stage != stage:
                stage = build.stage
                job.report(f"{stage}: another process is at it", STAGES.index(stage) / len(STAGES))
            if job.cancellation.wait(POLL_SECONDS):
                self._count_here(job, -1)
                raise RunCancelled("The build is no longer waited for.")

    def _count_here(self, job: Job, change: int) -> None:
        with suppress(StoreReadOnly):  # who only reads cannot keep a build going, or stop one
            self._store.builds.await_elsewhere(job.id, change)

    def _abandon(self, job: Job) -> None:
        """Give a build up that nobody waits for here, as soon as nobody waits for it in another process either."""
        if not self._awaited_elsewhere(job):
            job.give_up()
            return

        def watch() -> None:
            while not job.finished and not job.awaited:
                if not self._awaited_elsewhere(job):
                    job.give_up()
                    return
                job.await_end(POLL_SECONDS)

        threading.Thread(target=watch, name=f"abandoned-{job.id}", daemon=True).start()

    def _awaited_elsewhere(self, job: Job) -> bool:
        try:
            build = self._store.builds.get(job.id)
        except TacitError:
            return False
        return build is not None and build.waiting > 0

    def _still_holds(self, job: Job) -> bool:
        """Whether what a finished build registered is still what its capability offers."""
        answer = job.answer
        if answer is None or answer.id is None:
            return True
        try:
            offered = self._catalog.get(answer.id)
        except TacitError:
            return False
        active = offered.status is offered.capability_status is Status.ACTIVE
        return active and offered.version == answer.version

    def _up_to_date(self, answer: MutateAnswer) -> MutateAnswer:
        """Return the answer with what is not granted now."""
        if answer.status != "registered" or answer.id is None:
            return answer
        asked = self._catalog.get(answer.id, answer.version).manifest.permissions
        missing = not_granted(asked, self._catalog.grants_for(answer.id))
        hint = f"Not all that it asks for is granted; `tacit grant {answer.id}` grants it." if missing else ""
        return answer.model_copy(update={"permissions_not_granted": missing, "hint": hint})

    def _kept(self, request: MutateRequest) -> dict[str, Any]:
        """Return what the record keeps of a request."""
        words = {"task": request.task, "parent_id": request.parent_id, "id": request.id, "summary": request.summary}
        kept: dict[str, Any] = redacted(words, self._secrets)
        return kept

    def _refuse_duplicate(self, plan: Plan, *, force: bool) -> None:
        name = plan.manifest.id
        own = plan.renewed is not None
        if not own and self._catalog.has(name):
            raise id_taken(name)
        if force or own:
            return
        besides = {name, plan.parent.id} if plan.parent else {name}
        found = [match.id for match in self._finder.duplicates(plan.card, besides)]
        if found:
            raise BuildRefused(
                "duplicate",
                f"An active capability does this already: {', '.join(found)}.",
                hint=f"Run {found[0]}, or extend it (parent_id: {found[0]}); force: true registers this beside it.",
                details={"closest": found},
            )

    def _brief(self, request: MutateRequest, trouble: TacitError | None = None) -> MutateAnswer:
        """Answer how to write the source; `trouble` says why no language model does."""
        task = task_of(request)
        if not task and not request.parent_id:
            raise InvalidArgument("Say what is to be made: give a task in words, or a parent_id to start from.")
        nearest = self._nearest(request.parent_id, task)
        brief = make_brief(task, answers.start_of(nearest) if nearest else None, self._settings.limits)
        self._builder.prepare()  # the build that follows a brief finds a builder waiting
        return MutateAnswer(
            status="needs_source",
            parent=f"{nearest.id}@{nearest.version}" if nearest else None,
            message=f"{trouble} You can write it yourself. {answers.WRITE_IT}" if trouble else answers.WRITE_IT,
            author_error=trouble.to_dict() if trouble else None,
            brief=for_program(brief) if language_to_brief(request, self._catalog) == "program" else brief,
        )

    def _nearest(self, parent_id: str | None, task: str) -> Version | None:
        if parent_id:
            return self._catalog.get(parent_id)
        matches = self._finder.nearest(task)
        return self._catalog.whole(matches[0].id) if matches else None


def _ended(build: Build) -> MutateAnswer:
    """Return what a build came to; raises `BuildRefused` where it came to nothing."""
    if build.result:
        return MutateAnswer.model_validate_json(build.result)
    why = LOST_MESSAGE if build.status == LOST else f"It ended as {build.status}; nothing was registered."
    raise BuildRefused("request", f"The build {build.job} came to nothing. {why}", hint=_START_AGAIN)


def _key(asked: Any) -> str:
    """Return what names the same request in every process, empty for what is not JSON."""
    text = _as_text(asked)
    return sha256(text.encode()).hexdigest() if text else ""


def _given(request: MutateRequest) -> dict[str, Any]:
    """Return what an author has to keep to beside the task; two requests that differ in it are two builds."""
    given = request.model_dump(exclude={"task", "summary", "source", "job", "input"}, exclude_defaults=True)
    asked = request.model_fields_set
    return {
        **given,
        "summary": request.summary if request.task else "",  # without a task the summary is the task
        "permissions": request.permissions.model_dump() if "permissions" in asked else None,
        "language": request.language if "language" in asked else None,
    }


def _as_text(value: Any) -> str:
    """Return a value as canonical JSON, empty for what is none."""
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return ""


def _has_input(request: MutateRequest) -> bool:
    """Whether the caller wants the new version run; None is an input as well."""
    return "input" in request.model_fields_set
