"""Carrying out one run in the sandbox, and the runs that it calls, and keeping their records.

A capability that another one calls runs inside its caller's transaction, deadline and energy, under its own
permissions; the energy of a run is that of the whole tree below it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from tacit.catalog import unknown_capability
from tacit.clock import now_millis
from tacit.config import Limits
from tacit.errors import (
    EnergyExhausted,
    FileConflict,
    PermissionDenied,
    RequestError,
    RunCancelled,
    RunTimedOut,
    StoreReadOnly,
    TacitError,
    UncheckedInput,
)
from tacit.sandbox import Execution, FilesFolder, HttpGateway, LiveWorld, RecordingWorld, Sandbox, World
from tacit.sandbox.world import Called, FailureCode, HostFailure
from tacit.service import json_input
from tacit.service.attempt import Attempt, Budget, Frame
from tacit.service.delegating import Delegator
from tacit.service.failing import Failures
from tacit.service.prepared import Prepared, Preparer
from tacit.service.replays import clock_of, seed_of
from tacit.store import Store, new_run_id

_log = logging.getLogger(__name__)

AT_ONCE_BYTES = 16 * 1024
"""Bytes of JSON that are read and checked without a thread of their own."""

_ENDING = (EnergyExhausted, FileConflict, PermissionDenied, RunCancelled, RunTimedOut)
"""What ends a caller as well: it would have nothing to go on with, or would hide what its own caller has to know."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What runs see of the outside: the files folder, the HTTP gateway, and an agent where one is configured."""

    files: FilesFolder
    http: HttpGateway
    agent: Delegator | None = None


class Executor:
    """Executes runs with all that they call; thread-safe."""

    def __init__(
        self,
        limits: Limits,
        store: Store,
        preparer: Preparer,
        sandbox: Sandbox,
        surroundings: Surroundings,
        failures: Failures,
    ) -> None:
        self._limits = limits
        self._store = store
        self._preparer = preparer
        self._sandbox = sandbox
        self._surroundings = surroundings
        self._failures = failures
        self._records = True

    def execute(self, prepared: Prepared, text: bytes, frame: Frame) -> Attempt:
        """Run once in the sandbox, and check the output; nothing is committed, and of this run nothing recorded."""
        now = now_millis()
        world = RecordingWorld(self._world(prepared, frame, now))
        execution = self._sandbox.run(
            self._preparer.guest(prepared.version),
            text,
            world,
            energy=frame.budget.energy,
            now_millis=clock_of(prepared.version, now),
            seed=seed_of(prepared.version.digest, text),
            cancellation=frame.cancellation,
            wall_seconds=frame.budget.seconds(),
            session=frame.session,
            short=frame.short,
        )
        execution = checked(prepared, execution, frame.seconds_to_wait())
        return Attempt(prepared, text, frame, execution, world.calls, frame.budget.energy, now)

    def is_light(self, prepared: Prepared) -> bool:
        """Whether it and all that it calls are pure and in memory, and none of them failed by its own fault lately.

        Nor may any have a schema that is always left to another process.
        """
        closure = prepared.closure
        return (
            closure.pure
            and prepared.plain
            and all(
                self._sandbox.holds(version.digest) and not version.failing
                for version in (prepared.version, *closure.callees)
            )
            and all(self._preparer.keep(version).plain for version in closure.callees)
        )

    def record(self, attempt: Attempt) -> str:
        """Keep the attempt's record and return its run id, or an empty one where nothing can be kept.

        Raises `StoreBusy`. What a run wrote has not landed then: it is recorded with its commit.
        """
        return self._kept(attempt, lambda: self._store.runs.record(attempt.record()))

    def record_at_once(self, attempt: Attempt) -> str:
        """Keep the records of an attempt and of the runs below it, all or none; else as `record`, without waiting."""
        tree = [each.record() for each in (*(attempt.frame.called or ()), attempt)]
        return self._kept(attempt, lambda: self._store.runs.record_at_once(tree))

    def _kept(self, attempt: Attempt, record: Callable[[], None]) -> str:
        """Record, and return the run's id or an empty one; the log says when that begins to fail, and when it ends."""
        try:
            record()
        except StoreReadOnly as error:
            if self._records:
                self._records = False
                _log.warning("Runs are not recorded from now on: %s", error)
            return ""
        if not self._records:
            self._records = True
            _log.warning("Runs are recorded again.")
        return attempt.frame.run_id

    def _world(self, prepared: Prepared, frame: Frame, now: int) -> World:
        return LiveWorld(
            prepared.allowance,
            frame.transaction,
            self._surroundings.http,
            clock=lambda: now,
            call=lambda capability, data, energy: self._call(capability, data, energy, frame),
            delegate=lambda agent, task: self._delegate(agent, task, frame),
            cancellation=frame.cancellation,
            seconds_left=frame.budget.seconds,
        )

    def _delegate(self, agent: str, task: str, frame: Frame) -> bytes | None:
        """Return an agent's answer, None where none is configured."""
        asked = self._surroundings.agent
        return asked(agent, task, frame.cancellation, frame.budget.seconds()) if asked else None

    def _call(self, capability: str, data: bytes, energy: int, caller: Frame) -> Called:
        """Run a capability for another one, on what that has left of its energy.

        Its failure is the caller's to handle, its writes are then undone; what leaves the caller nothing to go on
        with ends the caller as well.
        """
        if caller.depth >= self._limits.call_depth:
            raise HostFailure(FailureCode.INVALID, _too_deep(capability, caller))
        if caller.called is not None and len(data) > AT_ONCE_BYTES:
            return _given_up()
        try:
            prepared = self._preparer.prepare_known(capability)
            if prepared is None:  # without the closest ids, for which fuel would not pay
                raise unknown_capability(capability)
            given = json_input.parse(data, self._limits.input_bytes)
            prepared.check_input(given, data, caller.seconds_to_wait())
        except RequestError as error:
            if isinstance(error, UncheckedInput) and caller.called is not None:
                return _given_up()
            raise HostFailure(FailureCode.INVALID, str(error)) from error
        if caller.called is not None and not self.is_light(prepared):
            return _given_up()  # its newest version is another one than when the caller began
        frame = caller.of_call(new_run_id(), capability, Budget(energy, caller.budget.deadline))
        savepoint = frame.transaction.savepoint() if frame.transaction else None
        attempt = self.execute(prepared, data, frame)
        told = _told(attempt)  # before its failure is counted: how often it failed, and a job's id, tell the time
        self._note(attempt)
        failure = attempt.execution.failure
        if frame.transaction is not None and savepoint is not None and failure and not isinstance(failure, _ENDING):
            frame.transaction.rollback(savepoint)
        return told

    def _note(self, attempt: Attempt) -> None:
        """Record a run that another one called, and count its failure; one at once waits for its caller's record."""
        if attempt.frame.called is not None:
            attempt.frame.called.append(attempt)
        else:
            self._failures.settle(attempt, self.record(attempt))


def checked(prepared: Prepared, execution: Execution, seconds: float) -> Execution:
    """Return an execution as failed where its output breaks the schema, or that is not known after so many seconds."""
    if execution.failure is not None:
        return execution
    try:
        prepared.check_output(execution.value, execution.output, seconds)
    except TacitError as failure:
        return replace(execution, failure=failure)
    return execution


def _told(attempt: Attempt) -> Called:
    """Return what a caller is told of a run that it called."""
    execution, failure = attempt.execution, attempt.execution.failure
    if failure is None:
        return Called(execution.output, execution.energy)
    if isinstance(failure, EnergyExhausted):
        return Called(b"", execution.energy, _exhausted_in(attempt.prepared, failure))
    if isinstance(failure, _ENDING):
        return Called(b"", execution.energy, failure)
    told = json.dumps(failure.to_dict(), ensure_ascii=False)
    return Called(b"", execution.energy, HostFailure(FailureCode.FAILED, told))


def _given_up() -> Called:
    return Called(b"", 0, RunTimedOut("The run is not over at once."))


def _too_deep(capability: str, caller: Frame) -> str:
    """Return why a call is one too many: how deep calls may be, and which of them go round."""
    message = f"capabilities may call each other {caller.depth} deep at most"
    if capability not in caller.path:
        return message
    round_trip = caller.path[len(caller.path) - 1 - caller.path[::-1].index(capability) :]
    return f"{message}, and {' → '.join((*round_trip, capability))} goes round"


def _exhausted_in(prepared: Prepared, failure: EnergyExhausted) -> EnergyExhausted:
    """Return the failure as the caller's: `details.where` names the callees that it was in, the outermost first."""
    line = failure.details.get("line")
    place = f"{prepared.version.id}@{prepared.version.version}{f' line {line}' if line else ''}"
    where = [place, *failure.details.get("where", ())]
    return EnergyExhausted(
        f"The energy was used up in {' → '.join(where)}.",
        hint="Give it less to do at once: fewer items, a smaller range, or callees that do less.",
        details={"where": where},
    )
