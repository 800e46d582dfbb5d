"""What callers in Python hand to a runtime, and what they get: values, states, and nothing of Python's own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

import tacit.programs
from tacit.errors import InvalidArgument, ValueTooLarge, WrongType
from tacit.programs import AbstractionLayer, MiniRuntime, Reference, RuntimeSnapshot
from tacit.programs.machine import MAX_OBSERVATIONS, MAX_OBSERVED, MAX_STACK
from tacit.programs.sizes import MAX_WEIGHT
from tacit.programs.values import shown

NO_VALUES: list[Any] = [
    object(),
    (1,),
    {1: 2},
    {"a": [{1}]},
    math.nan,
    [math.inf],
    b"x",
    10**5000,
    "\ud800",
    Reference("\udfff"),
]
SEEN = {"address": 0, "name": "x", "value": 1}


def runtime(source: str) -> MiniRuntime:
    """Return a runtime with a compiled source."""
    made = MiniRuntime("test")
    made.compile(source)
    return made


def nested(depth: int) -> list[Any]:
    """Return a list within lists."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


class Items(list[Any]):
    """A list of the caller's own class."""


def own(depth: int) -> list[Any]:
    """Return such a list within such lists."""
    value = Items()
    for _ in range(depth):
        value = Items([value])
    return value


def doubled(times: int) -> list[Any]:
    """Return a list that holds itself twice within itself: small in memory, endless when written."""
    value: list[Any] = []
    for _ in range(times):
        value = [value, value]
    return value


def test_what_a_registered_function_gives_has_to_be_a_value() -> None:
    """Else the call fails, in words, as one of a built-in does; so does what JSON cannot hold."""
    for given in NO_VALUES:
        made = runtime("call read 0")
        made.register_builtin("read", lambda _, given=given: given)
        with pytest.raises(WrongType, match="read gave"):
            made.execute()
    made = runtime("call read 0")
    made.register_builtin("read", lambda _: nested(100_000))
    with pytest.raises(ValueTooLarge):
        made.execute()


@pytest.mark.parametrize("value", NO_VALUES, ids=lambda each: type(each).__name__)
def test_what_is_no_value_is_not_taken(value: Any) -> None:
    """As input or argument, whatever of it cannot be written as JSON; a map like a reference is one."""
    with pytest.raises(InvalidArgument):
        MiniRuntime("test", given=value)
    with pytest.raises(InvalidArgument):
        MiniRuntime("test").call("type", [value])
    with pytest.raises(InvalidArgument):
        MiniRuntime("test").give(value)


def test_a_map_in_the_form_of_a_reference_is_one() -> None:
    """Whoever hands it in: JSON has no other form for it."""
    assert MiniRuntime("test").call("type", [{"$reference": "x"}]) == "reference"


@pytest.mark.parametrize("value", [nested(1_000_000), doubled(90), own(10_000)], ids=["deep", "shared", "own"])
def test_values_that_do_not_end_are_not_taken(value: Any) -> None:
    """Nor looked at for long."""
    with pytest.raises(ValueTooLarge):
        MiniRuntime("test", given=value)
    with pytest.raises(ValueTooLarge):
        MiniRuntime("test").call("type", [value])


def test_values_that_are_shown_or_handed_out_are_copies() -> None:
    """Whoever changes one changes nothing in the runtime, nor in its program."""

    def changed(given: list[Any]) -> Any:
        given[0].append(2)

    made = runtime("push [1]\nstore x\nload x\nload x\ncall change 1\npop")
    made.register_builtin("change", changed)
    made.execute()
    shown: Any = (made.stack[0], made.memory["x"])
    for each in shown:
        each.append(3)
    assert made.execute().output == [1]


Change = Callable[[dict[str, Any]], object]
BROKEN: dict[str, Change] = {
    "another program": lambda data: data.update(program="0" * 64),
    "a counter past the end": lambda data: data.update(counter=99),
    "a negative counter": lambda data: data.update(counter=-1),
    "more energy than the budget": lambda data: data.update(energy_used=10**9),
    "more energy than a float holds": lambda data: data.update(energy_used=10**400),
    "negative energy": lambda data: data.update(energy_used=-1),
    "an unknown level": lambda data: data.update(compilation_level=9),
    "a negative count": lambda data: data.update(executed=-1),
    "more on the stack than it takes": lambda data: data.update(stack=[1] * (MAX_STACK + 1)),
    "more than it can hold": lambda data: data.update(stack=["a" * (MAX_WEIGHT // 2)] * 2),
    "a vast variable": lambda data: data.update(memory={"x": "a" * MAX_WEIGHT}),
    "more observations than it keeps": lambda data: data.update(observations=[SEEN] * (MAX_OBSERVATIONS + 1)),
    "observations that are too large": lambda data: data.update(observations=[SEEN | {"value": "a" * MAX_OBSERVED}]),
    "an end that is not marked": lambda data: data.update(counter=2, done=False),
}


@pytest.mark.parametrize("what", sorted(BROKEN))
def test_a_state_that_cannot_be_is_refused(what: str) -> None:
    """A runtime never gets into a state that no execution leads to, and stays as it was."""
    made = runtime("push 1\npop")
    data = json.loads(made.save_state().model_dump_json())
    BROKEN[what](data)
    with pytest.raises(InvalidArgument):
        made.load_state(RuntimeSnapshot.model_validate(data))
    assert made.execute().success


def test_a_state_with_what_is_no_value_is_refused() -> None:
    """NaN, endless nesting, what is shared without end, and what cannot be written."""
    made = runtime("push 1")
    for value in (math.nan, nested(200), nested(100_000), doubled(90), "\ud800", 10**5000, object()):
        with pytest.raises(InvalidArgument):
            made.load_state(made.save_state().model_copy(update={"memory": {"x": value}}))


@pytest.mark.parametrize("tokens", [-1, -(10**5000), True, 1.5, math.nan, "5", None, []], ids=shown)
def test_what_is_no_number_of_tokens_is_not_saved(tokens: Any) -> None:
    """And what was saved before stays."""
    layer = AbstractionLayer()
    layer.add_savings(10**30)
    with pytest.raises(InvalidArgument, match="tokens"):
        layer.add_savings(tokens)
    assert layer.tokens_saved() == 10**30


@pytest.mark.parametrize(
    "data",
    [None, 5, [], {}, {"layers": []}, {"layers": "x"}, {"layers": [{"description": "a", "tokens_saved": -5}]}],
    ids=repr,
)
def test_what_are_no_levels_are_not_taken_up(data: Any) -> None:
    """Whatever of them is missing, or of another type, or below zero."""
    with pytest.raises(InvalidArgument):
        AbstractionLayer.from_json(data)
    with pytest.raises(InvalidArgument):
        AbstractionLayer().promote(data)


def test_the_package_offers_what_it_names() -> None:
    """Each once, in order."""
    assert sorted(set(tacit.programs.__all__)) == tacit.programs.__all__
    assert all(hasattr(tacit.programs, name) for name in tacit.programs.__all__)
