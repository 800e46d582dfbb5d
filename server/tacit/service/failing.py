"""Failed runs: whose fault they are, and what follows when it is the version's own.

Own failures are counted on the version, across restarts and processes, and a success begins anew. As many in a row as
the policy `failure_handling` says deprecate the version; from fewer on, a repair starts where an author is at hand; and
one that does worse than its parent is rolled back, which is looked at in the background. Replays and cached answers
never count. A run that went well on a version without failures costs nothing here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from tacit.catalog import Catalog, Premise, Version
from tacit.errors import StoreDamaged, TacitError, UnknownRun
from tacit.learning.policies import FailureHandling
from tacit.models import Status
from tacit.sandbox import decode_calls
from tacit.service.attempt import Attempt
from tacit.service.faults import Given, is_own, own_failure
from tacit.store import POLICY, Decision, Outcome, Store

_log = logging.getLogger(__name__)


class Repairs(Protocol):
    """What starts repairs; `reflecting.Reflector` is one."""

    def start(self, version: Version, run_id: str) -> str | None:
        """Return the job of the repair that is under way, started now or before; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Fare:
    """How a version's newest runs went, as far as they tell of it: which failed by its own fault, newest first."""

    runs: int
    failed: tuple[str, ...]

    @property
    def success(self) -> float:
        """The part that went well, from 0 to 1; 1 where nothing is known."""
        return 1 - len(self.failed) / self.runs if self.runs else 1.0


def does_worse(own: Fare, parent: Fare, policy: FailureHandling) -> bool:
    """Return whether a version's success rate is below its parent's by as much as the policy allows not to be."""
    if min(own.runs, parent.runs) < policy.least_runs:
        return False
    return parent.success - own.success >= policy.worse_by - 1e-9


class Failures:
    """Counts versions' own failures and acts on them; thread-safe. Close it before the store."""

    def __init__(
        self, store: Store, catalog: Catalog, policy: Callable[[], FailureHandling], repairs: Repairs, energy: int
    ) -> None:
        """Take what it works with; `energy` is what a run has whose caller does not lower it."""
        self._store = store
        self._catalog = catalog
        self._policy = policy
        self._repairs = repairs
        self._energy = energy
        self._background = ThreadPoolExecutor(max_workers=1, thread_name_prefix="failures")
        self._compared: set[tuple[str, int]] = set()

    def settle(self, attempt: Attempt, run_id: str) -> None:
        """Count a recorded run; an own failure's hint says what follows. An empty `run_id` was not recorded."""
        version, failure = attempt.prepared.version, attempt.execution.failure
        if not run_id or (failure is None and not version.failing):
            return
        try:
            if failure is None:
                self._store.health.succeeded(version.id, version.version)
            elif own_failure(attempt):
                self._count(version, run_id, failure)
        except TacitError as error:  # how the run went matters more than that it could not be counted
            _log.warning("A run of %s@%d could not be counted: %s", version.id, version.version, error)

    def close(self) -> None:
        """Wait for the comparisons that are due: one for each version that failed just now, milliseconds each."""
        self._background.shutdown()

    def compare(self, version: Version) -> None:
        """Roll an offered version back where it does worse than its parent, a version of the same id.

        How it did before a person decided what is offered says nothing any more.
        """
        parent = self._parent(version)
        if parent is None or self._catalog.get(version.id).version != version.version:
            return
        policy = self._policy()
        since = self._store.audit.last_decision(version.id)
        own, before = self._fare(version, policy.window, since.run), self._fare(parent, policy.window)
        if not does_worse(own, before, policy):
            return
        why = {
            "success": round(own.success, 3),
            "success_of_parent": round(before.success, 3),
            "runs": own.runs,
            "failed": list(own.failed),
        }
        premise = Premise(since.entry, offered=version.version)
        if self._catalog.rollback(parent.id, parent.version, by=Decision(POLICY, why), premise=premise):
            _log.warning("%s@%d does worse than %s and is rolled back.", version.id, version.version, version.parent)

    def _count(self, version: Version, run_id: str, failure: TacitError) -> None:
        in_row = self._store.health.failed(version.id, version.version, run_id)
        policy = self._policy()
        notes: list[str] = []
        if in_row >= policy.deprecate_after:
            notes += self._deprecate(version, in_row, policy, run_id)
        else:
            self._compare_later(version)
        job = self._repairs.start(version, run_id) if in_row >= policy.reflect_from else None
        if job is not None:
            notes.append(f'A repair is under way: mutate_capability with only {{"job": "{job}"}} waits for it.')
        failure.hint = " ".join((failure.hint, *notes)).strip()
        facts = {"failures_in_row": in_row, **({"repair": job} if job else {})}
        failure.details = {**failure.details, **facts}

    def _deprecate(self, version: Version, in_row: int, policy: FailureHandling, run_id: str) -> list[str]:
        """Deprecate the version unless it is, or a person decided otherwise since the run began.

        Returns what to tell the run's caller.
        """
        name = f"{version.id}@{version.version}"
        if self._catalog.get(version.id, version.version).status is Status.ACTIVE:
            runs = self._fare(version, max(policy.window, in_row)).failed[:in_row]
            others = any(
                other.status is Status.ACTIVE and other.version != version.version
                for other in self._catalog.history(version.id)
            )
            why = {"failures_in_row": in_row, "runs": list(runs)}
            successor = version.id if others else None
            since = self._store.audit.last_decision_before(version.id, run_id)
            by, premise = Decision(POLICY, why), Premise(since.entry)
            if not self._catalog.deprecate(version.id, version.version, successor, by=by, premise=premise):
                return []
            _log.warning("%s failed %d times in a row by its own fault and is deprecated.", name, in_row)
        offered = self._catalog.get(version.id)
        instead = (
            f"{offered.id}@{offered.version} is offered instead."
            if offered.status is offered.capability_status is Status.ACTIVE
            else "No other version of it is offered."
        )
        return [f"{name} failed {in_row} times in a row by its own fault and is deprecated now.", instead]

    def _compare_later(self, version: Version) -> None:
        key = (version.id, version.version)
        if key in self._compared:
            return
        self._compared.add(key)
        with suppress(RuntimeError):  # closed meanwhile
            self._background.submit(self._compare_quietly, version)

    def _compare_quietly(self, version: Version) -> None:
        self._compared.discard((version.id, version.version))
        try:
            self.compare(version)
        except TacitError as error:
            _log.warning("%s@%d could not be compared: %s", version.id, version.version, error)
        except Exception:
            _log.exception("comparing %s@%d broke", version.id, version.version)

    def _parent(self, version: Version) -> Version | None:
        name, _, number = (version.parent or "").partition("@")
        if name != version.id or not number.isdecimal():
            return None
        parent = self._catalog.get(name, int(number))
        return parent if parent.status is Status.ACTIVE else None

    def _fare(self, version: Version, window: int, after: int = 0) -> Fare:
        """Return how the newest runs of a version went, at most `window`; what its callers did does not count."""
        runs, failed = 0, list[str]()
        for outcome in self._store.runs.outcomes(version.id, version.version, window, after=after):
            own = outcome.error is not None and self._was_own(version, outcome)
            failed += [outcome.run_id] if own else []
            runs += own or outcome.error is None
        return Fare(runs, tuple(failed))

    def _was_own(self, version: Version, outcome: Outcome) -> bool:
        try:
            record = self._store.runs.get(outcome.run_id)
            calls = decode_calls(record.calls)
        except (UnknownRun, StoreDamaged):  # dropped since it was listed, or of no use as a witness
            return False
        given = Given(record.input, calls, outcome.energy_limit / self._energy, nested=outcome.nested)
        return record.error is not None and is_own(record.error, version, given)
