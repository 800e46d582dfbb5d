"""How large values are: their weight, about the bytes that they take in memory unshared, and how deep they nest.

Values are shared, never copied, so a few instructions can make one whose JSON would fill any disk. Each value on the
stack or in memory therefore carries its weight, computed from those of its parts where they are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tacit.errors import ValueTooLarge
from tacit.programs.values import MAX_DEPTH, Reference, Value

MAX_WEIGHT = 8 << 20
"""What the stack and the memory of a program may weigh together: no built-in takes over about a tenth of a second."""
_PLAIN = 64
_NAME = 4
_WORD = 64


class Sized(NamedTuple):  # made for every value that is pushed: a frozen dataclass takes twice as long to make
    """A value with its weight and depth (0 for what is no list or map)."""

    value: Value
    weight: int
    depth: int


def sized(value: Value) -> Sized:
    """Measure a value by looking at every part; raises `ValueTooLarge` over `MAX_WEIGHT` or `MAX_DEPTH`."""
    weight = depth = 0
    level: list[Any] = [value]
    while level:
        below: list[Any] = []
        nested = False
        for each in level:
            kind = each.__class__  # of a class in the way that JSON's readers make them; `isinstance` costs more
            weight += _PLAIN
            if kind is str:
                weight += len(each)
            elif kind is dict:
                nested = True
                weight += _names_weight(each)
                below.extend(each.values())
            elif kind is list:
                nested = True
                below.extend(each)
            elif kind is int:
                bits = each.bit_length()
                weight += bits if bits > _WORD else bits // 8  # vast ones take long to write, longer than their bytes
            elif kind is Reference:
                weight += len(each.name)
        if weight > MAX_WEIGHT:
            raise too_large(weight)
        depth += nested
        if depth > MAX_DEPTH:
            raise too_deep()
        level = below
    return Sized(value, weight, depth)


def list_of(items: Iterable[Sized]) -> Sized:
    """Return the list of sized items."""
    parts = list(items)
    return _container([each.value for each in parts], parts, 0)


def map_of(items: dict[str, Sized]) -> Sized:
    """Return the map of sized items."""
    parts = list(items.values())
    return _container({name: each.value for name, each in items.items()}, parts, _names_weight(items))


def joined(items: list[Any], one: Sized, other: Sized) -> Sized:
    """Return the list that has the items of two others."""
    weight = one.weight + other.weight - _PLAIN
    if weight > MAX_WEIGHT:
        raise too_large(weight)
    return Sized(items, weight, max(one.depth, other.depth))


def too_large(weight: int) -> ValueTooLarge:
    """Return the error for values that weigh too much."""
    return ValueTooLarge(
        f"The values of the program weigh over {MAX_WEIGHT} bytes ({weight}).", hint="Keep less, or work in parts."
    )


def too_deep() -> ValueTooLarge:
    """Return the error for a value that nests too deep."""
    return ValueTooLarge(f"A value nests deeper than {MAX_DEPTH} lists and maps.", hint="Nest less.")


def _container(value: Value, parts: Iterable[Sized], names: int) -> Sized:
    weight, depth = _PLAIN + names, 0
    for part in parts:
        weight += part.weight
        depth = max(depth, part.depth)
    if depth >= MAX_DEPTH:
        raise too_deep()
    if weight > MAX_WEIGHT:
        raise too_large(weight)
    return Sized(value, weight, depth + 1)


def _names_weight(named: Mapping[str, Any]) -> int:
    return _NAME * len(named) + sum(map(len, named))
