"""Compiling and testing what an author has written so far: each source at most once, the results in few words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from tacit.building.orders import Machine
from tacit.errors import BuildRefused
from tacit.models import Contract, Manifest, TestCase, TestResult
from tacit_builder.inheritance import NOTHING, Inheritance
from tacit_builder.pipeline import Module, compile_module, compile_program, described, run_suite
from tacit_builder.request import check_source


@dataclass(frozen=True, slots=True)
class WorkPlan:
    """What is to be implemented: the specification, the tests that the author sees, and the source to start from.

    `callees` are the contracts of those whose answers the tests give.
    """

    manifest: Manifest
    tests: tuple[TestCase, ...]
    inheritance: Inheritance = NOTHING
    source: Mapping[str, str] = field(default_factory=dict[str, str])
    callees: Mapping[str, Contract] = field(default_factory=dict[str, Contract])


@dataclass(slots=True)
class _Trial:
    """What is known of one source: its module or why there is none, and how its tests went."""

    key: str
    module: Module | None = None
    refusal: BuildRefused | None = None
    results: tuple[TestResult, ...] = ()

    @property
    def passed(self) -> bool:
        return bool(self.results) and all(result.passed for result in self.results)


class Trials:
    """Builds and tests sources for one plan; remembers the last one."""

    def __init__(self, machine: Machine, plan: WorkPlan, counted: Callable[[], None]) -> None:
        self._machine = machine
        self._plan = plan
        self._counted = counted
        self._last = _Trial("")

    def build(self, source: Mapping[str, str]) -> str:
        """Compile, and return what came of it; `counted` may raise before a compilation."""
        trial = self._compiled(source)
        if trial.refusal is not None:
            return _told(trial.refusal)
        effects = sorted(trial.module.effects) if trial.module else []
        return f"It compiles. Its effects: {', '.join(effects) or 'none, it is pure'}."

    def test(self, source: Mapping[str, str]) -> str:
        """Compile if needed, run all tests, and return which passed and how the others differ."""
        trial = self._compiled(source)
        if trial.refusal is None and trial.module is not None and not trial.results:
            try:
                plan = self._plan
                tested = run_suite(
                    trial.module, plan.tests, plan.manifest, self._machine, plan.callees, plan.inheritance
                )
                trial.results = (*tested.own, *tested.inherited)
            except BuildRefused as refused:
                trial.refusal = refused
        return _told(trial.refusal) if trial.refusal is not None else _report(trial.results)

    def passed(self, source: Mapping[str, str]) -> Module | None:
        """Return the module of this very source if its tests were run and passed."""
        trial = self._last
        return trial.module if trial.key == _key(source) and trial.passed else None

    def _compiled(self, source: Mapping[str, str]) -> _Trial:
        key = _key(source)
        if key != self._last.key:
            trial = _Trial(key)
            try:
                check_source(source, self._plan.manifest.language)
                self._counted()
                trial.module = self._compile(source)
            except BuildRefused as refused:
                if refused.stage == "budget":
                    raise
                trial.refusal = refused
            self._last = trial
        return self._last

    def _compile(self, source: Mapping[str, str]) -> Module:
        manifest = self._plan.manifest
        if manifest.language == "program":
            return compile_program(source, manifest.permissions)
        return compile_module(source, manifest.permissions, self._machine)


def _key(source: Mapping[str, str]) -> str:
    return sha256(json.dumps(sorted(source.items())).encode()).hexdigest()


def _told(refused: BuildRefused) -> str:
    parts = [f"Refused at the stage {refused.stage}: {refused.message}", str(refused.details.get("diagnostics", ""))]
    if refused.stage == "permissions":
        parts.append("The permissions are those of the specification; do without what they do not ask for.")
    elif refused.stage != "compile":
        parts.append(refused.hint)
    return "\n".join(part for part in parts if part)


def _report(results: Sequence[TestResult]) -> str:
    failed = sum(not result.passed for result in results)
    lines = [f"All {len(results)} tests passed." if not failed else f"{failed} of {len(results)} tests failed."]
    for result in described(results):
        lines.append(f"{'passed' if result.passed else 'FAILED'}: {result.name}")
        lines += [f"  {line}" for line in result.difference.splitlines()]
    return "\n".join(lines)
