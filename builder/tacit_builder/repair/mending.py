"""The steps of a repair in their order: diagnose the failed run, mend source or input schema, verify.

Nothing is given back unless the new test, all earlier tests and the recorded runs that went well pass, and the run
that failed does not fail so again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import sha256

from tacit.building.orders import Machine, RepairRequest
from tacit.building.protocol import Answer, Authored, BuildResult, Question, Reply
from tacit.errors import BuildRefused
from tacit.models import Manifest, TestCase, TestResult
from tacit_builder.author import Conversation, Desk, Implemented, Verified, implement, open_desk, verify
from tacit_builder.author import prompts as author_prompts
from tacit_builder.author.materials import contracts_text, source_text, tests_text
from tacit_builder.author.specification import Specification
from tacit_builder.author.suite import Suite
from tacit_builder.contracts import check_contracts
from tacit_builder.inheritance import NOTHING
from tacit_builder.pipeline import Module, compile_module, run_suite
from tacit_builder.repair.diagnosis import Diagnosis, Examiner
from tacit_builder.repair.prompts import DIAGNOSIS, SUBMIT_DIAGNOSIS, diagnosis_hash, failure_brief
from tacit_builder.repair.recurrence import recurrence
from tacit_builder.workbench import WorkPlan
from tacit_builder.workbench.definitions import tools_for


def repair(
    request: RepairRequest, machine: Machine, say: Callable[[Reply], None], ask: Callable[[Question], Answer]
) -> BuildResult:
    """Return the module of the next version, which does not fail as the recorded run did.

    `say` gets a `Progress` at each step, a `Turn` after each exchange and each `Finding`. Raises `BuildRefused`, or an
    `OperatorError`, among them every `LlmError`.
    """
    with open_desk(machine, request.budget, say, ask) as desk:
        with desk.timing("tests"):
            diagnosis = _diagnose(desk, request)
        manifest = _mended_manifest(request, diagnosis)
        suite = Suite((*request.version.tests, diagnosis.test), (), {})
        verified_by = partial(_verify, desk, request, manifest, suite)
        if diagnosis.input_schema is None:
            done = _mend_source(desk, request, diagnosis, manifest, suite, verified_by)
        else:
            done = _same_source(desk, request, manifest, verified_by)
        return _result(desk, manifest, suite, diagnosis, done)


def _diagnose(desk: Desk, request: RepairRequest) -> Diagnosis:
    desk.report("tests", "Finding the cause of the failure", 0.05)
    version = request.version
    failed = Module(request.module, sha256(request.module).hexdigest(), frozenset(version.effects), "", "", 0.0)

    def try_old(test: TestCase) -> TestResult:
        check_contracts([test], desk.contracts_in([test]))
        return run_suite(failed, [test], version.manifest, desk.machine, desk.contracts_in([test])).own[0]

    examiner = Examiner(request, try_old)
    callable_now = contracts_text(desk.contracts(version.manifest.permissions.call))
    brief = "\n\n".join(filter(None, (failure_brief(request), callable_now)))
    with Conversation(desk, "diagnosis", DIAGNOSIS, brief, [SUBMIT_DIAGNOSIS]) as talk:
        diagnosis = talk.obtain(examiner.accept, "tests")
    desk.findings.note("Cause", diagnosis.cause)
    desk.findings.note("The test that shows it", tests_text([diagnosis.test]))
    return diagnosis


def _mended_manifest(request: RepairRequest, diagnosis: Diagnosis) -> Manifest:
    manifest = request.version.manifest
    narrowed = {} if diagnosis.input_schema is None else {"input_schema": diagnosis.input_schema}
    return manifest.model_copy(update={**narrowed, "version": 1, "parent": None, "binary": ""})


def _mend_source(
    desk: Desk,
    request: RepairRequest,
    diagnosis: Diagnosis,
    manifest: Manifest,
    suite: Suite,
    verified_by: Callable[[Module], Verified],
) -> Implemented:
    plan = WorkPlan(manifest, suite.seen, NOTHING, request.version.source, desk.contracts_in(suite.seen))
    callable_now = contracts_text(desk.contracts(manifest.permissions.call))
    brief = _brief(_specification(request, manifest), request, diagnosis, callable_now)
    with desk.timing("implementation"):
        done = implement(desk, plan, brief, verified_by)
    assert isinstance(done, Implemented)  # noqa: S101  # nobody judges revisions here
    return done


def _same_source(
    desk: Desk, request: RepairRequest, manifest: Manifest, verified_by: Callable[[Module], Verified]
) -> Implemented:
    """Return the source as it was, compiled for the narrowed input schema."""
    desk.report("compile", "Compiling the same source for the narrowed input schema", 0.5)
    desk.count_attempt()
    module = compile_module(request.version.source, manifest.permissions, desk.machine)
    verified = verified_by(module)
    if verified.failed:
        raise BuildRefused(
            "verification",
            f"With the narrowed input schema something else goes differently: {'; '.join(verified.failed)}.",
            hint="Repair it with mutate_capability (same id, parent_id the same).",
        )
    return Implemented(request.version.source, module, verified)


def _verify(desk: Desk, request: RepairRequest, manifest: Manifest, suite: Suite, module: Module) -> Verified:
    verified = verify(desk, module, _specification(request, manifest), suite, NOTHING, request.replays)
    again = recurrence(module, request.run, manifest, suite.seen, desk.machine)
    if again is None:
        return verified
    return replace(verified, failed=(*verified.failed, again))


def _specification(request: RepairRequest, manifest: Manifest) -> Specification:
    return Specification(manifest, request.version.effects, ())


def _brief(specification: Specification, request: RepairRequest, diagnosis: Diagnosis, callable_now: str) -> str:
    """Return what the implementation's context begins with: all that is known but the recorded run itself."""
    framed, version = author_prompts.framed, request.version
    return "\n\n".join(
        (
            "A version of a capability failed by its own fault, and you mend it. Change what the cause asks for and "
            "nothing else: everything that went well has to go as before.",
            f"The capability:\n{framed('specification', specification.text())}",
            *([callable_now] if callable_now else []),
            f"Why it failed:\n{framed('cause', diagnosis.cause)}",
            f"The test that shows it:\n{framed('test', tests_text([diagnosis.test]))}",
            f"The tests that pass already, and have to go on passing:\n{framed('tests', tests_text(version.tests))}",
            f"The source to start from, which is written already:\n{framed('src', source_text(version.source))}",
        )
    )


def _result(desk: Desk, manifest: Manifest, suite: Suite, diagnosis: Diagnosis, done: Implemented) -> BuildResult:
    module, verified = done.module, done.verified
    hashes = [author_prompts.prompts_hash(tools_for(desk.machine.web, manifest.language)), diagnosis_hash()]
    authored = Authored(
        manifest=manifest,
        source=done.source,
        tests=suite.seen,
        model=desk.model_name,
        prompts_hash=sha256(json.dumps(hashes).encode()).hexdigest(),
        cause=diagnosis.cause,
    )
    return module.result(verified.tested, verified.replays, {**desk.seconds, "compile": module.seconds}, authored)
