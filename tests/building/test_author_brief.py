"""The brief that an author gets."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tacit.building import for_program, make_brief
from tacit.building.brief import CRATES, EXAMPLE_CALL, GUEST_API, PROGRAM_TESTS_FORM, TESTS_FORM
from tacit.config import Limits
from tacit.models import Expectation, MutateRequest, Permissions, TestCase

ROOT = Path(__file__).parents[2]


def test_brief_is_short() -> None:
    """A model reads it whole: below 6 KB without a nearest capability."""
    assert len(make_brief("convert currencies", None, Limits()).model_dump_json().encode()) < 6000


def test_the_brief_for_programs_is_short() -> None:
    """The language and the form of its tests take under 1,500 tokens of four bytes each."""
    brief = for_program(make_brief("pay of a team", None, Limits()))
    assert len(f"{brief.guest_api}{brief.tests_form}".encode()) / 4 < 1500


@pytest.mark.parametrize("field", ["input", "expect", "calls", "exchanges", "output", "output_matches", "error"])
def test_the_brief_for_programs_explains_what_tests_of_programs_have(field: str) -> None:
    """A program reaches nothing but what it calls, so files, URLs and the clock are left out."""
    assert f'"{field}"' in PROGRAM_TESTS_FORM


def test_brief_carries_the_nearest_capability_and_the_limits() -> None:
    """What the service found and what the operator set are in it."""
    nearest: dict[str, Any] = {"id": "parent", "source": {"main.rs": "fn main() {}"}}
    brief = make_brief("a task", nearest, Limits(energy=7))
    assert (brief.task, brief.nearest, brief.limits["energy"]) == ("a task", nearest, 7)


def test_example_call_is_a_valid_request() -> None:
    """The example's arguments are those of mutate_capability."""
    assert MutateRequest.model_validate(EXAMPLE_CALL).id == "count_lines_with"


def test_named_crates_are_those_of_the_sdk() -> None:
    """No crate is promised that is not linked, and none is linked unsaid."""
    manifest = tomllib.loads((ROOT / "builder" / "sdk" / "Cargo.toml").read_text())
    linked = {name.replace("-", "_") for name in manifest["dependencies"]}
    assert set(CRATES) == linked - {"capability_common"}


@pytest.mark.parametrize("field", sorted(set(TestCase.model_fields) | set(Expectation.model_fields)))
def test_every_field_of_a_test_is_explained(field: str) -> None:
    """The form of tests names all that a test may have."""
    assert f'"{field}"' in TESTS_FORM


@pytest.mark.parametrize("field", sorted(Permissions.model_fields))
def test_every_permission_is_explained(field: str) -> None:
    """The guest's API says which permission each function needs."""
    assert f'"{field}"' in GUEST_API


def test_every_host_function_is_explained() -> None:
    """The guest's API names each function that capability_common offers to reach the world."""
    offered = (ROOT / "capabilities" / "common" / "src" / "host.rs").read_text()
    names = re.findall(r"^pub fn (\w+)", offered, re.MULTILINE)
    assert len(names) > 5
    assert [name for name in names if name not in GUEST_API] == []
