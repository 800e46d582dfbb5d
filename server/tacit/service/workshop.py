"""Carrying out one build, on the thread of its job: the builder makes, the record is kept, the version registered.

Nothing is registered before it is whole: the builder has compiled it and run its tests, and one transaction keeps
source, module, manifest, tests and origin together. The record says how a build ended, whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tacit.building import Builder
from tacit.building.orders import Budget
from tacit.building.protocol import Attempt, BuildResult, Turn
from tacit.catalog import (
    Candidate,
    Catalog,
    Origin,
    Version,
    callees_in,
    dead_ends,
    effects_of_source,
    refuse_cycle,
)
from tacit.config import Settings
from tacit.errors import BuildRefused, LlmError, TacitError
from tacit.models import Effect, MutateAnswer
from tacit.plain_text import one_line
from tacit.service import answers
from tacit.service.commissions import MAX_NEAREST, Commission, Consultant, Reservations, id_taken
from tacit.service.contracts import contracts_of
from tacit.service.finding import Finder
from tacit.service.jobs import Job
from tacit.service.logbook import Logbook
from tacit.service.planning import Plan
from tacit.service.replays import replays_of
from tacit.service.spending import Spending
from tacit.service.transcripts import Transcript, secrets_in
from tacit.store import Store

CALLER = "caller"
MAX_CLIENT_NAME = 60


@dataclass(frozen=True, slots=True)
class Ask:
    """What a caller asks to be built from source: the plan, the task in words, and which client it came through."""

    plan: Plan
    task: str
    client: str
    accepts_differences: bool

    @property
    def author(self) -> str:
        """Who wrote the source, as its version keeps it."""
        name = one_line(self.client)[:MAX_CLIENT_NAME]
        return f"{CALLER} ({name})" if name else CALLER


class Workshop:
    """Builds and registers; thread-safe, each job on its own thread."""

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
        self._store = store
        self._catalog = catalog
        self._finder = finder
        self._builder = builder
        self._spending = spending
        self._registered = registered
        self._logbook = Logbook(store.builds, secrets_in(settings))
        self._reservations = Reservations()

    def build(self, ask: Ask, job: Job) -> MutateAnswer:
        """Build a caller's source and register it."""
        plan, transcript = ask.plan, self._logbook.transcript(job)

        def work() -> MutateAnswer:
            self._effects_of_calls(plan)  # the builder does not know what there is to be called
            replays = replays_of(self._store, plan.renewed) if plan.renewed else ()
            contracts = contracts_of(self._catalog, plan.callees)
            request = plan.build_request(
                job.id, replays, accepts_differences=ask.accepts_differences, callees=contracts
            )
            result = self._builder.build(request, self._logbook.relay(job), job.cancellation, session=job.session)
            origin = Origin(
                task=transcript.redact(ask.task),
                sdk=result.sdk,
                build_seconds=sum(result.seconds.values()),
                job=job.id,
                accepted=tuple(f"{run.name}: {run.difference}" for run in result.replays if not run.passed),
            )
            return self._register(plan, result, ask.author, origin, job)

        return self._logbook.recorded(job, transcript, work, ask.author)

    def author(
        self, commission: Commission, model: str, job: Job, brief: Callable[[TacitError], MutateAnswer]
    ) -> MutateAnswer:
        """Have the language model write what is asked for, and register it.

        Where the model cannot be used, or the day's budget is spoken for, the answer is that of `brief`, which is
        told why.
        """
        transcript = self._logbook.transcript(job)
        consultant = Consultant(commission, self._catalog, self._finder, self._reservations)

        def work() -> MutateAnswer:
            try:
                budget = self._spending.reserve(job.id)
            except BuildRefused as refusal:
                return brief(refusal)
            try:
                return self._author(commission, budget, job, transcript, consultant)
            except LlmError as error:
                transcript.learnt = str(error.details.get("learnt", ""))
                return brief(type(error)(transcript.redact(error.message), hint=transcript.redact(error.hint)))

        with consultant.consulted():
            return self._logbook.recorded(job, transcript, work, model)

    def _author(
        self, commission: Commission, budget: Budget, job: Job, transcript: Transcript, consultant: Consultant
    ) -> MutateAnswer:
        def on_turn(turn: Turn | Attempt) -> None:
            transcript.add(turn)
            self._spending.check(budget, transcript.usage)

        renewed = commission.renewed
        replays = replays_of(self._store, renewed) if renewed else ()
        order = commission.order(job.id, self._near(commission), replays, budget, self._effects_of)
        relay = self._logbook.relay(job)
        with transcript.written():
            result = self._builder.build(
                order,
                relay,
                job.cancellation,
                on_turn=on_turn,
                answer=consultant.answer,
                session=job.session,
            )
        authored = result.authored
        if authored is None:
            raise BuildRefused("implementation", "The author handed nothing in.", hint="Call again.")
        plan = commission.plan(authored)
        if renewed is None and (consultant.promised != plan.manifest.id or consultant.problem_with(plan.card)):
            raise id_taken(plan.manifest.id)
        self._store.builds.name(job.id, plan.manifest.id)
        origin = Origin(
            task=transcript.redact(commission.task),
            model=authored.model,
            prompts_hash=authored.prompts_hash,
            transcript=transcript.packed,
            sdk=result.sdk,
            usage=transcript.usage,
            build_seconds=sum(result.seconds.values()),
            job=job.id,
            cause=authored.cause,
            revisions=tuple(transcript.redact(each) for each in authored.revisions),
            held_out=authored.held_out,
        )
        return self._register(plan, result, authored.model, origin, job)

    def _near(self, commission: Commission) -> Sequence[Version]:
        """Return the capabilities nearest to the task, but for its parent."""
        found = [match.id for match in self._finder.nearest(commission.task, MAX_NEAREST)]
        own = commission.parent.id if commission.parent else None
        near = (self._catalog.whole(name) for name in found if name != own)
        return [version for version in near if version is not None]

    def _register(self, plan: Plan, result: BuildResult, author: str, origin: Origin, job: Job) -> MutateAnswer:
        job.report("register: keeping it", 0.95)
        effects = frozenset(result.effects) | self._effects_of_calls(plan)
        candidate = Candidate.of(
            plan.manifest,
            plan.source,
            result.wasm,
            plan.all_tests(result.held_to),
            effects=effects,
            author=author,
            toolchain=result.toolchain,
            origin=origin,
        )
        keep = self._catalog.renew if plan.renewed else self._catalog.introduce
        # Again where nobody can change the catalog: what was built beside it may lead back to it by now.
        version = keep(candidate, lambda: self._effects_of_calls(plan))
        if version is None:
            raise id_taken(plan.manifest.id)
        self._finder.refresh()
        self._registered(version)
        tests = (*result.tests, *result.parent_tests, *result.replays)
        return answers.registered(
            version,
            plan.parent,
            effects=self._effects_of(version),
            job=job.id,
            tests=tests,
            unheeded=result.unheeded,
            dead_ends=dead_ends(version, callees_in(self._catalog)),
            dropped=len(result.parent_tests) - len(result.held_to),
        )

    def _effects_of(self, version: Version) -> frozenset[Effect]:
        """Return the effects of a version with those of all that it reaches now."""
        return self._catalog.closures.of(version).effects

    def _effects_of_calls(self, plan: Plan) -> frozenset[Effect]:
        """Return the effects of a program, none of a module; raises `BuildRefused("imports")` for what it calls."""
        if plan.manifest.language == "program":
            return effects_of_source(self._catalog, plan.manifest.id, plan.source)
        refuse_cycle(self._catalog, plan.manifest)
        return frozenset()
