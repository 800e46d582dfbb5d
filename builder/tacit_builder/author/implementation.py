"""The third step: source written against the tests that are seen, in a context that never holds the others.

The author works with a workbench until its source passes the tests it sees. Then it is verified; what fails there goes
back once, in words, and a second failure ends the build.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

from tacit.errors import BuildRefused
from tacit.llm import ToolCall
from tacit.plain_text import made_plain
from tacit.schemas.validator import shorten
from tacit_builder.author import prompts
from tacit_builder.author.circling import Circling
from tacit_builder.author.conversation import Conversation
from tacit_builder.author.desk import Desk
from tacit_builder.author.materials import source_text
from tacit_builder.author.revision import Judgement
from tacit_builder.author.verification import Verified
from tacit_builder.pipeline import Module
from tacit_builder.workbench import Workbench, WorkPlan

_BEGIN, _END = 0.25, 0.85
_FRAMED = {
    "read_file": "file",
    "build": "compiler",
    "test": "tests",
    "rustc_explain": "explanation",
    "http_get": "page",
    "web_search": "search results",
    "search_capabilities": "capabilities",
}
_REVISE = "request_revision"


@dataclass(frozen=True, slots=True)
class Implemented:
    """A source, its module, and how that did in verification."""

    source: dict[str, str]
    module: Module
    verified: Verified


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The source as it was when a revision of the specification was accepted."""

    source: dict[str, str]
    judgement: Judgement


Verify = Callable[[Module], Verified]
Judge = Callable[[str], Judgement]


@overload
def implement(desk: Desk, plan: WorkPlan, brief: str, verify: Verify) -> Implemented: ...


@overload
def implement(
    desk: Desk, plan: WorkPlan, brief: str, verify: Verify, judge: Judge | None
) -> Implemented | Interrupted: ...


def implement(
    desk: Desk, plan: WorkPlan, brief: str, verify: Verify, judge: Judge | None = None
) -> Implemented | Interrupted:
    """Return a source that passes the plan's tests and `verify`, or where a revision was accepted.

    A revision can be asked for, once, where there is a `judge`. Raises `BuildRefused` at `implementation` when the
    author goes in circles, at `verification` when it fails there twice, at `budget`, and `LlmError`s.
    """
    with _Work(desk, plan, brief, judge) as work:
        first = work.finish()
        if isinstance(first, Interrupted):
            return first
        verified = verify(first)
        if verified.failed:
            _note_failed(desk, verified)
            work.tell_failed(verified.failed)
            second = work.finish()
            if isinstance(second, Interrupted):
                return second
            first, verified = second, verify(second)
        if verified.failed:
            _note_failed(desk, verified)
            raise _refused(verified)
        return Implemented(work.source, first, verified)


class _Work:
    """One author at its workbench."""

    def __init__(self, desk: Desk, plan: WorkPlan, brief: str, judge: Judge | None) -> None:
        self._desk = desk
        self._judge = judge
        self._judged: Judgement | None = None
        self._bench = Workbench(desk.machine, plan, desk.inquiry.search, desk.count_attempt)
        self._circling = Circling(self._bench.source)
        self._turns = 0
        instructions = prompts.IMPLEMENTATION[plan.manifest.language] + (prompts.REVISION_OFFERED if judge else "")
        tools = [*self._bench.tools(), *([prompts.REQUEST_REVISION] if judge else [])]
        self._talk = Conversation(desk, "implementation", instructions, brief, tools)

    def __enter__(self) -> _Work:
        return self

    def __exit__(self, *raised: object) -> None:
        self._desk.findings.note("The last source", source_text(self.source))
        self._talk.close()

    @property
    def source(self) -> dict[str, str]:
        return self._bench.source

    def finish(self) -> Module | Interrupted:
        """Let the author work until it has completed, or a revision is accepted."""
        while True:
            self._circling.begin_turn(self.source)
            self._turns += 1
            for call in self._talk.exchange():
                self._talk.answer(call, self._carry_out(call))
            if self._judged is not None and self._judged.accepted:
                return Interrupted(self.source, self._judged)
            if self._bench.completed and (module := self._bench.module) is not None:
                return module

    def tell_failed(self, failed: Sequence[str]) -> None:
        """Tell the author in words what verification found, and let it go on."""
        self._bench.reopen()
        self._circling.start_anew()
        self._talk.tell(prompts.VERIFICATION_FAILED.format(failed="\n".join(f"- {each}" for each in failed)))

    def _carry_out(self, call: ToolCall) -> str:
        self._circling.note_call(call)
        if self._bench.completed or (self._judged is not None and self._judged.accepted):
            return "Not carried out: a call before it ended this step."
        if call.arguments is None:
            return call.problem
        if call.name == _REVISE and self._judge is not None:
            return self._revise(call.arguments, self._judge)
        self._report(call)
        answer = self._bench.call(call.name, call.arguments)
        if call.name in ("build", "test"):
            self._desk.findings.note(f"What the last call of {call.name} said", answer)
        return prompts.framed(_FRAMED[call.name], answer) if call.name in _FRAMED else answer

    def _revise(self, arguments: dict[str, Any], judge: Judge) -> str:
        reason = arguments.get("reason")
        if not isinstance(reason, str) or not reason.strip():
            return f"{_REVISE} takes the argument reason, a text."
        if self._judged is not None:
            return "It was judged already, and stays as it is. Do what the specification says."
        self._judged = judge(reason)
        if self._judged.accepted:
            return "Accepted."
        return f"Not accepted. {prompts.framed('judgement', self._judged.reason)}\nGo on without it."

    def _report(self, call: ToolCall) -> None:
        fraction = _BEGIN + (_END - _BEGIN) * (1 - 0.9**self._turns)
        self._desk.report("implementation", _words(call, self._desk.meter.used.attempts), fraction)


def _words(call: ToolCall, attempts: int) -> str:
    given = call.arguments or {}
    subject = next((shorten(made_plain(value), 80) for value in given.values() if isinstance(value, str)), "")
    tried = f"; {attempts} compiled so far" if attempts else ""
    known = {
        "read_file": f"Reading {subject}",
        "write_file": f"Writing {shorten(made_plain(str(given.get('path', ''))), 80)}",
        "build": f"Compiling{tried}",
        "test": f"Testing{tried}",
        "rustc_explain": f"Looking up {subject}",
        "http_get": f"Fetching {subject}",
        "web_search": f"Searching the web for {subject!r}",
        "search_capabilities": f"Searching capabilities for {subject!r}",
        "complete": "Handing in the source",
    }
    return known.get(call.name, "Working on the source")


def _note_failed(desk: Desk, verified: Verified) -> None:
    desk.findings.note("What failed in verification", "\n".join(verified.failed))


def _refused(verified: Verified) -> BuildRefused:
    told = "; ".join(shorten(each, 300) for each in verified.failed)
    return BuildRefused(
        "verification",
        f"The source passes the tests that its author saw and fails others, also after it was told what they "
        f"check: {told}.",
        hint="Say the task more exactly and ask again, or hand in source and tests yourself.",
    )
