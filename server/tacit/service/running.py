"""Running a capability, at once or on a thread that may wait, and replaying a run.

One run: resolve → validate → cache → lock what it writes → sandbox → validate the output → commit its writes
→ record → answer. What it calls is executed in between; `executing` says how.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from typing import Any

from tacit.config import LESS, Limits, Settings, raise_hint
from tacit.errors import (
    EnergyExhausted,
    EnergyLow,
    FilesUnwritable,
    InvalidArgument,
    ReplayDiverged,
    RunTimedOut,
    StoreBusy,
    StoreReadOnly,
    TacitError,
    UncheckedInput,
)
from tacit.learning import CachedRun, RunCache
from tacit.models import Effect, RunAnswer
from tacit.sandbox import Cancellation, ReplayWorld, Sandbox, Transaction, decode_calls
from tacit.service import json_input
from tacit.service.attempt import Attempt, Budget, Frame
from tacit.service.executing import AT_ONCE_BYTES, Executor, Surroundings, checked
from tacit.service.failing import Failures
from tacit.service.faults import limit_met, own_failure
from tacit.service.observations import as_details, observed_in, seen_in
from tacit.service.paces import Paces
from tacit.service.prepared import Prepared, Preparer
from tacit.service.replays import clock_of, seed_of
from tacit.store import Store, new_run_id

AT_ONCE_ENERGY = 2_000_000
"""Energy of a run that is tried at once: about a millisecond."""
AT_ONCE_SECONDS = 0.02


class Runner:
    """Runs capabilities and replays their records; thread-safe."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        preparer: Preparer,
        sandbox: Sandbox,
        surroundings: Surroundings,
        failures: Failures,
    ) -> None:
        self._limits: Limits = settings.limits
        self._store = store
        self._preparer = preparer
        self._sandbox = sandbox
        self._files = surroundings.files
        self._failures = failures
        self._executor = Executor(settings.limits, store, preparer, sandbox, surroundings, failures)
        self._cache = RunCache()
        self._slow: set[str] = set()
        self._paces = Paces()

    def run(
        self,
        capability: str,
        data: Any,
        *,
        version: int | None = None,
        energy: int | None = None,
        fresh: bool = False,
        session: str | None = None,
        cancellation: Cancellation | None = None,
    ) -> RunAnswer:
        """Run a capability on `data` (a JSON value, or bytes that hold one); `Service.run` says the rest.

        May wait: for a compilation, a lock, a host, the guest.
        """
        if energy is not None and energy < 1:
            raise InvalidArgument(f"energy is {energy}; it has to be at least 1.")
        generation = self._preparer.generation()
        prepared = self._preparer.prepare(capability, version)
        value, text = self._read(data)
        allowed = min(energy or self._limits.energy, self._limits.energy)
        budget = Budget(allowed, time.monotonic() + self._limits.wall_seconds)
        prepared.check_input(value, text, budget.seconds())
        pure = prepared.closure.pure
        if pure and not fresh and (known := self._remembered(prepared, text, allowed)):
            return known
        stop = cancellation or Cancellation()
        with self._transaction(prepared, stop, budget) as transaction:
            path, limit, short = (prepared.version.id,), self._limits.energy, self._paces.is_short(prepared.closure.key)
            frame = Frame(new_run_id(), None, path, session, budget, limit, transaction, stop, short=short)
            attempt = self._executor.execute(prepared, text, frame)
            self._paces.note(prepared.closure.key, attempt.execution)
            self._advise(attempt.execution.failure, allowed)
            if transaction is not None and attempt.execution.failure is None:
                attempt = self._commit(attempt, transaction)
            kept = transaction is not None and transaction.kept
            run_id = frame.run_id if kept else self._executor.record(attempt)
        self._failures.settle(attempt, run_id)
        answer = _outcome(attempt, run_id)
        if pure and run_id:
            self._learn(attempt, answer, generation)
        return answer

    def run_at_once(
        self,
        capability: str,
        data: Any,
        *,
        version: int | None = None,
        fresh: bool = False,
        session: str | None = None,
    ) -> RunAnswer | None:
        """Run a small pure capability here and now, or return None without a trace where that might take long.

        For event loops: a thread costs more than most runs. It and all that it calls have to be loaded, the input
        small, and the run over within `AT_ONCE_ENERGY` and `AT_ONCE_SECONDS`; nothing is waited for. Of what takes
        longer, an answer that is known is given, unless `fresh`. So failures that are a version's own, and runs that
        follow on them, are left to `run`, which counts them. Raises as `run` does.
        """
        prepared = self._preparer.prepare_known(capability, version)
        if prepared is None or not self._executor.is_light(prepared):
            return None
        text = self._read_at_once(prepared, data)
        if text is None:
            return None
        key = prepared.closure.key
        if key in self._slow or not self._sandbox.has_room(session):
            return None if fresh else self._remembered(prepared, text, self._limits.energy)
        attempt = self._attempt_at_once(prepared, text, session)
        if attempt is None:
            return None
        try:
            return _outcome(attempt, self._executor.record_at_once(attempt))
        except StoreBusy:
            return None

    def replay(self, run_id: str) -> RunAnswer:
        """Run a recorded run again on its recorded host calls; nothing outside the sandbox is touched.

        Raises `UnknownRun`, `ReplayDiverged` when the bytes differ, or the error that the run ended with.
        """
        record = self._store.runs.get(run_id)
        calls = decode_calls(record.calls)
        prepared = self._preparer.keep(self._preparer.version(record.capability, record.version))
        execution = self._sandbox.run(
            self._preparer.guest(prepared.version),
            record.input,
            ReplayWorld(calls),
            energy=record.energy_limit,
            now_millis=clock_of(prepared.version, record.now_millis),
            seed=seed_of(prepared.version.digest, record.input),
        )
        execution = checked(prepared, execution, self._limits.wall_seconds)
        code = execution.failure.code if execution.failure else None
        if code != record.error_code or (code is None and execution.output != record.output):
            raise ReplayDiverged(
                f"The replay of {run_id} did not give what was recorded.",
                details={"recorded_error": record.error_code, "replayed_error": code},
            )
        observed = observed_in(calls)
        if execution.failure is not None:
            raise _with_run(execution.failure, run_id, observed)
        return _answer(prepared, run_id, execution.value, execution.energy, execution.seconds, observed=observed)

    def _advise(self, failure: TacitError | None, allowed: int) -> None:
        """Say of energy that was used up what its caller can do, which only this place knows: it had `allowed`."""
        if isinstance(failure, EnergyExhausted | EnergyLow):
            most = self._limits.energy
            more = f" Or allow it more energy than {allowed}: up to {most} is possible."
            failure.hint = LESS + (more if allowed < most else raise_hint("energy", most))

    def _commit(self, attempt: Attempt, transaction: Transaction) -> Attempt:
        """Commit what the run wrote together with its record; return the attempt, failed where that failed.

        Raises `StoreBusy`, `StoreReadOnly` or `StoreDamaged`, where the record cannot be kept: nothing is written.
        """
        try:
            transaction.commit(attempt.record())
        except FilesUnwritable as failure:
            if transaction.kept:
                with suppress(StoreBusy, StoreReadOnly):
                    self._store.commits.fail(attempt.frame.run_id, failure)
            return replace(attempt, execution=replace(attempt.execution, failure=failure))
        return attempt

    def _attempt_at_once(self, prepared: Prepared, text: bytes, session: str | None) -> Attempt | None:
        """Return a finished attempt, or None for what has to be left to `run`."""
        budget = Budget(min(AT_ONCE_ENERGY, self._limits.energy), time.monotonic() + AT_ONCE_SECONDS)
        called: list[Attempt] = []
        path, stop = (prepared.version.id,), Cancellation()
        frame = Frame(new_run_id(), None, path, session, budget, budget.energy, None, stop, called, short=True)
        attempt = self._executor.execute(prepared, text, frame)
        execution, key = attempt.execution, prepared.closure.key
        failed_below = any(each.execution.failure for each in called)  # its caller may have handled it
        if failed_below or isinstance(execution.failure, EnergyExhausted | RunTimedOut):
            if execution.seconds:  # else another thread took the room before it began
                self._slow.add(key)
            return None
        if own_failure(attempt) or limit_met(attempt):
            return None
        if execution.seconds > AT_ONCE_SECONDS:  # its last step took longer, which nothing interrupts
            self._slow.add(key)
        self._paces.note(key, execution)
        return attempt

    def is_short(self, capability: str, version: int | None = None) -> bool:
        """Return whether the runs of a version were short so far; raises as `run` does, but for an unknown id."""
        prepared = self._preparer.prepare_known(capability, version)
        return prepared is not None and self._paces.is_short(prepared.closure.key)

    def _remembered(self, prepared: Prepared, text: bytes, allowed: int) -> RunAnswer | None:
        """Return what a pure capability answered to that input before, within the energy that it is allowed now.

        Pruning is told, since this leaves no record: the version is used, and all that it calls.
        """
        known = self._cache.get(prepared.closure.key, text, allowed)
        if known is None:
            return None
        reached = ((each.id, each.version) for each in prepared.closure.callees)
        self._store.uses.note((prepared.version.id, prepared.version.version), reached)
        return _answer(prepared, known.run_id, known.output, known.energy, 0.0, cached=True, observed=known.observed)

    def _learn(self, attempt: Attempt, answer: RunAnswer, generation: int) -> None:
        """Remember a pure run's answer, and whether the next run of its capability is worth trying at once.

        What it called was its closure only if the catalog has not changed since before that was read.
        """
        execution, closure = attempt.execution, attempt.prepared.closure
        if not closure.callees or self._preparer.generation() == generation:
            known = CachedRun(
                answer.run_id,
                answer.output,
                len(execution.output),
                answer.energy,
                attempt.energy_limit,
                seen_in(answer),
            )
            self._cache.put(closure.key, attempt.text, known)
        heavy = any(call.failure or len(call.data) > AT_ONCE_BYTES for call in attempt.calls)
        heavy = heavy or not attempt.prepared.outputs.is_quick(execution.output)
        if not heavy and execution.energy < AT_ONCE_ENERGY and execution.seconds < AT_ONCE_SECONDS:
            self._slow.discard(closure.key)  # it was given up for the machine's slowness, not its own

    def _read(self, data: Any) -> tuple[Any, bytes]:
        limit = self._limits.input_bytes
        if isinstance(data, bytes):
            return json_input.parse(data, limit), data
        return data, json_input.encode(data, limit)

    def _read_at_once(self, prepared: Prepared, data: Any) -> bytes | None:
        """Return an input that fits, as JSON, or None where reading or checking it might take long."""
        if not json_input.is_small(data, AT_ONCE_BYTES):
            return None
        value, text = self._read(data)
        if len(text) > AT_ONCE_BYTES:
            return None
        try:
            prepared.check_input(value, text, 0.0)
        except UncheckedInput:
            return None
        return text

    def _transaction(
        self, prepared: Prepared, stop: Cancellation, budget: Budget
    ) -> AbstractContextManager[Transaction | None]:
        if prepared.effects.isdisjoint({Effect.READS, Effect.WRITES, Effect.CALLS}):
            return nullcontext()
        return self._files.transaction(self._preparer.written_globs(prepared), stop, budget.seconds())


def _outcome(attempt: Attempt, run_id: str) -> RunAnswer:
    execution, observed = attempt.execution, observed_in(attempt.calls)
    if execution.failure is not None:
        raise _with_run(execution.failure, run_id, observed)
    return _answer(attempt.prepared, run_id, execution.value, execution.energy, execution.seconds, observed=observed)


def _with_run(failure: TacitError, run_id: str, observed: dict[str, Any]) -> TacitError:
    """Return the failure with the run that ended so, and what that observed before."""
    kept = {"run_id": run_id} if run_id else {"recorded": False}
    failure.details = {**failure.details, **as_details(observed), **kept}
    return failure


def _answer(
    prepared: Prepared,
    run_id: str,
    output: Any,
    energy: int,
    seconds: float,
    *,
    cached: bool = False,
    observed: Mapping[str, Any],
) -> RunAnswer:
    return RunAnswer.model_construct(
        run_id=run_id,
        capability=prepared.version.id,
        version=prepared.version.version,
        output=output,
        energy=energy,
        seconds=seconds,
        cached=cached,
        recorded=bool(run_id),
        observations=observed.get("observations", ()),
        observations_left_out=observed.get("observations_left_out", 0),
    )
