"""The sandbox: everything that runs share, and the way in for the rest of Tacit."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

from tacit.config import Limits
from tacit.errors import RunCancelled, RunTimedOut, ServiceClosed, TacitError, TooManyHostCalls
from tacit.places import Place, Places
from tacit.sandbox.cancellation import Cancellation
from tacit.sandbox.compiled import CompiledFolder
from tacit.sandbox.composites import Composite, Composites, run_composite
from tacit.sandbox.configuration import fingerprint, open_engine
from tacit.sandbox.execution import Execution
from tacit.sandbox.modules import LoadedModule, LoadedModules
from tacit.sandbox.stacks import HOST_STACK, on_larger_stack, thread_stack_size
from tacit.sandbox.ticker import Ticker
from tacit.sandbox.worker import Request, Worker
from tacit.sandbox.world import World

_CLOSE_SECONDS = 30.0


class _Lane(Place):
    """Room for one run and those that it starts through its world: a worker for each level."""

    def __init__(self) -> None:
        super().__init__()
        self.workers: dict[int, Worker] = {}
        self.level = 0


class _Here(threading.local):
    lane: _Lane | None = None


Guest = LoadedModule | Composite
"""What the sandbox runs: a module of WebAssembly, or a program in the language of `tacit.programs`."""


class Sandbox:
    """Loads and runs modules and composites; thread-safe, at most `workers` at once, each with those that it calls.

    Beside these, `reserved` more may run that are known to be short. `compiled_folder` keeps compiled code between
    processes. Close it when done; it is a context manager.
    """

    def __init__(
        self, limits: Limits, compiled_folder: Path | None = None, workers: int = 8, *, reserved: int = 0
    ) -> None:
        self._limits = limits
        self._levels = limits.call_depth + 1
        self._engine = open_engine(limits, slots=(workers + reserved) * self._levels)
        folder = CompiledFolder.open(compiled_folder, fingerprint(limits)) if compiled_folder else None
        self._modules = LoadedModules(self._engine, limits, folder)
        self._composites = Composites()
        self._ticker = Ticker(self._engine)
        self._lanes = [_Lane() for _ in range(workers + reserved)]
        self._places = Places(self._lanes, kept=reserved)
        self._closed = False
        self._here = _Here()
        _open.add(self)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load(self, digest: str, make: Callable[[], bytes], language: str = "rust") -> Guest:
        """Return what to run for the module with that SHA-256 (hex), from memory, from disk, or compiled.

        `make` gives the module (WebAssembly, or for the language `program` the source) and is called only when it
        has to be compiled. Raises `BuildRefused` (stage `imports`, or `compile` for a source) for a module that the
        sandbox does not take, `MemoryExhausted` for one that begins with more memory than the limit, `StoreDamaged`
        when `make` gives other bytes than the digest says.
        """
        self._check_open()
        if language == "program":
            return self._composites.load(digest, make)
        loaded = self._modules.load(digest, make)
        if not loaded.linked:
            self._rehearse(loaded)
        return loaded

    def has_room(self, session: str | None = None) -> bool:
        """Return whether a place is free, so that a short run of the session need not wait for one."""
        return self._places.has_room(session)

    def holds(self, digest: str) -> bool:
        """Whether a guest is in memory, so that loading it waits for nothing."""
        return self._modules.holds(digest) or self._composites.holds(digest)

    def run(
        self,
        guest: Guest,
        stdin: bytes,
        world: World,
        *,
        energy: int | None = None,
        now_millis: int = 0,
        seed: bytes = b"",
        cancellation: Cancellation | None = None,
        wall_seconds: float | None = None,
        session: str | None = None,
        short: bool = False,
    ) -> Execution:
        """Run a guest on `stdin` in a fresh instance, and return what it came to.

        What guest and world did wrong is the execution's `failure`; an exception of the world that is no TacitError
        is raised. `energy` and `wall_seconds` can only lower the limits. Where it has to wait, `session` says in whose
        turn, and `short` that it may have a place that is reserved. The same guest, stdin, `now_millis`, `seed` and
        answers of the world give the same output on any machine. May be called from within a world, on the same
        thread, as deep as the limits' `call_depth`. Raises `ServiceClosed` after `close`.
        """
        self._check_open()
        limits = self._limits
        seconds = limits.wall_seconds if wall_seconds is None else min(wall_seconds, limits.wall_seconds)
        request = Request(
            stdin,
            world,
            limits.energy if energy is None else max(min(energy, limits.energy), 0),
            now_millis,
            seed,
            time.monotonic() + seconds,
            cancellation,
        )
        lane = self._here.lane
        if lane is not None:
            return self._run_in(lane, guest, request)
        lane = self._places.take(session, short=short)
        if lane is not None:
            return self._run_on(lane, guest, request)
        began = time.monotonic()
        try:
            lane = self._places.wait(session, lambda: self._check_turn(request), short=short)
        except (RunCancelled, RunTimedOut) as failure:
            return _unstarted(failure)
        waited = time.monotonic() - began
        return _after_waiting(self._run_on(lane, guest, request), waited)

    def close(self) -> None:
        """Cancel what runs, wait for it, and free what was compiled; later calls raise `ServiceClosed`."""
        if self._closed:
            return
        self._closed = True
        _open.discard(self)
        for lane in self._lanes:
            for worker in list(lane.workers.values()):
                worker.closing = True
        self._places.drain(_CLOSE_SECONDS)
        self._ticker.close()
        self._modules.clear()
        self._composites.clear()
        for lane in self._lanes:
            if not lane.level:
                lane.workers.clear()

    def abandon(self) -> None:
        """Refuse all further use without touching threads or memory; for a process forked from the owner."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise ServiceClosed("The sandbox is closed.")

    def _rehearse(self, loaded: LoadedModule) -> None:
        """Prepare the first run of a module where it will most likely be."""
        lane = self._places.take(None)
        if lane is None:
            return
        worker = self._worker(lane, 0)
        self._ticker.enter(worker)
        try:
            worker.rehearse(loaded)
        finally:
            self._ticker.leave(worker)
            self._places.give(lane)

    def _worker(self, lane: _Lane, level: int) -> Worker:
        worker = lane.workers.get(level)
        if worker is None:
            worker = lane.workers[level] = Worker(self._engine, self._limits)
        return worker

    def _run_on(self, lane: _Lane, guest: Guest, request: Request) -> Execution:
        """Run on a lane that was taken, and give it back."""
        self._here.lane = lane
        try:
            # Once more: closing waits only for the lanes that were taken before it began.
            self._check_open()
            return self._run_in(lane, guest, request)
        finally:
            self._here.lane = None
            self._places.give(lane)

    def _run_in(self, lane: _Lane, guest: Guest, request: Request) -> Execution:
        level = lane.level
        if level >= self._levels:
            return _unstarted(
                TooManyHostCalls(f"Capabilities call each other more than {self._limits.call_depth} deep.")
            )
        if isinstance(guest, Composite):
            return self._run_composite(lane, guest, request)
        worker = self._worker(lane, level)
        worker.closing = self._closed
        lane.level += 1
        self._ticker.enter(worker)
        try:
            needed = (level + 1) * (self._limits.stack_bytes + HOST_STACK)
            if needed > thread_stack_size():
                return self._run_deeper(lane, worker, guest, request)
            return worker.run(guest, request)
        finally:
            self._ticker.leave(worker)
            lane.level -= 1

    def _run_composite(self, lane: _Lane, composite: Composite, request: Request) -> Execution:
        """Run a composite, which takes the place of a worker at its level and none of its stack."""
        lane.level += 1
        try:
            return run_composite(composite, request, self._limits, lambda: self._closed)
        finally:
            lane.level -= 1

    def _run_deeper(self, lane: _Lane, worker: Worker, loaded: LoadedModule, request: Request) -> Execution:
        """Run on a thread of our own, since this one's stack is too small for what the limits allow a guest."""

        def run() -> Execution:
            self._here.lane = lane
            return worker.run(loaded, request)

        return on_larger_stack(run, self._levels * (self._limits.stack_bytes + HOST_STACK))

    def _check_turn(self, request: Request) -> None:
        """Raise what ends a run that still waits for its turn."""
        self._check_open()
        if request.cancellation is not None and request.cancellation.cancelled:
            raise RunCancelled("The run was cancelled before its turn came.")
        if time.monotonic() >= request.deadline:
            raise RunTimedOut("The run waited for its turn as long as it might have run.", hint="Try again later.")


def _unstarted(failure: TacitError) -> Execution:
    return Execution(b"", None, "", 0, 0.0, failure)


def _after_waiting(execution: Execution, seconds: float) -> Execution:
    """Return the execution of a run that waited for its turn; where it ran out of time, the error says so."""
    failure = execution.failure
    if isinstance(failure, RunTimedOut):
        failure.hint = f"For {seconds:.1f} seconds of that it waited for its turn; try again later."
        failure.details = {**failure.details, "waited_seconds": round(seconds, 3)}
    return execution


_open: weakref.WeakSet[Sandbox] = weakref.WeakSet()
"""Those that a forked child must not use: its ticker does not run, so nothing would stop a guest."""


def _after_fork() -> None:
    for sandbox in list(_open):
        sandbox.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
