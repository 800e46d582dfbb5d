"""Versions as a lineage sees them, made up."""

from __future__ import annotations

from typing import Any

from tacit.lineage import Lineage, Member
from tacit.models import Effect, Manifest, Permissions, Status, TestCase


def member(
    name: str,
    parent: str | None = None,
    *,
    at: int = 0,
    source: str | dict[str, str] = "fn main() {}\n",
    effects: tuple[Effect, ...] = (),
    permissions: Permissions | None = None,
    tests: tuple[TestCase, ...] = (),
    input_schema: dict[str, Any] | None = None,
    **changes: Any,
) -> Member:
    """Return the version that `name` (`id@number`) says, made `at` that many minutes after the epoch."""
    capability, number = name.split("@")
    manifest = Manifest(
        id=capability,
        summary=changes.pop("summary", "Says hello to whoever asks."),
        permissions=permissions or Permissions(),
        input_schema=input_schema or {},
    )
    given = {"status": Status.ACTIVE, "offered": False, "author": "caller", **changes}
    return Member(
        id=capability,
        version=int(number),
        parent=parent,
        created=at * 60_000,
        effects=frozenset(effects),
        manifest=manifest,
        source={"main.rs": source} if isinstance(source, str) else source,
        tests=tests,
        **given,
    )


def case(name: str, output: Any = 1) -> TestCase:
    """Return a test that expects an output."""
    return TestCase.model_validate({"name": name, "expect": {"output": output}})


def names(lineage: Lineage) -> list[str]:
    """Return the versions in the order of the drawing, indented by their depth."""
    return [f"{' ' * place.depth}{place.member.name}" for place in lineage.places]
