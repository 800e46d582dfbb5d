"""What a JSON Schema may cost: a small one can ask for 2^40 checks of one value, in a library that holds the GIL.

`{"allOf": [a, a]}`, where `a` is the same of `b` and so on, doubles at each step. What is counted is how many
subschemas the routes through `$ref` lead to, and how many states their patterns have, each route for itself; a route
that returns to where it came from is a loop. Nothing is validated here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple, cast
from urllib.parse import unquote

from tacit.schemas.patterns import states_of

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_NAMES = ("$id", "$anchor", "$dynamicAnchor", "id")


class Cost(NamedTuple):
    """How many subschemas the routes from a schema reach, and whether a part recurses by more than one route.

    `states` are those of the patterns on the routes.
    """

    routes: int
    branches: bool
    states: int


def cost_of(schema: dict[str, Any]) -> Cost:
    """Return the cost of a schema, too high rather than too low where it is unclear what a reference means.

    References to other documents count nothing: there are none but the published meta-schemas.
    Raises `RecursionError` for a schema whose references follow each other without end.
    """
    routes = _Routes(schema)
    counted = routes.count(schema)
    return Cost(counted[0], routes.branches, counted[1])


_Count = tuple[int, int, Counter[int]]
"""How many subschemas, and states of patterns, the routes from a part reach, and how many routes return to each part
that they came through."""


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
            return 0, 0, Counter()
        key = id(cast("object", node))
        if key in self._open:
            return 0, 0, Counter([key])
        if key not in self._known:
            self._open.add(key)
            self._known[key] = self._sum(node, key)
            self._open.remove(key)
        return self._known[key]

    def _sum(self, node: Any, key: int) -> _Count:
        routes, states, returns = int(isinstance(node, dict)), _states_in(node), Counter[int]()
        for each in self._next(node):
            further, more_states, returning = self.count(each)
            routes += further
            states += more_states
            returns.update(returning)
        self.branches |= returns.pop(key, 0) > 1
        return routes, states, returns

    def _next(self, node: Any) -> Iterator[Any]:
        if isinstance(node, list):
            yield from cast("list[Any]", node)
            return
        named = cast("dict[str, Any]", node)
        yield from named.values()
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
            target = _at(start, fragment)
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


def _at(start: dict[str, Any], pointer: str) -> Any:
    """Return what a JSON pointer leads to, or None."""
    found: Any = start
    for part in unquote(pointer).split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")  # noqa: PLW2901  # unescaped
        if isinstance(found, dict):
            found = cast("dict[str, Any]", found).get(part)
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(cast("list[Any]", found)):
            found = cast("list[Any]", found)[int(part)]
        else:
            return None
    return found
