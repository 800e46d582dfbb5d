"""Making capabilities: a brief without source; with it, build, test, register and index.

Nothing is registered before it is whole: the builder has compiled it and run its tests, and one transaction
keeps source, module, manifest and tests together. A refusal names its stage and leaves nothing behind.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tacit.building import Builder, make_brief
from tacit.building.protocol import BuildResult, Progress
from tacit.catalog import Catalog, Version, tests_as_json
from tacit.config import Settings
from tacit.errors import BuildRefused, InvalidArgument, RunCancelled, UnknownJob
from tacit.models import MutateAnswer, MutateRequest, TestResult
from tacit.sandbox import Cancellation, not_granted
from tacit.service.finding import Finder, example_input
from tacit.service.jobs import Job, Jobs, OnProgress
from tacit.service.planning import Plan, make_plan
from tacit.store import Store, new_job_id

POLL_SECONDS = 0.25


class Author:
    """Carries out `mutate_capability`; thread-safe. Owns the builder and its jobs."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        catalog: Catalog,
        finder: Finder,
        builder: Builder,
        registered: Callable[[Version], None],
    ) -> None:
        """Take what it works with; `registered` is called with each new version."""
        self._settings = settings
        self._store = store
        self._catalog = catalog
        self._finder = finder
        self._builder = builder
        self._registered = registered
        self._jobs = Jobs()

    def mutate(
        self,
        request: MutateRequest,
        on_progress: OnProgress | None = None,
        wait_seconds: float = 20.0,
        cancellation: Cancellation | None = None,
    ) -> MutateAnswer:
        """Answer a request, or its job when the build takes longer; `Service.mutate` says the rest."""
        try:
            if request.job:
                job = self._jobs.get(request.job)
                if job is None:
                    return self._elsewhere(request.job, wait_seconds, cancellation)
            elif request.source is None or request.source in ("", {}):
                return self._brief(request)
            else:
                job = self._start(request)
            return self._wait(job, on_progress, wait_seconds, cancellation)
        except BuildRefused as refusal:
            return _refused(refusal)

    def close(self) -> None:
        """Stop the builds under way, with all their processes."""
        self._jobs.cancel_all()
        self._builder.close()

    def _brief(self, request: MutateRequest) -> MutateAnswer:
        task = request.task or request.summary or (request.id or "").replace("_", " ")
        if not task and not request.parent_id:
            raise InvalidArgument("Say what is to be made: give a task in words, or a parent_id to start from.")
        nearest = self._nearest(request.parent_id, task)
        self._builder.prepare()  # the build that follows a brief finds a builder waiting
        return MutateAnswer(
            status="needs_source",
            parent=f"{nearest.id}@{nearest.version}" if nearest else None,
            message="Write the source and tests as the brief says, and call mutate_capability again with them.",
            brief=make_brief(task, _material(nearest) if nearest else None, self._settings.limits),
        )

    def _nearest(self, parent_id: str | None, task: str) -> Version | None:
        if parent_id:
            return self._catalog.get(parent_id)
        matches = self._finder.nearest(task)
        return self._catalog.get(matches[0].id) if matches else None

    def _start(self, request: MutateRequest) -> Job:
        self._jobs.require_room()
        plan = make_plan(request, self._catalog)
        self._refuse_duplicate(plan, force=request.force)
        job_id = new_job_id()
        asked = {"task": request.task, "parent_id": request.parent_id, "summary": plan.manifest.summary}
        self._store.builds.start(job_id, plan.manifest.id, json.dumps(asked))
        return self._jobs.start(job_id, lambda job: self._build(plan, job))

    def _refuse_duplicate(self, plan: Plan, *, force: bool) -> None:
        name = plan.manifest.id
        own = plan.parent is not None and plan.parent.id == name
        if not own and name in self._catalog.ids(include_deprecated=True):
            raise BuildRefused(
                "duplicate",
                f"A capability {name} exists already.",
                hint=f"For a new version of it pass parent_id: {name}; for another capability choose another id.",
                details={"closest": [name]},
            )
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

    def _build(self, plan: Plan, job: Job) -> MutateAnswer:
        """Build and register, on the job's thread; the store learns how it ended, whatever happens."""
        status, kept = "failed", ""
        try:
            result = self._builder.build(plan.build_request(job.id), _relay(job), job.cancellation)
            job.report("register: keeping it", 0.95)
            answer = self._register(plan, result)
            status, kept = answer.status, answer.model_dump_json()
            return answer
        except BuildRefused as refusal:
            status, kept = "refused", _refused(refusal).model_dump_json()
            raise
        except RunCancelled:
            status = "cancelled"
            raise
        finally:
            self._store.builds.finish(job.id, status, kept)

    def _register(self, plan: Plan, result: BuildResult) -> MutateAnswer:
        version = self._catalog.register(
            plan.manifest,
            plan.source,
            result.wasm,
            plan.all_tests(),
            effects=frozenset(result.effects),
            author="caller",
            toolchain=result.toolchain,
        )
        self._finder.refresh()
        self._registered(version)
        return MutateAnswer(
            status="registered",
            id=version.id,
            version=version.version,
            parent=version.parent,
            effects=tuple(sorted(version.effects)),
            permissions_not_granted=not_granted(version.manifest.permissions, self._settings.grants),
            tests=(*result.tests, *result.parent_tests),
            message=_registered_message(version, plan.parent),
        )

    def _wait(
        self, job: Job, on_progress: OnProgress | None, seconds: float, cancellation: Cancellation | None
    ) -> MutateAnswer:
        if cancellation:
            cancellation.on_cancel(job.cancellation.cancel)
        answer = job.wait(seconds, on_progress)
        return answer or _building(job.id)

    def _elsewhere(self, job_id: str, seconds: float, cancellation: Cancellation | None) -> MutateAnswer:
        """Wait for a build of another process, or of an earlier life of this one, through the store."""
        stop = cancellation or Cancellation()
        for _ in range(max(int(seconds / POLL_SECONDS), 1)):
            build = self._store.builds.get(job_id)
            if build is None:
                raise UnknownJob(f"There is no build {job_id[:80]!r}.", hint="Call again with the source to start one.")
            if build.result:
                return MutateAnswer.model_validate_json(build.result)
            if build.status != "running":
                raise BuildRefused(
                    "request",
                    f"The build {job_id} ended without a result ({build.status}).",
                    hint="Call again with the source.",
                )
            if stop.wait(POLL_SECONDS):
                break
        return _building(job_id)


def _relay(job: Job) -> Callable[[Progress], None]:
    return lambda progress: job.report(f"{progress.stage}: {progress.message}", progress.fraction)


def _building(job_id: str) -> MutateAnswer:
    return MutateAnswer(
        status="building",
        job=job_id,
        message="The build goes on.",
        hint=f'Call mutate_capability with only {{"job": "{job_id}"}} to wait for it.',
    )


def _registered_message(version: Version, parent: Version | None) -> str:
    if parent is not None and (version.id, version.version) == (parent.id, parent.version):
        return f"Nothing changed: {version.id}@{version.version} has this very source, manifest and tests already."
    return f"Run it: run_capability with id {version.id}."


def _refused(refusal: BuildRefused) -> MutateAnswer:
    details = refusal.details
    return MutateAnswer(
        status="refused",
        stage=refusal.stage,
        message=refusal.message,
        hint=refusal.hint,
        diagnostics=str(details.get("diagnostics", "")),
        tests=tuple(TestResult.model_validate(test) for test in details.get("tests", ())),
        closest=tuple(details.get("closest", ())),
    )


def _material(version: Version) -> dict[str, object]:
    """Return what an author needs of the nearest capability to start from it."""
    manifest = version.manifest
    return {
        "id": version.id,
        "version": version.version,
        "summary": manifest.summary,
        "source": version.source,
        "input_schema": manifest.input_schema,
        "output_schema": manifest.output_schema,
        "permissions": manifest.permissions.model_dump(mode="json", exclude_defaults=True),
        "examples": list(manifest.examples),
        "example_input": example_input(version),
        "tests": tests_as_json(version.tests),
    }
