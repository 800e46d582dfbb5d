"""Failed runs: whose fault they are, and what follows when it is the version's own.

Own failures are counted on the version, each input once, across restarts and processes, and a success begins anew. As
many inputs in a row as the policy `failure_handling` says deprecate the version, where more than one session saw them
and no other session has seen it end well: whatever a caller sends, in however many sessions, what works for others
stays. From fewer on, a repair starts where an author is at hand. A version that fails on what its parent ends well on
is rolled back, which is looked at in the background. A limit that a run met counts only there. Replays and cached
answers never count. A run that went well on a version without failures costs nothing here.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from tacit.catalog import Catalog, Premise, Version
from tacit.errors import StoreDamaged, TacitError, UnknownRun
from tacit.learning.policies import FailureHandling
from tacit.models import Status
from tacit.sandbox import Cancellation, decode_calls
from tacit.service.attempt import Attempt
from tacit.service.faults import Given, is_own, limit_met, met_limit, own_failure
from tacit.store import POLICY, Condition, Decision, Outcome, RunRecord, Store

_log = logging.getLogger(__name__)

LOOKED_AT = 10
"""How many of a version's newest runs are looked at for each that is compared: most may repeat an input."""
CLOSING_SECONDS = 1.0
MAX_NAMED = 100
"""Failed runs that an audit entry names."""
MAX_JUDGED = 1024
"""Failed runs of which it is remembered whether the parent ends well on the same."""

DoesWell = Callable[[Version, RunRecord, Cancellation], bool]
"""Whether a version ends well on what a recorded run of another one was given."""


class Repairs(Protocol):
    """What starts repairs; `reflecting.Reflector` is one."""

    def find(self, version: Version) -> str | None:
        """Return the job of the repair that is under way; None where none is."""
        ...

    def start(self, version: Version, run_id: str) -> str | None:
        """Return the job of the repair that is under way, started now or before; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Fare:
    """How a version's newest runs went, as far as they tell of it, each input once.

    `failed` are those that may have failed by its own fault, newest first.
    """

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
        self,
        store: Store,
        catalog: Catalog,
        policy: Callable[[], FailureHandling],
        repairs: Repairs,
        does_well: DoesWell,
        energy: int,
    ) -> None:
        """Take what it works with; `energy` is what a run has whose caller does not lower it."""
        self._store = store
        self._catalog = catalog
        self._policy = policy
        self._repairs = repairs
        self._does_well = does_well
        self._energy = energy
        self._background = ThreadPoolExecutor(max_workers=1, thread_name_prefix="failures")
        self._compared: set[tuple[str, int]] = set()
        self._judged: dict[tuple[str, str], bool] = {}
        self._closing = Cancellation()

    def settle(self, attempt: Attempt, run_id: str) -> None:
        """Count a recorded run; an own failure's hint says what follows. An empty `run_id` was not recorded."""
        version, failure = attempt.prepared.version, attempt.execution.failure
        if not run_id or (failure is None and not version.failing):
            return
        try:
            if failure is None:
                self._store.health.succeeded(version.id, version.version)
            elif own_failure(attempt):
                self._count(attempt, run_id, failure)
            elif limit_met(attempt):
                self._compare_later(version)
        except TacitError as error:  # how the run went matters more than that it could not be counted
            _log.warning("A run of %s@%d could not be counted: %s", version.id, version.version, error)

    def close(self) -> None:
        """Wait for the comparisons that are due; those that take longer are given up until the next failure."""
        patience = threading.Timer(CLOSING_SECONDS, self._closing.cancel)
        patience.start()
        self._background.shutdown()
        patience.cancel()

    def compare(self, version: Version) -> None:
        """Roll an offered version back where it does worse than its parent, a version of the same id.

        Only what the parent ends well on tells against it: both may fail on what a caller made up. How it did before a
        person decided what is offered says nothing any more.
        """
        parent = self._parent(version)
        if parent is None or self._catalog.get(version.id).version != version.version:
            return
        policy = self._policy()
        since = self._store.audit.last_decision(version.id)
        own, before = self._fare(version, policy.window, since.run, limits=True), self._fare(parent, policy.window)
        if not does_worse(own, before, policy):
            return
        failed = tuple(run_id for run_id in own.failed if self._ends_well(parent, run_id))
        own = Fare(own.runs - len(own.failed) + len(failed), failed)
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

    def _count(self, attempt: Attempt, run_id: str, failure: TacitError) -> None:
        version, policy = attempt.prepared.version, self._policy()
        given, session = _digest(attempt.text), attempt.frame.session or ""
        row = self._store.health.failed(version.id, version.version, run_id, given, session)
        notes: list[str] = []
        if self._is_broken(version, row, policy):
            notes += self._deprecate(version, row.failing, run_id)
        else:
            self._compare_later(version)
        job = None
        if row.failing >= policy.reflect_from:  # who only repeats an input starts nothing
            job = self._repairs.start(version, run_id) if row.new else self._repairs.find(version)
        if job is not None:
            notes.append(f'A repair is under way: mutate_capability with only {{"job": "{job}"}} waits for it.')
        failure.hint = " ".join((failure.hint, *notes)).strip()
        facts = {"failures_in_row": row.failing, **({"repair": job} if job else {})}
        failure.details = {**failure.details, **facts}

    def _is_broken(self, version: Version, row: Condition, policy: FailureHandling) -> bool:
        """Whether it failed on enough inputs, in more than one session, and works for nobody else.

        A caller can open many sessions and vary its inputs, but cannot undo that others were answered.
        """
        if row.failing < policy.deprecate_after or row.sessions < min(policy.deprecate_after, 2):
            return False
        return not self._store.runs.ended_well_elsewhere(version.id, version.version)

    def _deprecate(self, version: Version, in_row: int, run_id: str) -> list[str]:
        """Deprecate the version unless it is, or a person decided otherwise since the run began.

        Returns what to tell the run's caller.
        """
        name = f"{version.id}@{version.version}"
        if self._catalog.get(version.id, version.version).status is Status.ACTIVE:
            others = any(
                other.status is Status.ACTIVE and other.version != version.version
                for other in self._catalog.history(version.id)
            )
            runs = self._store.health.runs(version.id, version.version, MAX_NAMED)
            why = {"failures_in_row": in_row, "runs": runs}
            successor = version.id if others else None
            since = self._store.audit.last_decision_before(version.id, run_id)
            by, premise = Decision(POLICY, why), Premise(since.entry)
            if not self._catalog.deprecate(version.id, version.version, successor, by=by, premise=premise):
                return []
            _log.warning("%s failed on %d inputs in a row by its own fault and is deprecated.", name, in_row)
        offered = self._catalog.get(version.id)
        instead = (
            f"{offered.id}@{offered.version} is offered instead."
            if offered.status is offered.capability_status is Status.ACTIVE
            else "No other version of it is offered."
        )
        inputs = "an input" if in_row == 1 else f"{in_row} inputs in a row"
        return [f"{name} failed on {inputs} by its own fault and is deprecated now.", instead]

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

    def _fare(self, version: Version, window: int, after: int = 0, *, limits: bool = False) -> Fare:
        """Return how the newest runs of a version went, at most `window`, each input once: sessions cost nothing.

        What its callers did does not count; the `limits` that it met may.
        """
        runs, failed = 0, list[str]()
        seen: set[bytes] = set()
        for outcome in self._store.runs.outcomes(version.id, version.version, window * LOOKED_AT, after=after):
            if outcome.given in seen or runs == window:
                continue
            seen.add(outcome.given)
            own = outcome.error is not None and self._was_own(version, outcome, limits=limits)
            failed += [outcome.run_id] if own else []
            runs += own or outcome.error is None
        return Fare(runs, tuple(failed))

    def _was_own(self, version: Version, outcome: Outcome, *, limits: bool) -> bool:
        record = self._record(outcome.run_id)
        if record is None or record.error is None:
            return False
        try:
            calls = decode_calls(record.calls)
        except StoreDamaged:
            return False
        given = Given(record.input, calls, outcome.energy_limit / self._energy, nested=outcome.nested)
        return is_own(record.error, version, given) or (limits and met_limit(record.error, given))

    def _ends_well(self, version: Version, run_id: str) -> bool:
        """Whether a version ends well on what a failed run of another one was given; each is tried once."""
        key = (f"{version.id}@{version.version}", run_id)
        if key not in self._judged:
            record = self._record(run_id)
            well = record is not None and self._does_well(version, record, self._closing)
            if self._closing.cancelled:  # it was given up
                return False
            if len(self._judged) >= MAX_JUDGED:
                self._judged.clear()
            self._judged[key] = well
        return self._judged[key]

    def _record(self, run_id: str) -> RunRecord | None:
        """Return a run's record; None where it was dropped since it was listed, or is of no use as a witness."""
        try:
            return self._store.runs.get(run_id)
        except (UnknownRun, StoreDamaged):
            return None


def _digest(text: bytes) -> str:
    """Return what is the same for the same JSON value, however it is written."""
    with suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text, parse_float=_whole), sort_keys=True).encode()
    return blake2b(text, digest_size=16).hexdigest()


def _whole(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() else number
