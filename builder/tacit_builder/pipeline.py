"""The stages of a build, from a request to a tested module; the first refusal ends it.

request → compile → imports → permissions → tests. Nothing is kept: the module goes back in the answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from hashlib import sha256

from tacit.building.orders import BuildRequest, Machine
from tacit.building.protocol import BuildResult, Progress
from tacit.errors import BuildRefused, InvalidInput, MemoryExhausted
from tacit.models import Effect, Permissions, TestCase, TestResult
from tacit.plain_text import made_plain
from tacit.sandbox.effects import effects_of
from tacit.sandbox.engine import Sandbox
from tacit.sandbox.grants import missing_for
from tacit.sandbox.verification import run_tests
from tacit.schemas import compile_schema, shorten
from tacit_builder.request import check_request
from tacit_builder.toolchain.compiling import compile_source
from tacit_builder.toolchain.confinement import find_confinement
from tacit_builder.toolchain.installed import find_toolchain
from tacit_builder.toolchain.sdk import find_sdk

MAX_DESCRIBED_FAILURES = 5
MAX_DIFFERENCE = 1000

_EXAMPLES = {
    "http": '"http": ["api.example.com"]',
    "read": '"read": ["reports/*.csv"]',
    "write": '"write": ["reports/*.csv"]',
    "time": '"time": true',
    "call": '"call": ["other_capability"]',
}

Report = Callable[[Progress], None]


def build(request: BuildRequest, machine: Machine, report: Report) -> BuildResult:
    """Return the tested module; raises `BuildRefused` with the stage that refused, or an `OperatorError`."""
    stages = _Stages(report)
    with stages.enter("request", "Checking the request", 0.0):
        check_request(request)
    with stages.enter("compile", "Compiling", 0.05):
        wasm, toolchain = _compile(request, machine)
    with stages.enter("imports", "Reading what it imports", 0.7):
        effects = effects_of(wasm)
    with stages.enter("permissions", "Comparing its effects with its permissions", 0.72):
        check_permissions(effects, request.permissions)
    digest = sha256(wasm).hexdigest()
    with stages.enter("tests", _running(request), 0.75):
        tests, parent_tests = _test(request, machine, digest, wasm)
    return BuildResult(
        wasm=wasm,
        digest=digest,
        effects=tuple(sorted(effects)),
        toolchain=toolchain,
        tests=tests,
        parent_tests=parent_tests,
        seconds=stages.seconds,
    )


def check_permissions(effects: frozenset[Effect], permissions: Permissions) -> None:
    """Raise `BuildRefused("permissions")` unless the manifest asks for what the module's effects need."""
    missing = missing_for(effects, permissions)
    if missing:
        added = ", ".join(_EXAMPLES[field] for field in missing)
        raise BuildRefused(
            "permissions",
            f"The module uses what its permissions do not ask for: {', '.join(missing)}.",
            hint=f"Add to permissions what it needs, such as {added}, or do not call those functions.",
        )


def check_results(tests: Sequence[TestResult]) -> None:
    """Raise `BuildRefused("tests")` with the results unless all passed; only the first failures are described."""
    failed = [test for test in tests if not test.passed]
    if not failed:
        return
    described = {
        id(test): made_plain(shorten(test.difference, MAX_DIFFERENCE)) for test in failed[:MAX_DESCRIBED_FAILURES]
    }
    raise BuildRefused(
        "tests",
        f"{len(failed)} of {len(tests)} tests failed.",
        hint="Mend the source, or the tests where they are wrong, and hand both in again.",
        details={"tests": [test.model_copy(update={"difference": described.get(id(test), "")}) for test in tests]},
    )


def _compile(request: BuildRequest, machine: Machine) -> tuple[bytes, str]:
    """Return the module and the name of the toolchain that made it."""
    settings = machine.settings()
    toolchain = find_toolchain(settings)
    compiled = compile_source(
        toolchain,
        find_sdk(settings, toolchain),
        request.source,
        confinement=find_confinement(settings),
        seconds=machine.build_seconds,
    )
    return compiled.wasm, toolchain.name


def _running(request: BuildRequest) -> str:
    own, parents = len(request.tests), len(request.parent_tests)
    return f"Running {own} test{'s' if own != 1 else ''}" + (f" and {parents} of the version before" if parents else "")


def _test(
    request: BuildRequest, machine: Machine, digest: str, wasm: bytes
) -> tuple[tuple[TestResult, ...], tuple[TestResult, ...]]:
    """Return the results of the version's own tests and of its parent's; all passed."""
    inherited = tuple(test for test in request.parent_tests if test not in request.tests)
    with Sandbox(machine.limits, workers=1) as sandbox:
        try:
            program = sandbox.load(digest, lambda: wasm)
        except MemoryExhausted as error:
            raise BuildRefused("tests", error.message, hint="Make its static tables smaller.") from error

        def run(tests: Sequence[TestCase]) -> tuple[TestResult, ...]:
            return run_tests(sandbox, program, tests, request.permissions, output_schema=request.output_schema)

        own, parents = _apart(request, request.tests, run), _apart(request, inherited, run)
    check_results([*own, *parents])
    return own, parents


def _apart(
    request: BuildRequest, tests: Sequence[TestCase], run: Callable[[Sequence[TestCase]], Sequence[TestResult]]
) -> tuple[TestResult, ...]:
    """Return the results, in order, without running tests of inputs that the server refuses before any run."""
    takes = compile_schema(request.input_schema)
    refused = {id(test) for test in tests if test.expect.error == InvalidInput.code and not takes.is_valid(test.input)}
    ran = iter(run([test for test in tests if id(test) not in refused]))
    return tuple(TestResult(name=test.name, passed=True) if id(test) in refused else next(ran) for test in tests)


class _Stages:
    """Reports each stage as it begins and keeps the seconds that it took."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.seconds: dict[str, float] = {}

    @contextmanager
    def enter(self, stage: str, message: str, fraction: float) -> Generator[None]:
        self._report(Progress(stage=stage, message=message, fraction=fraction))
        started = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - started, 4)
