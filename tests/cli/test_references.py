"""Arguments such as `ID@3`."""

from __future__ import annotations

import pytest

from tacit.cli.references import only_id, reference
from tacit.errors import InvalidArgument


def test_an_id_is_the_offered_version() -> None:
    """Or the one that --version says."""
    assert reference("pay") == ("pay", None)
    assert reference("pay", 3) == ("pay", 3)


def test_an_id_with_a_number_is_that_version() -> None:
    """Also where --version says the same."""
    assert reference("pay@3") == reference("pay@3", 3) == ("pay", 3)


@pytest.mark.parametrize("number", ["", "0", "00", "x", "-1", "+1", "1.0", "1e3", "٣", "²", "1 ", "3@4", "9" * 5000])
def test_what_is_no_number_names_no_version(number: str) -> None:
    """The message quotes the argument, the hint says the form."""
    with pytest.raises(InvalidArgument, match="names no version") as raised:
        reference(f"pay@{number}")
    assert "pay@3" in raised.value.hint
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("text", ["", "@", "@3"])
def test_a_version_of_nothing_is_refused(text: str) -> None:
    """There is no id."""
    with pytest.raises(InvalidArgument, match="id"):
        reference(text)


def test_two_different_versions_are_refused() -> None:
    """Neither wins silently."""
    with pytest.raises(InvalidArgument, match="different versions"):
        reference("pay@3", 4)


def test_a_version_is_refused_where_a_capability_is_meant() -> None:
    """And the other way round is said."""
    assert only_id("pay") == "pay"
    with pytest.raises(InvalidArgument, match="pay@3 is a version"):
        only_id("pay@3")
