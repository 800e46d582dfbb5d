"""The client of the builder: starts one subprocess for each build, talks with it, and kills it when it overruns.

Builds are isolated from each other and from the server by their processes. Only a builder that is to write source
itself learns the language model's key and asks questions. Because a builder takes a third of
a second to import what it needs, one spare is started ahead; it ends by itself when it is not used for
`protocol.SPARE_SECONDS`. Nothing is registered here.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tacit.building.answering import Answering
from tacit.building.orders import BuildRequest, Machine, Order, Request, Web
from tacit.building.process import COMMAND, BuilderProcess
from tacit.building.protocol import (
    MAX_REPLY_BYTES,
    SPARE_SECONDS,
    Answer,
    Attempt,
    BuildResult,
    Failure,
    Finding,
    Progress,
    Question,
    Refusal,
    Reply,
    Turn,
    decode_reply,
    encode_order,
)
from tacit.config import Settings
from tacit.errors import (
    BuilderFailed,
    BuildRefused,
    ConfinementMissing,
    InvalidSettings,
    LlmBroken,
    LlmError,
    LlmKeyRefused,
    LlmMissing,
    LlmModelUnknown,
    LlmOverloaded,
    LlmUnreachable,
    LlmWithoutTools,
    OperatorError,
    RunCancelled,
    ServiceClosed,
    ToolchainMissing,
)
from tacit.llm import Endpoint
from tacit.places import Place, Places

CONCURRENT_BUILDS = 2
CONCURRENT_AUTHORS = 4
"""Authors wait for their model most of the time, and must not hold up those who bring source."""
_FAILURES: dict[str, type[OperatorError]] = {
    error.code: error
    for error in (
        ToolchainMissing,
        ConfinementMissing,
        InvalidSettings,
        LlmError,
        LlmMissing,
        LlmUnreachable,
        LlmKeyRefused,
        LlmModelUnknown,
        LlmWithoutTools,
        LlmOverloaded,
        LlmBroken,
    )
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
    """Builds versions in subprocesses, a few at once; thread-safe."""

    def __init__(self, settings: Settings, *, command: Sequence[str] = COMMAND) -> None:
        self._settings = settings
        self._machine = Machine.of(settings)
        self._command = command
        self._state = threading.Lock()
        self._running: set[BuilderProcess] = set()
        self._builds = Places([Place() for _ in range(CONCURRENT_BUILDS)])
        self._authors = Places([Place() for _ in range(CONCURRENT_AUTHORS)])
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
        request: Request,
        on_progress: Callable[[Progress], None] | None = None,
        cancellation: Cancellable | None = None,
        *,
        on_turn: Callable[[Turn | Attempt], None] | None = None,
        answer: Callable[[Question], Answer] | None = None,
        session: str | None = None,
    ) -> BuildResult:
        """Build, test and return a module; blocks, and calls `on_progress` and `on_turn` on the calling thread.

        Only a few are built at once: the others wait, and the sessions take turns.

        `answer` is called on another thread, one question at a time. What `on_turn` raises ends the build. Raises
        `BuildRefused`, `ToolchainMissing`, `ConfinementMissing`, `BuilderFailed`, `RunCancelled`, an `LlmError`
        where the author's model cannot be used, and `ServiceClosed` after `close`. Whatever is raised, no process
        and no file of the build is left; `details.learnt` of the first and the last but one is what an author had
        found out by then.
        """
        authors = not isinstance(request, BuildRequest)
        machine = self._machine_of_authors() if authors else self._machine
        line = encode_order(Order(request=request, machine=machine))
        with self._slot(self._authors if authors else self._builds, session, cancellation):
            process = self._start()
            answering = Answering(answer or _unanswered, process.send)
            try:
                if cancellation:
                    cancellation.on_cancel(process.kill)
                process.send(line)
                listeners = _Listeners(on_progress or _ignore, on_turn or _ignore, answering.ask)
                seconds = machine.author_seconds if authors else machine.build_seconds
                return _converse(process, listeners, seconds)
            except BuilderFailed:
                if cancellation and cancellation.cancelled:
                    raise RunCancelled("The build was cancelled.") from None
                if self._closed:
                    raise _closed() from None
                raise
            finally:
                answering.close()
                self._end(process)

    def close(self) -> None:
        """Kill every build and the spare; builds that run or wait raise `ServiceClosed`."""
        with self._state:
            self._closed = True
            running = list(self._running)
            spare, self._spare = self._spare, None
        for places in (self._builds, self._authors):
            places.drain(0)
        for process in running:
            process.kill()
        if spare:
            spare.close()

    def _machine_of_authors(self) -> Machine:
        """Return the machine with the language model and what may be seen of the web; raises `LlmMissing`."""
        settings = self._settings
        endpoint = Endpoint.of(settings)
        if endpoint is None:
            raise LlmMissing("No language model is configured.", hint="Set TACIT_LLM_MODEL, and the key it needs.")
        key = settings.web_search_api_key
        web = Web(
            http=settings.grants.http,
            search=settings.web_search,
            search_url=settings.web_search_url,
            search_key=key.get_secret_value() if key else "",
        )
        return self._machine.model_copy(update={"llm": endpoint, "web": web})

    @contextlib.contextmanager
    def _slot(self, places: Places[Place], session: str | None, cancellation: Cancellable | None) -> Generator[None]:
        """Hold one of the places, in the session's turn."""

        def check() -> None:
            if self._closed:
                raise _closed()
            if cancellation and cancellation.cancelled:
                raise RunCancelled("The build was cancelled.")

        place = places.wait(session, check)
        try:
            check()
            yield
        finally:
            places.give(place)
            self.prepare()

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


@dataclass(frozen=True, slots=True)
class _Listeners:
    """Who is told what a builder says before its last line."""

    progress: Callable[[Progress], None]
    turn: Callable[[Turn | Attempt], None]
    question: Callable[[Question], None]

    def hear(self, reply: Progress | Turn | Attempt | Question) -> None:
        """Pass a reply on to whom it concerns."""
        if isinstance(reply, Progress):
            self.progress(reply)
        elif isinstance(reply, Turn | Attempt):
            self.turn(reply)
        else:
            self.question(reply)


def _converse(process: BuilderProcess, listeners: _Listeners, seconds: float) -> BuildResult:
    stage = "compile"
    found: dict[str, str] = {}
    try:
        for reply in map(decode_reply, process.lines(time.monotonic() + seconds, MAX_REPLY_BYTES)):
            if isinstance(reply, Failure) and reply.code not in _FAILURES:
                raise BuilderFailed(reply.message, hint=reply.hint)
            if isinstance(reply, BuildResult | Refusal | Failure):
                return _outcome(reply, _learnt(found))
            if isinstance(reply, Finding):
                found[reply.about] = reply.text
                continue
            stage = reply.stage if isinstance(reply, Progress) else stage
            listeners.hear(reply)
    except TimeoutError:
        raise BuildRefused(
            stage,
            f"The build took longer than {seconds:g} seconds.",
            hint="Make the task, the source or its tests smaller.",
            details=_learnt(found),
        ) from None
    except BuilderFailed as error:
        raise _broken(error.message, process) from error
    raise _broken("The builder ended without an answer.", process)


def _outcome(reply: BuildResult | Refusal | Failure, learnt: dict[str, str]) -> BuildResult:
    if isinstance(reply, BuildResult):
        return reply
    if isinstance(reply, Failure):
        raise _FAILURES[reply.code](reply.message, hint=reply.hint, details=dict(learnt))
    details = {"diagnostics": reply.diagnostics, "tests": [test.model_dump() for test in reply.tests], **learnt}
    raise BuildRefused(reply.stage, reply.message, hint=reply.hint, details=details)


def _learnt(found: Mapping[str, str]) -> dict[str, str]:
    """Return `learnt`: all findings as paragraphs, what each is about before it; nothing where there are none."""
    told = "\n\n".join(f"{about}:\n{text}" for about, text in found.items() if text)
    return {"learnt": told} if told else {}


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


def _ignore(_: Reply) -> None:
    return None


def _unanswered(question: Question) -> Answer:
    raise BuilderFailed(f"Nobody answers {question.asks} here.")
