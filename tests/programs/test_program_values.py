"""Values: truth, types, equality, references, JSON and sizes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tacit.errors import ValueTooLarge
from tacit.programs.sizes import MAX_WEIGHT, joined, list_of, map_of, sized
from tacit.programs.values import (
    MAX_DEPTH,
    Reference,
    as_number,
    as_text,
    depth_of,
    equal,
    from_json,
    is_truthy,
    to_json,
    type_name,
)

TRUTHY: list[Any] = [1, -0.5, "a", True, [0], {"a": None}, Reference("x")]
FALSY: list[Any] = [0, 0.0, -0.0, math.nan, "", False, None, [], {}, Reference("")]


@pytest.mark.parametrize("value", TRUTHY, ids=repr)
def test_what_is_there_is_truthy(value: Any) -> None:
    """Numbers but 0, and what is not empty, hold as conditions."""
    assert is_truthy(value)


@pytest.mark.parametrize("value", FALSY, ids=repr)
def test_what_is_empty_is_not(value: Any) -> None:
    """Null, false, 0, NaN and what is empty do not."""
    assert not is_truthy(value)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1, "number"),
        (1.5, "number"),
        ("a", "text"),
        (True, "bool"),
        ([], "list"),
        ({}, "map"),
        (None, "null"),
        (Reference("a"), "reference"),
    ],
    ids=repr,
)
def test_each_type_has_a_name(value: Any, name: str) -> None:
    """A bool is no number, a reference no text."""
    assert type_name(value) == name


def test_what_is_no_value_has_no_type() -> None:
    """Other Python objects are no values."""
    with pytest.raises(TypeError):
        type_name(object())  # pyright: ignore[reportArgumentType]


def test_accessors_give_only_their_type() -> None:
    """A number as number, a text or a reference's name as text, else None."""
    assert (as_number(2.5), as_number(True), as_number("2")) == (2.5, None, None)
    assert (as_text("a"), as_text(Reference("b")), as_text(1)) == ("a", "b", None)


def test_equality_is_by_value_and_type() -> None:
    """1 is 1.0, never true; maps in any order; references by name; containers all the way down."""
    assert equal({"a": [1, {"b": 2.0}], "c": None}, {"c": None, "a": [1.0, {"b": 2}]})
    assert equal(Reference("a"), Reference("a"))
    different: list[tuple[Any, Any]] = [
        (1, True),
        (0, False),
        ("a", Reference("a")),
        ([1], [1, 1]),
        ([True], [1]),
        ({"a": 1}, {"b": 1}),
        (None, False),
    ]
    assert not any(equal(one, other) for one, other in different)


@pytest.mark.parametrize("value", [*TRUTHY, None, "", [], {"deep": [[{"r": Reference("x")}]]}], ids=repr)
def test_values_survive_json(value: Any) -> None:
    """What is written as JSON is read back as the same value."""
    assert equal(from_json(to_json(value)), value)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, {1: 2}, object(), {"a": [math.nan]}],
    ids=["nan", "inf", "number as name", "object", "nan within"],
)
def test_what_is_no_json_is_no_value(value: Any) -> None:
    """NaN, infinities, names that are no text and other objects are refused."""
    with pytest.raises(ValueError, match="no"):
        from_json(value)


def nested(depth: int) -> list[Any]:
    """Return a list within lists."""
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_depth_is_bounded_without_recursion() -> None:
    """A million lists within each other are refused, and not by Python's recursion limit."""
    assert depth_of(nested(MAX_DEPTH)) == MAX_DEPTH
    with pytest.raises(ValueError, match="deeper"):
        from_json(nested(1_000_000))
    with pytest.raises(ValueTooLarge):
        sized(nested(1_000_000))


def test_vast_whole_numbers_weigh_more_than_their_digits() -> None:
    """Writing one takes time by the square of its length: as texts, so many would be far within the limit."""
    assert sized(["9" * 4_000] * 700).weight < MAX_WEIGHT
    with pytest.raises(ValueTooLarge):
        sized([10**3999] * 700)


def test_weights_grow_with_what_values_hold() -> None:
    """A container weighs its parts and itself; one that shares its parts weighs what its JSON would."""
    one = sized("x" * 1000)
    assert list_of([one, one]).weight == 2 * one.weight + 64
    assert sized([one.value, one.value]).weight == 2 * one.weight + 64


def test_doubling_a_value_ends() -> None:
    """Values that share their parts cannot grow without end."""
    text = "x" * (MAX_WEIGHT // 3)
    one = list_of([sized(text)])
    two = joined([text, text], one, one)
    with pytest.raises(ValueTooLarge):
        joined([text] * 4, two, two)


def test_what_is_put_together_is_measured_exactly() -> None:
    """As it would be if every part was looked at again: a snapshot, which does, changes nothing."""
    one, other = sized([1, "ab", [[]]]), sized([{"a": None}])
    both: list[Any] = [1, "ab", [[]], {"a": None}]
    assert joined(both, one, other) == sized(both)
    assert list_of([one, other]) == sized([[1, "ab", [[]]], [{"a": None}]])
    assert map_of({"é": one, "b": other}) == sized({"é": [1, "ab", [[]]], "b": [{"a": None}]})
