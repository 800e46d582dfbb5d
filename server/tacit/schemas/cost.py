"""What a JSON Schema may cost: a small one can ask for 2^40 checks of one value, in a library that holds the GIL.

`{"allOf": [a, a]}`, where `a` is the same of `b` and so on, doubles at each step. What is counted is how many
subschemas the routes through `$ref` lead to, how many elements these have in all (names, and values by their size), and
how many states their patterns have, each route for itself; a route that returns to where it came from is a loop.
Nothing is validated here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple, cast
from urllib.parse import unquote

from tacit.schemas.patterns import states_of

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_WORDS = frozenset({"$comment", "$schema", "description", "title"})
"""Keywords whose texts no value is held against."""
_NAMES = ("$id", "$anchor", "$dynamicAnchor", "id")


class Cost(NamedTuple):
    """How many subschemas the routes from a schema reach, and whether a part recurses by more than one route.

    `states` are those of the patterns on the routes; `elements` the subschemas and all that stands in them: keywords,
    names, members of lists, texts and numbers by their size.
    """

    routes: int
    branches: bool
    states: int
    elements: int


def cost_of(schema: dict[str, Any]) -> Cost:
    """Return the cost of a schema, too high rather than too low where it is unclear what a reference means.

    References to other documents count nothing: there are none but the published meta-schemas.
    Raises `RecursionError` for a schema whose references follow each other without end.
    """
    routes = _Routes(schema)
    counted = routes.count(schema)
    return Cost(counted.routes, routes.branches, counted.states, counted.elements)


class _Count(NamedTuple):
    """What the routes from a part reach, and how many of them return to each part that they came through."""

    routes: int
    states: int
    elements: int
    returns: Counter[int]


class _Routes:
    """Counts the routes of one schema, each part once."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.branches = False
        self._root = schema
        self._named: dict[str, list[dict[str, Any]]] = {}
        self._known: dict[int, _Count] = {}
        self._open: set[int] = set()
        self._name(schema)

    def count(self, node: Any) -> _Count:
        """Return the count of the part `node`."""
        if not isinstance(node, dict | list):
            return _Count(0, 0, _size_of(node), Counter())
        key = id(cast("object", node))
        if key in self._open:
            return _Count(0, 0, 0, Counter([key]))
        if key not in self._known:
            self._open.add(key)
            self._known[key] = self._sum(node, key)
            self._open.remove(key)
        return self._known[key]

    def _sum(self, node: Any, key: int) -> _Count:
        routes, states, returns = int(isinstance(node, dict)), _states_in(node), Counter[int]()
        elements = 1 + sum(map(_size_of, _names(node)))
        for each in self._next(node):
            counted = self.count(each)
            routes += counted.routes
            states += counted.states
            elements += counted.elements
            returns.update(counted.returns)
        self.branches |= returns.pop(key, 0) > 1
        return _Count(routes, states, elements, returns)

    def _next(self, node: Any) -> Iterator[Any]:
        if isinstance(node, list):
            yield from cast("list[Any]", node)
            return
        named = cast("dict[str, Any]", node)
        yield from (each for name, each in named.items() if name not in _WORDS or not isinstance(each, str))
        for keyword in _REFERENCES:
            if isinstance(reference := named.get(keyword), str):
                yield from self._targets(reference)

    def _targets(self, reference: str) -> Iterator[Any]:
        """Yield what a reference may mean, looked up in the whole document and in each part with a name."""
        base, _, fragment = reference.partition("#")
        starts = self._named.get(base.rpartition("/")[2], []) if base else [self._root, *self._named.get("", [])]
        if fragment and not fragment.startswith("/"):
            yield from self._named.get(fragment, [])
            return
        for start in starts:
            target = at_pointer(start, fragment)
            if target is not None:
                yield target

    def _name(self, node: Any) -> None:
        """Note the parts that references may name; `""` has those that pointers may start from."""
        if isinstance(node, list):
            for each in cast("list[Any]", node):
                self._name(each)
        elif isinstance(node, dict):
            named = cast("dict[str, Any]", node)
            for keyword in _NAMES:
                if isinstance(name := named.get(keyword), str):
                    self._named.setdefault(name.strip("#").rpartition("/")[2], []).append(named)
                    if keyword in ("$id", "id") and named is not self._root:
                        self._named.setdefault("", []).append(named)
            for each in named.values():
                self._name(each)


def _states_in(node: Any) -> int:
    """Return the states of the patterns that stand in a part itself."""
    if not isinstance(node, dict):
        return 0
    named = cast("dict[str, Any]", node)
    patterns = [named.get("pattern"), *_names(named.get("patternProperties"))]
    return sum(states_of(each) for each in patterns if isinstance(each, str))


def _names(node: Any) -> list[str]:
    return list(cast("dict[str, Any]", node)) if isinstance(node, dict) else []


def _size_of(value: Any) -> int:
    """Return the elements that a name or a scalar counts for."""
    if isinstance(value, str):
        return 1 + len(value) // 16
    return 1 + (value.bit_length() // 64 if isinstance(value, int) else 0)


def at_pointer(start: Any, pointer: str) -> Any:
    """Return what a JSON pointer leads to, or None."""
    found: Any = start
    for part in unquote(pointer).split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")  # noqa: PLW2901  # unescaped
        if isinstance(found, dict):
            found = cast("dict[str, Any]", found).get(part)
        elif isinstance(found, list) and part.isdecimal() and len(part) < 10:  # more digits may be too many to read
            found = next(iter(cast("list[Any]", found)[int(part) :]), None)
        else:
            return None
    return found
