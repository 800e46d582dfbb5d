"""The stages of a build, from a request to a tested module; the first refusal ends it.

request → compile → imports → permissions → tests → verification. Nothing is kept: the module goes back in the answer.
Each stage can be used by itself, as authors in this process do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tacit.building.orders import BuildRequest, Machine, Replay
from tacit.building.protocol import Authored, BuildResult, Progress
from tacit.errors import BuildRefused, InvalidInput, MemoryExhausted
from tacit.models import Contract, Effect, Language, Permissions, TestCase, TestResult
from tacit.plain_text import made_plain
from tacit.programs.callees import called, check_calls, compile_checked, source_in
from tacit.sandbox.effects import effects_of
from tacit.sandbox.engine import Guest, Sandbox
from tacit.sandbox.grants import missing_for
from tacit.sandbox.verification import Tried, run_tests
from tacit.schemas.validator import compile_schema, shorten
from tacit_builder.contracts import broken_contracts, unheeded_callees
from tacit_builder.inheritance import NOTHING, Inheritance
from tacit_builder.replaying import Terms, compare_runs
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


@dataclass(frozen=True, slots=True)
class Module:
    """A module that compiled and whose effects its permissions cover; `digest` is its SHA-256 in hex.

    That of a program is its source, as UTF-8. `toolchain` names the compiler, `sdk` is the fingerprint of the guest
    SDK, both empty for programs; `seconds` is what compiling took.
    """

    wasm: bytes
    digest: str
    effects: frozenset[Effect]
    toolchain: str
    sdk: str
    seconds: float
    language: Language = "rust"

    def result(
        self,
        tested: Tested,
        replays: tuple[TestResult, ...],
        seconds: dict[str, float],
        authored: Authored | None = None,
    ) -> BuildResult:
        """Return what a build that made this module answers; `seconds` are those of its stages."""
        return BuildResult(
            wasm=self.wasm,
            digest=self.digest,
            effects=tuple(sorted(self.effects)),
            toolchain=self.toolchain,
            tests=tested.own,
            parent_tests=tested.inherited,
            held_to=tested.held_to,
            unheeded=tested.unheeded,
            replays=replays,
            sdk=self.sdk,
            seconds=seconds,
            authored=authored,
        )


@dataclass(frozen=True, slots=True)
class Tested:
    """How a suite went: the version's own tests, and those of the version before that it was tried with.

    `held_to` are the places, among all tests of the version before, of those that it is held to from now on; `unheeded`
    the callees that no test of all asks for more than to be called, whatever with.
    """

    own: tuple[TestResult, ...]
    inherited: tuple[TestResult, ...] = ()
    held_to: tuple[int, ...] = ()
    unheeded: tuple[str, ...] = ()


class Stages:
    """Reports each stage as it begins and keeps the seconds that it took."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self.seconds: dict[str, float] = {}

    @contextmanager
    def enter(self, stage: str, message: str, fraction: float) -> Generator[None]:
        """Be in a stage; `fraction` says how far the build is when it begins."""
        self._report(Progress(stage=stage, message=message, fraction=fraction))
        started = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - started, 4)


def build(request: BuildRequest, machine: Machine, report: Report) -> BuildResult:
    """Return the tested module; raises `BuildRefused` with the stage that refused, or an `OperatorError`."""
    stages = Stages(report)
    with stages.enter("request", "Checking the request", 0.0):
        check_request(request)
    if request.language == "program":
        module = compile_program(request.source, request.permissions, stages)
    else:
        module = compile_module(request.source, request.permissions, machine, stages)
    inheritance = Inheritance(request.parent_tests, request.parent_permissions)
    with stages.enter("tests", _running(request), 0.75):
        tested = run_suite(module, request.tests, request, machine, request.callees, inheritance)
        check_results((*tested.own, *tested.inherited))
    replays: tuple[TestResult, ...] = ()
    if request.replays:
        with stages.enter("verification", "Repeating recorded runs of the version before", 0.9):
            asserted = [test.input for test in request.tests]
            replays = run_replays(module, request.replays, asserted, machine, terms=request)
            if not request.accepts_differences:
                check_replays(replays)
    return module.result(tested, replays, stages.seconds)


def compile_module(
    source: Mapping[str, str], permissions: Permissions, machine: Machine, stages: Stages | None = None
) -> Module:
    """Return the module of a source; raises `BuildRefused` at `request`, `compile`, `imports` or `permissions`.

    An `OperatorError` says that there is no toolchain, SDK or confinement, or that the compiler could not run.
    """
    stages = stages or Stages(lambda _: None)
    settings = machine.settings()
    with stages.enter("compile", "Compiling", 0.05):
        toolchain = find_toolchain(settings)
        sdk = find_sdk(settings, toolchain)
        confinement = find_confinement(settings)
        compiled = compile_source(toolchain, sdk, source, confinement=confinement, seconds=machine.build_seconds)
    with stages.enter("imports", "Reading what it imports", 0.7):
        effects = effects_of(compiled.wasm)
    with stages.enter("permissions", "Comparing its effects with its permissions", 0.72):
        check_permissions(effects, permissions)
    digest = sha256(compiled.wasm).hexdigest()
    return Module(compiled.wasm, digest, effects, toolchain.name, sdk.fingerprint, compiled.seconds)


def compile_program(source: Mapping[str, str], permissions: Permissions, stages: Stages | None = None) -> Module:
    """Return the module of a program; raises `BuildRefused` at `request`, `compile` or `permissions`.

    Of its effects only that it calls is known here; what its callees do is for the catalog to say.
    """
    stages = stages or Stages(lambda _: None)
    text = source_in(source)
    started = time.perf_counter()
    with stages.enter("compile", "Compiling", 0.05):
        program = compile_checked(text)
    seconds = time.perf_counter() - started
    with stages.enter("permissions", "Comparing its calls with its permissions", 0.1):
        check_calls(program, permissions)
    effects = frozenset({Effect.CALLS} if called(program) else ())
    wasm = text.encode()
    return Module(wasm, sha256(wasm).hexdigest(), effects, "", "", seconds, "program")


def run_suite(
    module: Module,
    tests: Sequence[TestCase],
    terms: Terms,
    machine: Machine,
    callees: Mapping[str, Contract],
    inheritance: Inheritance = NOTHING,
) -> Tested:
    """Return how each test went, in order; `terms` are the manifest, or what else has its schemas and permissions.

    Not run, and passed, are tests of inputs that the server refuses before any run, and those whose callees have
    other contracts by now. Raises `BuildRefused("tests")` for a module that does not fit into memory.
    """
    earlier = inheritance.held(tests)
    every = (*tests, *earlier.values())
    known = _known_unrun(every, terms, callees)
    with _loaded(module, machine) as (sandbox, guest):
        some = [test for place, test in enumerate(every) if place not in known]

        def run(suite: Sequence[TestCase]) -> Iterator[Tried]:
            gives, permissions = terms.output_schema, terms.permissions
            return iter(run_tests(sandbox, guest, suite, permissions, output_schema=gives, callees=callees))

        ran = run(some)
        tried = [known[place] if place in known else next(ran) for place in range(len(every))]
        inherited = [*zip(earlier.values(), tried[len(tests) :], strict=True)]
        richer = [inheritance.enriched(test, each, tests) for test, each in inherited]
        ran = run([test for test in richer if test is not None])
        again = [None if test is None else next(ran) for test in richer]
    judged = [inheritance.judge(each, more, tests) for (_, each), more in zip(inherited, again, strict=True)]
    return Tested(
        tuple(each.result for each in tried[: len(tests)]),
        tuple(result for result, _ in judged),
        tuple(place for place, (_, held) in zip(earlier, judged, strict=True) if held),
        unheeded_callees(every, tried),
    )


def _known_unrun(tests: Sequence[TestCase], terms: Terms, callees: Mapping[str, Contract]) -> dict[int, Tried]:
    """Return, by its place, how each test went that is not run."""
    takes = compile_schema(terms.input_schema)
    known: dict[int, Tried] = {}
    for place, test in enumerate(tests):
        if test.expect.error == InvalidInput.code and not takes.is_valid(test.input):
            known[place] = Tried(TestResult(name=test.name, passed=True))
        elif outdated := broken_contracts(test, callees):
            known[place] = Tried(TestResult(name=test.name, passed=True, difference=_outdated(outdated)))
    return known


def run_replays(
    module: Module, replays: Sequence[Replay], asserted_inputs: Sequence[Any], machine: Machine, *, terms: Terms
) -> tuple[TestResult, ...]:
    """Return how each recorded run of the version before goes on the module.

    A run whose input is among `asserted_inputs`, those of the new version's own tests, may go differently.
    """
    with _loaded(module, machine) as (sandbox, guest):
        return compare_runs(sandbox, guest, replays, asserted_inputs, terms)


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
    raise BuildRefused(
        "tests",
        f"{len(failed)} of {len(tests)} tests failed.",
        hint="Mend the source, or the tests where they are wrong, and hand both in again.",
        details={"tests": described(tests)},
    )


def check_replays(results: Sequence[TestResult]) -> None:
    """Raise `BuildRefused("verification")` with the results unless every recorded run goes as it went."""
    failed = [result for result in results if not result.passed]
    if failed:
        raise BuildRefused(
            "verification",
            f"{len(failed)} of {len(results)} recorded runs of the version before go differently now.",
            hint="A new version of an id keeps its behaviour. To change it on purpose, add a test with that input and "
            "its new output, set force: true, or choose another id.",
            details={"tests": described(results)},
        )


def described(tests: Sequence[TestResult]) -> list[TestResult]:
    """Return the results with the differences of the first failures, cut and made plain, and no others."""
    failed = [test for test in tests if not test.passed][:MAX_DESCRIBED_FAILURES]
    kept = {id(test): made_plain(shorten(test.difference, MAX_DIFFERENCE)) for test in failed}
    return [test.model_copy(update={"difference": kept.get(id(test), "")}) for test in tests]


def _running(request: BuildRequest) -> str:
    own, parents = len(request.tests), len(request.parent_tests)
    return f"Running {own} test{'s' if own != 1 else ''}" + (f" and {parents} of the version before" if parents else "")


def _outdated(broken: Sequence[str]) -> str:
    return (
        f"Not run: its callees take and answer something else by now. {made_plain(shorten(broken[0], MAX_DIFFERENCE))}"
    )


@contextmanager
def _loaded(module: Module, machine: Machine) -> Generator[tuple[Sandbox, Guest]]:
    with Sandbox(machine.limits, workers=1) as sandbox:
        try:
            guest = sandbox.load(module.digest, lambda: module.wasm, language=module.language)
        except MemoryExhausted as error:
            raise BuildRefused("tests", error.message, hint="Make its static tables smaller.") from error
        yield sandbox, guest
