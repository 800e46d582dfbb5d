"""One attempt to run a version: where in a tree of calls it stands, what it may use, and what it came to."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Self

from tacit.sandbox import Cancellation, Execution, HostCall, Transaction, encode_calls
from tacit.service.prepared import Prepared
from tacit.store import RunRecord


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run and all that it calls may use: energy (fuel), and the time until a deadline, on the monotonic clock.

    A capability that another one calls is allowed the energy that its caller has left, and has the same deadline.
    """

    energy: int
    deadline: float

    def seconds(self) -> float:
        """Return the seconds until the deadline, never negative."""
        return max(self.deadline - time.monotonic(), 0.0)


@dataclass(frozen=True, slots=True)
class Frame:
    """One run within a tree of calls.

    `path` are the ids from the outermost run's to its own, `limit` the energy that the outermost might have had. In a
    tree that runs at once, `called` collects the runs that were called, each after those that it called itself. `short`
    is what may have a place that is kept for short runs.
    """

    run_id: str
    parent_run: str | None
    path: tuple[str, ...]
    session: str | None
    budget: Budget
    limit: int
    transaction: Transaction | None
    cancellation: Cancellation
    called: list[Attempt] | None = None
    short: bool = False

    @property
    def depth(self) -> int:
        """How many callers it has above it."""
        return len(self.path) - 1

    def seconds_to_wait(self) -> float:
        """Return how long another process may be waited for; a tree that runs at once waits for none."""
        return 0.0 if self.called is not None else self.budget.seconds()

    def of_call(self, run_id: str, capability: str, budget: Budget) -> Self:
        """Return the frame of a run that this one calls."""
        return replace(self, run_id=run_id, parent_run=self.run_id, path=(*self.path, capability), budget=budget)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execution and all that its record keeps: what went in, what it was allowed, what the world answered."""

    prepared: Prepared
    text: bytes
    frame: Frame
    execution: Execution
    calls: list[HostCall]
    energy_limit: int
    now: int

    def record(self) -> RunRecord:
        """Return the record."""
        failure = self.execution.failure
        return RunRecord(
            run_id=self.frame.run_id,
            capability=self.prepared.version.id,
            version=self.prepared.version.version,
            input=self.text,
            output=self.execution.output,
            error=failure.to_dict() if failure else None,
            calls=encode_calls(self.calls),
            energy=self.execution.energy,
            energy_limit=self.energy_limit,
            seconds=self.execution.seconds,
            now_millis=self.now,
            session=self.frame.session,
            parent_run=self.frame.parent_run,
        )
