"""The page of policies says what the policies are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import annotated_types
import pytest

from tacit.learning.policies import POLICIES, Policy

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def rows(name: str) -> dict[str, tuple[str, ...]]:
    """Return the default and the bounds of each field, as the page has them."""
    found = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|", SECTIONS[name], re.MULTILINE)
    return {field: (default, lowest, highest) for field, default, lowest, highest in found}


def facts(model: type[Policy]) -> dict[str, tuple[str, ...]]:
    """Return the same of the code."""
    return {
        name: (
            f"{field.default:g}" if isinstance(field.default, float) else str(field.default),
            *bounds(field.metadata),
        )
        for name, field in model.model_fields.items()
    }


def bounds(metadata: list[Any]) -> tuple[str, str]:
    """Return the lowest and the highest value of a field."""
    lowest = highest = ""
    for each in metadata:
        if isinstance(each, annotated_types.Ge):
            lowest = str(each.ge)
        elif isinstance(each, annotated_types.Gt):
            lowest = f"{each.gt}, excluded"
        elif isinstance(each, annotated_types.Le):
            highest = str(each.le)
    return lowest, highest


def test_every_policy_has_a_section_and_nothing_else() -> None:
    """The page's headings are the policies' names."""
    assert set(SECTIONS) == set(POLICIES)


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_fields_defaults_and_bounds_are_true(name: str) -> None:
    """The rows of a section are the fields of the policy, each with its default and its bounds."""
    assert rows(name) == facts(POLICIES[name])


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_every_field_is_bounded(name: str) -> None:
    """There is a lowest and a highest value of each."""
    assert all(lowest and highest for _, lowest, highest in facts(POLICIES[name]).values())
