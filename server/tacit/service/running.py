"""Running a capability, at once or on a thread that may wait, and replaying a run.

One run: resolve → validate → cache → lock what it writes → sandbox → validate the output → commit its writes
→ record → answer. A capability that another one calls runs inside its caller's transaction, deadline and
energy, under its own permissions; the energy of a run is that of the whole tree below it.
"""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from tacit.config import Limits, Settings
from tacit.errors import (
    EnergyExhausted,
    InvalidArgument,
    PermissionDenied,
    ReplayDiverged,
    RequestError,
    RunCancelled,
    RunTimedOut,
    StoreBusy,
    StoreReadOnly,
    TacitError,
)
from tacit.learning import CachedRun, RunCache
from tacit.models import Effect, RunAnswer
from tacit.sandbox import (
    Cancellation,
    Execution,
    FilesFolder,
    HttpGateway,
    LiveWorld,
    RecordingWorld,
    ReplayWorld,
    Sandbox,
    Transaction,
    World,
    decode_calls,
)
from tacit.sandbox.world import Called, FailureCode, HostFailure
from tacit.service import json_input
from tacit.service.attempt import Attempt, Budget, Frame
from tacit.service.delegating import Delegator
from tacit.service.failing import Failures
from tacit.service.faults import own_failure
from tacit.service.prepared import Prepared, Preparer
from tacit.service.replays import seed_of
from tacit.store import Store, new_run_id

AT_ONCE_ENERGY = 2_000_000
"""Energy of a run that is tried at once: about a millisecond."""
AT_ONCE_SECONDS = 0.02
AT_ONCE_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Outside:
    """What runs see of the outside: the files folder, the HTTP gateway, and an agent where one is configured."""

    files: FilesFolder
    http: HttpGateway
    agent: Delegator | None = None


class Runner:
    """Runs capabilities and replays their records; thread-safe."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        preparer: Preparer,
        sandbox: Sandbox,
        outside: Outside,
        failures: Failures,
    ) -> None:
        self._limits: Limits = settings.limits
        self._store = store
        self._preparer = preparer
        self._sandbox = sandbox
        self._outside = outside
        self._failures = failures
        self._cache = RunCache()
        self._slow: set[str] = set()

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
        prepared = self._preparer.prepare(capability, version)
        value, text = self._read(data)
        prepared.check_input(value)
        allowed = min(energy or self._limits.energy, self._limits.energy)
        if prepared.pure and not fresh and (known := self._cache.get(prepared.version.digest, text, allowed)):
            return _answer(prepared, known.run_id, known.output, known.energy, 0.0, cached=True)
        stop = cancellation or Cancellation()
        budget = Budget(allowed, time.monotonic() + self._limits.wall_seconds)
        with self._transaction(prepared, stop, budget) as transaction:
            lowered = allowed < self._limits.energy
            frame = Frame(new_run_id(), None, 0, session, budget, transaction, stop, lowered)
            attempt = self._execute(prepared, text, frame)
            if transaction is not None and attempt.execution.failure is None:
                attempt = _committed(attempt, transaction)
            run_id = self._record(attempt)
        self._failures.settle(attempt, run_id)
        if prepared.pure and run_id and attempt.execution.failure is None:
            self._learn(attempt, run_id)
        return _outcome(attempt, run_id)

    def run_at_once(
        self, capability: str, data: Any, *, version: int | None = None, session: str | None = None
    ) -> RunAnswer | None:
        """Run a small pure capability here and now, or return None without a trace where that might take long.

        For event loops: a thread costs more than most runs. The module has to be loaded, the input small, and the
        run over within `AT_ONCE_ENERGY` and `AT_ONCE_SECONDS`; nothing is waited for. So failures that are the
        version's own, and runs that follow on them, are left to `run`, which counts them. Raises as `run` does.
        """
        prepared = self._preparer.prepare(capability, version)
        digest = prepared.version.digest
        if not prepared.pure or digest in self._slow or not self._sandbox.ready(digest) or prepared.version.failing:
            return None
        value, text = self._read(data)
        if len(text) > AT_ONCE_BYTES:
            return None
        prepared.check_input(value)
        budget = Budget(min(AT_ONCE_ENERGY, self._limits.energy), time.monotonic() + AT_ONCE_SECONDS)
        attempt = self._execute(prepared, text, Frame(new_run_id(), None, 0, session, budget, None, Cancellation()))
        if isinstance(attempt.execution.failure, EnergyExhausted | RunTimedOut):
            self._slow.add(digest)
            return None
        if own_failure(attempt):
            return None
        try:
            return _outcome(attempt, self._record(attempt, wait=False))
        except StoreBusy:
            return None

    def replay(self, run_id: str) -> RunAnswer:
        """Run a recorded run again on its recorded host calls; nothing outside the sandbox is touched.

        Raises `UnknownRun`, `ReplayDiverged` when the bytes differ, or the error that the run ended with.
        """
        record = self._store.runs.get(run_id)
        prepared = self._preparer.keep(self._preparer.version(record.capability, record.version))
        execution = self._sandbox.run(
            self._preparer.program(prepared.version),
            record.input,
            ReplayWorld(decode_calls(record.calls)),
            energy=record.energy_limit,
            now_millis=record.now_millis,
            seed=seed_of(prepared.version.digest, record.input),
        )
        execution = _checked(prepared, execution)
        code = execution.failure.code if execution.failure else None
        if code != record.error_code or (code is None and execution.output != record.output):
            raise ReplayDiverged(
                f"The replay of {run_id} did not give what was recorded.",
                details={"recorded_error": record.error_code, "replayed_error": code},
            )
        if execution.failure is not None:
            raise _with_run(execution.failure, run_id)
        return _answer(prepared, run_id, execution.value, execution.energy, execution.seconds)

    def _learn(self, attempt: Attempt, run_id: str) -> None:
        """Remember a pure run's answer, and whether the next run of its capability is worth trying at once."""
        execution, digest = attempt.execution, attempt.prepared.version.digest
        known = CachedRun(run_id, execution.value, len(execution.output), execution.energy)
        self._cache.put(digest, attempt.text, known)
        if execution.energy < AT_ONCE_ENERGY and execution.seconds < AT_ONCE_SECONDS:
            self._slow.discard(digest)  # it was given up for the machine's slowness, not its own

    def _read(self, data: Any) -> tuple[Any, bytes]:
        limit = self._limits.input_bytes
        if isinstance(data, bytes):
            return json_input.parse(data, limit), data
        return data, json_input.encode(data, limit)

    def _transaction(
        self, prepared: Prepared, stop: Cancellation, budget: Budget
    ) -> AbstractContextManager[Transaction | None]:
        if prepared.version.effects.isdisjoint({Effect.READS, Effect.WRITES, Effect.CALLS}):
            return nullcontext()
        return self._outside.files.transaction(self._preparer.written_globs(prepared), stop, budget.seconds())

    def _execute(self, prepared: Prepared, text: bytes, frame: Frame) -> Attempt:
        """Run once in the sandbox, and check the output; nothing is committed or recorded."""
        now = time.time_ns() // 1_000_000
        world = RecordingWorld(self._world(prepared, frame, now))
        execution = self._sandbox.run(
            self._preparer.program(prepared.version),
            text,
            world,
            energy=frame.budget.energy,
            now_millis=now if Effect.TIME in prepared.version.effects else 0,
            seed=seed_of(prepared.version.digest, text),
            cancellation=frame.cancellation,
            wall_seconds=frame.budget.seconds(),
        )
        return Attempt(prepared, text, frame, _checked(prepared, execution), world.calls, frame.budget.energy, now)

    def _world(self, prepared: Prepared, frame: Frame, now: int) -> World:
        return LiveWorld(
            prepared.allowance,
            frame.transaction,
            self._outside.http,
            clock=lambda: now,
            call=lambda capability, data, energy: self._call(capability, data, energy, frame),
            delegate=lambda agent, task: self._delegate(agent, task, frame),
            cancellation=frame.cancellation,
            seconds_left=frame.budget.seconds,
        )

    def _delegate(self, agent: str, task: str, frame: Frame) -> bytes | None:
        """Return an agent's answer, None where none is configured."""
        asked = self._outside.agent
        return asked(agent, task, frame.cancellation, frame.budget.seconds()) if asked else None

    def _call(self, capability: str, data: bytes, energy: int, caller: Frame) -> Called:
        """Run a capability for another one, on what that has left of its energy.

        Its failure is the caller's to handle, its writes are then undone; what leaves the caller nothing to go on
        with ends the caller as well.
        """
        if caller.depth >= self._limits.call_depth:
            raise HostFailure(FailureCode.INVALID, f"capabilities may call each other {caller.depth} deep at most")
        try:
            prepared = self._preparer.prepare(capability)
            prepared.check_input(json_input.parse(data, self._limits.input_bytes))
        except RequestError as error:
            raise HostFailure(FailureCode.INVALID, str(error)) from error
        budget = Budget(energy, caller.budget.deadline)
        frame = replace(caller, run_id=new_run_id(), parent_run=caller.run_id, depth=caller.depth + 1, budget=budget)
        savepoint = frame.transaction.savepoint() if frame.transaction else None
        attempt = self._execute(prepared, data, frame)
        self._failures.settle(attempt, self._record(attempt))
        execution = attempt.execution
        failure = execution.failure
        if failure is None:
            return Called(execution.output, execution.energy)
        if isinstance(failure, EnergyExhausted):
            return Called(b"", execution.energy, _exhausted_in(prepared, failure))
        if isinstance(failure, PermissionDenied | RunCancelled | RunTimedOut):
            return Called(b"", execution.energy, failure)
        if frame.transaction is not None and savepoint is not None:
            frame.transaction.rollback(savepoint)
        told = json.dumps(failure.to_dict(), ensure_ascii=False)
        return Called(b"", execution.energy, HostFailure(FailureCode.FAILED, told))

    def _record(self, attempt: Attempt, *, wait: bool = True) -> str:
        """Keep the attempt's record and return its run id, or an empty one where nothing can be kept.

        Raises `StoreBusy`.
        """
        durable = attempt.frame.depth == 0 and Effect.WRITES in attempt.prepared.version.effects
        try:
            self._store.runs.record(attempt.record(), durable=durable, wait=wait)
        except StoreReadOnly:
            return ""
        return attempt.frame.run_id


def _checked(prepared: Prepared, execution: Execution) -> Execution:
    if execution.failure is not None:
        return execution
    try:
        prepared.check_output(execution.value)
    except TacitError as failure:
        return replace(execution, failure=failure)
    return execution


def _exhausted_in(prepared: Prepared, failure: EnergyExhausted) -> EnergyExhausted:
    """Return the failure as the caller's: `details.where` names the callees that it was in, the outermost first."""
    line = failure.details.get("line")
    place = f"{prepared.version.id}@{prepared.version.version}{f' line {line}' if line else ''}"
    where = [place, *failure.details.get("where", ())]
    return EnergyExhausted(
        f"The energy was used up in {' → '.join(where)}.",
        hint="Run it with more energy, if the limit allows, or make it call what does less.",
        details={"where": where},
    )


def _committed(attempt: Attempt, transaction: Transaction) -> Attempt:
    try:
        transaction.commit()
    except TacitError as failure:
        return replace(attempt, execution=replace(attempt.execution, failure=failure))
    return attempt


def _outcome(attempt: Attempt, run_id: str) -> RunAnswer:
    execution = attempt.execution
    if execution.failure is not None:
        raise _with_run(execution.failure, run_id)
    return _answer(attempt.prepared, run_id, execution.value, execution.energy, execution.seconds)


def _with_run(failure: TacitError, run_id: str) -> TacitError:
    if run_id:
        failure.details = {**failure.details, "run_id": run_id}
    return failure


def _answer(
    prepared: Prepared, run_id: str, output: Any, energy: int, seconds: float, *, cached: bool = False
) -> RunAnswer:
    return RunAnswer.model_construct(
        run_id=run_id,
        capability=prepared.version.id,
        version=prepared.version.version,
        output=output,
        energy=energy,
        seconds=seconds,
        cached=cached,
    )
