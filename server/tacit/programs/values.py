"""The values of programs: JSON's own, and references to what is elsewhere.

A value is a number, text, bool, list, map (a dict with text keys), null (None) or a `Reference`. Python's own types
are used, so values cost nothing to convert; what Python confuses (true and 1) is kept apart here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

REFERENCE_KEY = "$reference"
"""How a reference is written in JSON: `{"$reference": "name"}`."""

MAX_DEPTH = 100
"""How deep lists and maps may nest; a program cannot build deeper ones."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The name of something that is not here, such as a task that was handed to another agent."""

    name: str


Value = None | bool | int | float | str | list[Any] | dict[str, Any] | Reference


def type_name(value: object) -> str:
    """Return `null`, `bool`, `number`, `text`, `list`, `map` or `reference`; raises TypeError for what is no value."""
    if value is None:
        return "null"
    for kind, name in (
        (bool, "bool"),
        ((int, float), "number"),
        (str, "text"),
        (list, "list"),
        (dict, "map"),
        (Reference, "reference"),
    ):
        if isinstance(value, kind):
            return name
    raise TypeError(f"{type(value).__name__} is no value of programs")


def is_truthy(value: Value) -> bool:
    """Return whether a condition on the value holds: not for null, false, 0, NaN and what is empty."""
    if isinstance(value, float) and math.isnan(value):
        return False
    if isinstance(value, Reference):
        return bool(value.name)
    return bool(value)


def as_number(value: Value) -> int | float | None:
    """Return a number, else None; true is no number."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def as_text(value: Value) -> str | None:
    """Return a text or the name of a reference, else None."""
    if isinstance(value, Reference):
        return value.name
    return value if isinstance(value, str) else None


def equal(left: object, right: object) -> bool:
    """Return whether two values are the same: numbers by value (1 is 1.0), true never 1, maps in any order."""
    if left != right:
        return False
    pending: list[tuple[Any, Any]] = [([left], [right])]  # of one shape, where only true and 1 are to be told apart
    while pending:
        some, others = pending.pop()
        if isinstance(some, dict):
            named = cast("dict[str, Any]", some)
            some, others = named.values(), [others[name] for name in named]
        for one, other in zip(some, others, strict=True):
            kind: type[Any] = one.__class__
            if kind is list or kind is dict:
                pending.append((one, other))
            elif (kind is bool) is not (other.__class__ is bool):
                return False
    return True


def to_json(value: Value) -> Any:
    """Return the value as JSON: references as `{"$reference": name}`, everything else as it is."""
    if isinstance(value, Reference):
        return {REFERENCE_KEY: value.name}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {name: to_json(item) for name, item in value.items()}
    return value


def from_json(value: Any) -> Value:
    """Return the value that JSON writes; raises ValueError for what is none, is not finite, or nests too deep."""
    depth = depth_of(value)
    if depth > MAX_DEPTH:
        raise ValueError(f"it nests deeper than {MAX_DEPTH} lists and maps")
    return _from_json(value)


def shown(value: object) -> str:
    """Return the beginning of anything, for a message; its type where Python cannot write it."""
    try:
        return f"{value!r:.100}"
    except (ValueError, RecursionError):  # a whole number of over 4,300 digits, or lists in lists without end
        return f"of type {type(value).__name__}"


def depth_of(value: Any) -> int:
    """Return how deep lists and maps nest in a value, 0 for a plain one; counts no further than `MAX_DEPTH` + 1."""
    depth, level = 0, _containers([value])
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = _containers(item for each in level for item in (each.values() if isinstance(each, dict) else each))
    return depth


def _containers(values: Iterable[Any]) -> list[list[Any] | dict[str, Any]]:
    return [value for value in values if isinstance(value, list | dict)]


def _from_json(value: Any) -> Value:
    if isinstance(value, list):
        return [_from_json(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        named = cast("dict[Any, Any]", value)
        if named.keys() == {REFERENCE_KEY} and isinstance(named[REFERENCE_KEY], str):
            return Reference(named[REFERENCE_KEY])
        if not all(isinstance(name, str) for name in named):
            raise ValueError("a map has a name that is no text")
        return {name: _from_json(item) for name, item in named.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number of JSON")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"{type(value).__name__} is no value of programs")
