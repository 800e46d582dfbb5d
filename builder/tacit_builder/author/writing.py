"""Writing a capability from a task: the steps in their order, each in a context of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from tacit.building.orders import AuthorRequest, Machine
from tacit.building.protocol import Answer, Authored, BuildResult, Question, Reply
from tacit_builder.author import prompts
from tacit_builder.author.desk import Desk, open_desk
from tacit_builder.author.implementation import Implemented, Interrupted, Judge, implement
from tacit_builder.author.materials import contracts_text, source_text, tests_text
from tacit_builder.author.revision import judge, recorded
from tacit_builder.author.specification import Specification, narrowed, respecify, specify
from tacit_builder.author.suite import Suite, write_suite
from tacit_builder.author.verification import Verified, verify
from tacit_builder.inheritance import NOTHING, Inheritance
from tacit_builder.pipeline import Module
from tacit_builder.workbench import WorkPlan
from tacit_builder.workbench.definitions import tools_for


def write(
    request: AuthorRequest, machine: Machine, say: Callable[[Reply], None], ask: Callable[[Question], Answer]
) -> BuildResult:
    """Return a module that a language model wrote for the task and that passed every stage.

    `say` gets a `Progress` at each step, a `Turn` after each exchange and each `Finding`. Raises `BuildRefused`, or an
    `OperatorError`, among them every `LlmError`.
    """
    with open_desk(machine, request.budget, say, ask, compiles=request.language != "program") as desk:
        with desk.timing("specification"):
            specification = specify(desk, request)
        with desk.timing("tests"):
            suite = write_suite(desk, specification, request.tests)
        revisions: tuple[str, ...] = ()
        language, parent = specification.manifest.language, request.parent
        source = parent.source if parent and parent.manifest.language == language else {}
        judged_by = partial(judge, desk, specification, suite)
        done = _implement(desk, request, specification, suite, source, judged_by)
        while isinstance(done, Interrupted):  # once at most, since nobody judges the second time
            before = specification
            with desk.timing("specification"):
                specification = respecify(desk, request, before, done.judgement.reason)
            revisions = (recorded(done.judgement, before, specification),)
            desk.findings.note("Revision", revisions[0])
            with desk.timing("tests"):
                suite = write_suite(desk, specification, request.tests, revised=True)
            done = _implement(desk, request, specification, suite, done.source, None)
        return _result(desk, request, specification, suite, done, revisions)


def _implement(
    desk: Desk,
    request: AuthorRequest,
    specification: Specification,
    suite: Suite,
    source: Mapping[str, str],
    judged_by: Judge | None,
) -> Implemented | Interrupted:
    inheritance = NOTHING
    if request.parent and request.renews:
        inheritance = Inheritance(request.parent.tests, request.parent.manifest.permissions)
    callees = desk.contracts_in((*suite.seen, *inheritance.tests))
    plan = WorkPlan(specification.manifest, suite.seen, inheritance, source, callees)

    def verified(module: Module) -> Verified:
        return verify(desk, module, specification, suite, inheritance, request.replays)

    with desk.timing("implementation"):
        callable_now = contracts_text(desk.contracts(specification.manifest.permissions.call))
        brief = _brief(request, specification, callable_now, suite, source)
        return implement(desk, plan, brief, verified, judged_by)


def _brief(
    request: AuthorRequest, specification: Specification, callable_now: str, suite: Suite, source: Mapping[str, str]
) -> str:
    parts = [
        f"The specification:\n{specification.text()}",
        *([callable_now] if callable_now else []),
        f"The tests that you see:\n{tests_text(suite.seen)}",
    ]
    if source:
        parts.append(
            f"The source to start from, which is written already:\n{prompts.framed('src', source_text(source))}"
        )
    if request.parent and request.renews:
        tests = tests_text(request.parent.tests)
        parts.append(f"The tests of the version before, which have to pass as well:\n{tests}")
    return "\n\n".join(parts)


def _result(
    desk: Desk,
    request: AuthorRequest,
    specification: Specification,
    suite: Suite,
    done: Implemented,
    revisions: tuple[str, ...],
) -> BuildResult:
    module, verified = done.module, done.verified
    manifest = specification.manifest
    if request.permissions is None:
        manifest = narrowed(manifest, module.effects)
    authored = Authored(
        manifest=manifest,
        source=done.source,
        tests=(*suite.seen, *suite.held_out),
        held_out=tuple(test.name for test in suite.held_out),
        revisions=revisions,
        model=desk.model_name,
        prompts_hash=prompts.prompts_hash(tools_for(desk.machine.web, manifest.language)),
    )
    return module.result(verified.tested, verified.replays, {**desk.seconds, "compile": module.seconds}, authored)
