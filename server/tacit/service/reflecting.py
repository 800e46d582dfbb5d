"""Repairing versions that fail: a language model finds the cause, shows it by a test, and mends it, in the background.

At most one repair of a version is under way in all processes, and a version gets as many as the policy
`failure_handling` says, within the budgets of `cost_limits`. The repaired version is registered in one transaction,
linked to the run that failed; without a verified repair, what was learnt stays in the build's record.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

from tacit.building import Builder
from tacit.building.orders import Budget, RepairRequest
from tacit.building.protocol import Answer, Attempt, BuildResult, Question, Turn
from tacit.catalog import Candidate, Catalog, Origin, Premise, Version
from tacit.config import Settings
from tacit.errors import BuildRefused, LlmMissing
from tacit.learning import Policies
from tacit.llm import Endpoint
from tacit.models import MutateAnswer, Status
from tacit.service import answers
from tacit.service.commissions import MAX_HITS, material_of
from tacit.service.contracts import contracts_of
from tacit.service.finding import Finder
from tacit.service.jobs import Job, Jobs
from tacit.service.logbook import Logbook
from tacit.service.replays import replay_of, replays_of
from tacit.service.spending import Spending
from tacit.service.transcripts import Transcript, secrets_in
from tacit.store import POLICY, Decision, Store, new_job_id
from tacit.texts import search_text

_log = logging.getLogger(__name__)


class Reflector:
    """Starts repairs and registers what they come to; thread-safe."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        catalog: Catalog,
        policies: Policies,
        builder: Builder,
        finder: Finder,
        spending: Spending,
        *,
        jobs: Jobs,
        registered: Callable[[Version], None],
    ) -> None:
        """Take what it works with, among it the `jobs` that their owner ends; `registered` gets each new version."""
        self._store = store
        self._catalog = catalog
        self._policies = policies
        self._builder = builder
        self._finder = finder
        self._logbook = Logbook(store.builds, secrets_in(settings))
        self._registered = registered
        self._jobs = jobs
        self._spending = spending
        self._model = _model_in(settings)

    def find(self, version: Version) -> str | None:
        """Return the job of the repair of `version` that is under way; None where none is, or could be."""
        if not self._can_repair(version):
            return None
        running = self._store.builds.find_running(_key(version))
        return running.job if running is not None else None

    def start(self, version: Version, run_id: str) -> str | None:
        """Return the job of the repair of `version` that is under way, or that starts now for its failed run.

        None where no model is configured, the budget of the day is used up, it had as many repairs as it gets, a
        newer version is active, or a person decided what is offered since the run began.
        """
        if not self._can_repair(version):
            return None
        running = self.find(version)
        if running is not None:
            return running
        key = _key(version)
        spent = self._store.builds.count(key) >= self._policies.failure_handling().repairs_per_version
        later = [each for each in self._catalog.history(version.id) if each.version > version.version]
        if spent or any(each.status is Status.ACTIVE for each in later):
            return None
        audit = self._store.audit
        if audit.last_decision(version.id) != audit.last_decision_before(version.id, run_id):
            return None
        try:
            self._jobs.require_room()
            self._spending.require_some()
        except BuildRefused as refusal:
            _log.warning("%s@%d is not repaired: %s", version.id, version.version, refusal)
            return None
        job_id = new_job_id()
        asked = {"repairs": f"{version.id}@{version.version}", "run": run_id}
        kept = self._store.builds.start(job_id, version.id, json.dumps(asked), key)
        if kept == job_id:
            job = Job(job_id, key, on_abandoned=_go_on)
            self._jobs.start(job, lambda job: self._repair(version, run_id, job))
        return kept

    def _can_repair(self, version: Version) -> bool:
        return bool(self._model) and version.manifest.language == "rust"  # the model mends Rust alone

    def _repair(self, version: Version, run_id: str, job: Job) -> MutateAnswer:
        """Have the version repaired, and register it, on the job's thread."""
        transcript = self._logbook.transcript(job)

        def work() -> MutateAnswer:
            budget = self._spending.reserve(job.id)

            def on_turn(turn: Turn | Attempt) -> None:
                transcript.add(turn)
                self._spending.check(budget, transcript.usage)

            order = self._request(version, run_id, budget, job)
            relay = self._logbook.relay(job)
            with transcript.written():
                result = self._builder.build(order, relay, job.cancellation, on_turn=on_turn, answer=self._answer)
            return self._register(version, run_id, result, job, transcript)

        return self._logbook.recorded(job, transcript, work, self._model)

    def _answer(self, question: Question) -> Answer:
        """Answer a search, or with contracts; a repair proposes no new capability."""
        if question.asks == "contracts":
            return Answer(number=question.number, callees=contracts_of(self._catalog, question.calls))
        return Answer(number=question.number, text=search_text(self._finder.search(question.query, MAX_HITS)))

    def _request(self, version: Version, run_id: str, budget: Budget, job: Job) -> RepairRequest:
        return RepairRequest(
            job=job.id,
            version=material_of(version, version.effects),
            module=self._catalog.module(version.digest),
            run=replay_of(self._store.runs.get(run_id), version),
            replays=replays_of(self._store, version),
            budget=budget,
        )

    def _register(
        self, version: Version, run_id: str, result: BuildResult, job: Job, transcript: Transcript
    ) -> MutateAnswer:
        """Register the repair; raises `BuildRefused` where somebody has decided otherwise meanwhile."""
        authored = result.authored
        if authored is None:
            raise BuildRefused("register", "The builder gave a repair without its source.")
        job.report("register: keeping it", 0.95)
        name = f"{version.id}@{version.version}"
        cause = transcript.redact(authored.cause)
        origin = Origin(
            task=f"Repair {name}, whose run {run_id} failed.",
            model=authored.model,
            prompts_hash=authored.prompts_hash,
            transcript=transcript.packed,
            sdk=result.sdk,
            usage=transcript.usage,
            build_seconds=sum(result.seconds.values()),
            job=job.id,
            failure=run_id,
            cause=cause,
            revisions=authored.revisions,
            held_out=authored.held_out,
        )
        candidate = Candidate.of(
            authored.manifest.model_copy(update={"parent": name}),
            authored.source,
            result.wasm,
            authored.tests,
            effects=result.effects,
            author=authored.model,
            toolchain=result.toolchain,
            origin=origin,
        )
        decision = Decision(POLICY, {"repairs": name, "run": run_id, "cause": cause, "job": job.id})
        premise = Premise(self._store.audit.last_decision_before(version.id, run_id).entry)
        repaired = self._catalog.succeed(candidate, version.version, premise=premise, by=decision)
        if repaired is None:
            raise BuildRefused("register", f"{name} was superseded or withdrawn while it was repaired.")
        self._finder.refresh()
        self._registered(repaired)
        _log.warning("%s@%d repairs %s: %s", repaired.id, repaired.version, name, cause)
        tests = (*result.tests, *result.parent_tests, *result.replays)
        effects = self._catalog.closures.of(repaired).effects
        answer = answers.registered(repaired, version, effects=effects, job=job.id, tests=tests)
        return answer.model_copy(update={"message": f"It repairs {name}: {cause}"})


def _key(version: Version) -> str:
    return f"repair {version.id}@{version.version}"


def _model_in(settings: Settings) -> str:
    """Return the model that is configured; empty where there is none, or what it needs is missing."""
    try:
        endpoint = Endpoint.of(settings)
    except LlmMissing as error:
        _log.warning("Nothing is repaired by itself: %s", error)
        return ""
    return endpoint.model if endpoint else ""


def _go_on(_: Job) -> None:
    """Let a repair go on that nobody waits for."""
