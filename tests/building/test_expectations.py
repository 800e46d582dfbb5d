"""What a test expects, as authors write it and as it is kept."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tacit.models import Expectation


@pytest.mark.parametrize("given", [{"output": None}, {"output": 1}, {"output_matches": {}}, {"error": "x"}])
@pytest.mark.parametrize("options", [{}, {"exclude_unset": True}, {"exclude_defaults": True}])
def test_expectation_reads_back_as_it_was_written(given: dict[str, Any], options: dict[str, Any]) -> None:
    """An expected null is not lost, and nothing that was not named appears."""
    assert Expectation.model_validate(given).model_dump(**options) == given


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"output": 1, "output_matches": None, "error": None}, {"output": 1}),
        ({"output": None, "output_matches": None, "error": "x"}, {"error": "x"}),
        ({"output": None, "output_matches": {"type": "null"}, "error": None}, {"output_matches": {"type": "null"}}),
        ({"output": None, "output_matches": None, "error": None}, {"output": None}),
    ],
)
def test_nulls_for_what_is_left_out_are_understood(given: dict[str, Any], meant: dict[str, Any]) -> None:
    """Models that fill every optional field with null are not sent away."""
    assert Expectation.model_validate(given) == Expectation.model_validate(meant)


@pytest.mark.parametrize("given", [{}, {"files": {}}, {"output": 1, "error": "x"}, {"output": 1, "output_matches": {}}])
def test_none_or_two_assertions_are_refused(given: dict[str, Any]) -> None:
    """A test asserts exactly one thing about how its run ends."""
    with pytest.raises(ValidationError, match="exactly one"):
        Expectation.model_validate(given)
