"""The fourth step: the tests held out, those of the version before, and its recorded runs, in the sandbox.

What fails is said as the behaviour that it checks. No test and no record leaves this step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tacit.building.orders import Replay
from tacit.models import TestResult
from tacit_builder.author import prompts
from tacit_builder.author.desk import Desk
from tacit_builder.author.specification import Specification
from tacit_builder.author.suite import Suite
from tacit_builder.inheritance import NOTHING, Inheritance
from tacit_builder.pipeline import Module, Tested, run_replays, run_suite


@dataclass(frozen=True, slots=True)
class Verified:
    """How a module did in verification: `failed` says in words what has to be mended, nothing where it is good."""

    failed: tuple[str, ...]
    tested: Tested
    replays: tuple[TestResult, ...]


def verify(
    desk: Desk,
    module: Module,
    specification: Specification,
    suite: Suite,
    inheritance: Inheritance = NOTHING,
    replays: Sequence[Replay] = (),
) -> Verified:
    """Return how the module does in everything that its author was not shown, and in what it was.

    Raises `BuildRefused("tests")` for a module that does not fit into memory.
    """
    told = f"{len(suite.held_out)} tests held out" + (f", {len(replays)} recorded runs" if replays else "")
    desk.report("verification", f"Verifying: {told}", 0.88)
    own = (*suite.seen, *suite.held_out)
    manifest, machine = specification.manifest, desk.machine
    with desk.timing("verification"):
        callees = desk.contracts_in((*own, *inheritance.tests))
        tested = run_suite(module, own, manifest, machine, callees, inheritance)
        repeated: tuple[TestResult, ...] = ()
        if replays:
            repeated = run_replays(module, replays, [test.input for test in own], machine, terms=manifest)
    failed = tuple(dict.fromkeys(_failed(suite, tested.own, tested.inherited, repeated)))
    return Verified(failed, tested, repeated)


def _failed(
    suite: Suite, tests: Sequence[TestResult], parents: Sequence[TestResult], replays: Sequence[TestResult]
) -> Iterator[str]:
    for result in tests:
        if not result.passed:
            yield suite.behaviours.get(result.name, f"the test {result.name!r}, which is seen")
    if not all(result.passed for result in parents):
        yield prompts.PARENT_TESTS_FAILED
    if not all(result.passed for result in replays):
        yield prompts.REPLAYS_FAILED
