"""Workbenches for tests: the real compiler and sandbox, and a plan to double a number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tacit.building.orders import Machine, Web
from tacit.config import Settings
from tacit.models import Manifest, TestCase
from tacit_builder.inheritance import Inheritance
from tacit_builder.workbench import Workbench, WorkPlan


@dataclass
class Bench:
    """A workbench, and how often it compiled."""

    tools: Workbench
    compiled: list[int] = field(default_factory=list)

    def __call__(self, tool: str, **arguments: Any) -> str:
        """Call a tool."""
        return self.tools.call(tool, arguments)


MakeBench = Callable[..., Bench]


def case(name: str, given: Any, expect: dict[str, Any]) -> TestCase:
    """Return a test."""
    return TestCase.model_validate({"name": name, "input": given, "expect": expect})


@pytest.fixture
def make_bench() -> MakeBench:
    """Return a factory of workbenches that differ from a plain one by what is given."""

    def make(
        *,
        source: dict[str, str] | None = None,
        tests: tuple[TestCase, ...] = (case("two", 2, {"output": 4}), case("three", 3, {"output": 6})),
        parent_tests: tuple[TestCase, ...] = (),
        web: Web | None = None,
        search: Callable[[str], str] = lambda query: f"nothing for {query}",
        counted: Callable[[], None] = lambda: None,
        manifest: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Bench:
        machine = Machine.of(Settings.load(**settings)).model_copy(update={"web": web or Web()})
        described = Manifest(id="double", summary="Doubles a whole number.", **(manifest or {}))
        compiled: list[int] = []

        def count() -> None:
            counted()
            compiled.append(1)

        plan = WorkPlan(described, tests, Inheritance(parent_tests), source or {})
        return Bench(Workbench(machine, plan, search, count), compiled)

    return make
