"""The client of the builder: starts one subprocess for each build, and kills it when it overruns.

Builds are isolated from each other and from the server by their processes. Because a builder takes a third of
a second to import what it needs, one spare is started ahead; it ends by itself when it is not used for
`protocol.SPARE_SECONDS`. Nothing is registered here.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import Protocol

from tacit.building.orders import BuildRequest, Machine, Order
from tacit.building.process import COMMAND, BuilderProcess
from tacit.building.protocol import (
    MAX_REPLY_BYTES,
    SPARE_SECONDS,
    BuildResult,
    Failure,
    Progress,
    Refusal,
    decode_reply,
    encode_order,
)
from tacit.config import Settings
from tacit.errors import (
    BuilderFailed,
    BuildRefused,
    ConfinementMissing,
    InvalidSettings,
    OperatorError,
    RunCancelled,
    ServiceClosed,
    ToolchainMissing,
)

CONCURRENT_BUILDS = 2
_FAILURES: dict[str, type[OperatorError]] = {
    error.code: error for error in (ToolchainMissing, ConfinementMissing, InvalidSettings)
}
_SPARE_MARGIN_SECONDS = 5.0


class Cancellable(Protocol):
    """What a build asks of a cancellation; `tacit.sandbox.Cancellation` is one."""

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        ...

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call `callback` when it is cancelled; at once if that has already happened."""
        ...


class Builder:
    """Builds versions in subprocesses, at most `CONCURRENT_BUILDS` at once; thread-safe."""

    def __init__(self, settings: Settings, *, command: Sequence[str] = COMMAND) -> None:
        self._machine = Machine.of(settings)
        self._command = command
        self._state = threading.Condition()
        self._running: set[BuilderProcess] = set()
        self._free = CONCURRENT_BUILDS
        self._spare: BuilderProcess | None = None
        self._closed = False

    def prepare(self) -> None:
        """Start a spare builder unless one waits already, so that the next build starts at once."""
        with self._state:
            if self._closed or (self._spare and _usable(self._spare)):
                return
            stale, self._spare = self._spare, None
            with contextlib.suppress(BuilderFailed):  # the build that needs it will say so
                self._spare = BuilderProcess(self._command)
        if stale:
            stale.close()

    def build(
        self,
        request: BuildRequest,
        on_progress: Callable[[Progress], None] | None = None,
        cancellation: Cancellable | None = None,
    ) -> BuildResult:
        """Build, test and return a module; blocks, and calls `on_progress` on the calling thread.

        Raises `BuildRefused`, `ToolchainMissing`, `ConfinementMissing`, `BuilderFailed`, `RunCancelled`, and
        `ServiceClosed` after `close`. Whatever is raised, no process and no file of the build is left.
        """
        line = encode_order(Order(request=request, machine=self._machine))
        with self._slot(cancellation):
            process = self._start()
            try:
                if cancellation:
                    cancellation.on_cancel(process.kill)
                return self._converse(process, line, on_progress or _ignore)
            except BuilderFailed:
                if cancellation and cancellation.cancelled:
                    raise RunCancelled("The build was cancelled.") from None
                if self._closed:
                    raise _closed() from None
                raise
            finally:
                self._end(process)

    def close(self) -> None:
        """Kill every build and the spare; builds that run or wait raise `ServiceClosed`."""
        with self._state:
            self._closed = True
            running = list(self._running)
            spare, self._spare = self._spare, None
            self._state.notify_all()
        for process in running:
            process.kill()
        if spare:
            spare.close()

    def _converse(self, process: BuilderProcess, line: bytes, on_progress: Callable[[Progress], None]) -> BuildResult:
        stage, seconds = "compile", self._machine.build_seconds
        try:
            for reply in map(decode_reply, process.lines(line, time.monotonic() + seconds, MAX_REPLY_BYTES)):
                if isinstance(reply, Failure) and reply.code not in _FAILURES:
                    raise BuilderFailed(reply.message, hint=reply.hint)
                if isinstance(reply, BuildResult | Refusal | Failure):
                    return _outcome(reply)
                if isinstance(reply, Progress):
                    stage = reply.stage
                    on_progress(reply)
        except TimeoutError:
            raise BuildRefused(
                stage,
                f"The build took longer than {seconds:g} seconds.",
                hint="Make the source or its tests smaller.",
            ) from None
        except BuilderFailed as error:
            raise _broken(error.message, process) from error
        raise _broken("The builder ended without an answer.", process)

    @contextlib.contextmanager
    def _slot(self, cancellation: Cancellable | None) -> Generator[None]:
        """Wait for one of the `CONCURRENT_BUILDS` places."""
        if cancellation:
            cancellation.on_cancel(self._wake)
        with self._state:
            self._state.wait_for(lambda: self._free or self._closed or (cancellation and cancellation.cancelled))
            if self._closed:
                raise _closed()
            if cancellation and cancellation.cancelled:
                raise RunCancelled("The build was cancelled.")
            self._free -= 1
        try:
            yield
        finally:
            with self._state:
                self._free += 1
                self._state.notify()
            self.prepare()

    def _wake(self) -> None:
        with self._state:
            self._state.notify_all()

    def _start(self) -> BuilderProcess:
        """Take the spare, or start a builder."""
        with self._state:
            if self._closed:
                raise _closed()
            spare, self._spare = self._spare, None
            process = spare if spare and _usable(spare) else BuilderProcess(self._command)
            self._running.add(process)
        if spare and spare is not process:
            spare.close()
        return process

    def _end(self, process: BuilderProcess) -> None:
        with self._state:
            self._running.discard(process)
        process.close()


def _usable(spare: BuilderProcess) -> bool:
    """Whether the spare will still be there when a request reaches it."""
    return spare.alive and time.monotonic() - spare.started < SPARE_SECONDS - _SPARE_MARGIN_SECONDS


def _outcome(reply: BuildResult | Refusal | Failure) -> BuildResult:
    if isinstance(reply, BuildResult):
        return reply
    if isinstance(reply, Failure):
        raise _FAILURES[reply.code](reply.message, hint=reply.hint)
    details = {
        "diagnostics": reply.diagnostics,
        "tests": [test.model_dump() for test in reply.tests],
    }
    raise BuildRefused(reply.stage, reply.message, hint=reply.hint, details=details)


def _broken(message: str, process: BuilderProcess) -> BuilderFailed:
    stderr = process.stderr_tail()
    status = process.close()
    return BuilderFailed(
        message,
        hint="Try again; if it stays so, `tacit doctor` checks the installation.",
        details={"exit_status": status, "stderr": stderr},
    )


def _closed() -> ServiceClosed:
    return ServiceClosed("The builder has been closed.")


def _ignore(_: Progress) -> None:
    return None
