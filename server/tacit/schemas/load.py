"""Which schemas may be held against a value in this process, where nothing can interrupt that: the plain ones.

A plain schema has only keywords whose work is known: each value meets the keywords of one subschema and of those beside
it (`allOf`, `$ref` …), once, and each keyword looks at most once at each of its own names and members. A keyword that
is not in the table here makes its schema one that is not plain, so that what is unknown, or new in the library, is
never taken for cheap. Not plain, for example: `unevaluatedProperties`, which does its work 4^n times where it is nested
n deep; references that return; numbers beyond 64 bits, which are compared as decimals, digit by digit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from tacit.schemas.cost import at_pointer

MAX_VISITS = 2000
"""Subschemas looked at, one behind several references once for each."""
MAX_DEPTH = 64
BUDGET = 400_000
"""Units of work, of about 10 ns, that a value may always take: a few milliseconds."""
BUDGET_A_BYTE = 2
"""Units of work for each byte of a value's JSON: about what it took to parse it."""

_SILENT = frozenset(
    {"$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"}
    | {"$defs", "definitions"}
)
_DRAFTS = frozenset({"https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"})
_BELOW = frozenset({"items", "additionalProperties"})
_BESIDE = frozenset({"allOf", "anyOf", "oneOf"})
_FORMATS = frozenset({"date", "date-time", "time", "email", "uuid", "ipv4", "ipv6", "uri"})
_WORD = 1 << 63
_DIGITS = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_LONG_NUMBER = b"0" * 19
"""A number of so many digits may be beyond 64 bits."""


class Load(NamedTuple):
    """The units of work for the part of a value that takes most: once, for each part of the whole, each character.

    `parts` counts for each list that is compared with itself for `uniqueItems`.
    """

    once: int = 0
    parts: int = 0
    characters: int = 0

    def beside(self, other: Load) -> Load:
        """Return the load where a value is held against both."""
        return Load(self.once + other.once, self.parts + other.parts, self.characters + other.characters)

    def or_else(self, other: Load) -> Load:
        """Return the load where a value is held against one of both."""
        return Load(max(self.once, other.once), max(self.parts, other.parts), max(self.characters, other.characters))


def load_of(schema: Any) -> Load | None:
    """Return the load of a plain schema, None for any other."""
    try:
        return _Loads(schema).load(schema, 0)
    except _NotPlain:
        return None


def is_quick(load: Load, text: bytes) -> bool:
    """Return whether a value, given as its JSON, is held against a schema of that load in a few milliseconds.

    No value is looked at: how many there are is told by what stands before each but the first.
    """
    values = 1 + text.count(b",") + text.count(b"[") + text.count(b"{")
    units = values * (load.once + load.parts * values) + load.characters * len(text)
    return units <= BUDGET + BUDGET_A_BYTE * len(text) and _LONG_NUMBER not in text.translate(_DIGITS)


class _NotPlain(Exception):
    """The schema is not plain."""


class _Loads:
    """Adds up the loads of one schema's parts."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._visits = 0
        self._followed: list[str] = []

    def load(self, node: Any, depth: int) -> Load:
        """Return the load of a subschema, on the value that it is held against and on those within."""
        self._visits += 1
        if self._visits > MAX_VISITS or depth > MAX_DEPTH:
            raise _NotPlain
        if isinstance(node, bool):
            return Load(1)
        own, below, beside = Load(2), Load(), Load()
        for keyword, rule in _mapping(node).items():
            if keyword in _SILENT:
                continue
            if keyword in _BELOW:
                below = below.or_else(self.load(rule, depth + 1))
            elif keyword == "properties":
                own = own.beside(Load(sum(map(_units_of_text, _mapping(rule)))))
                for each in _mapping(rule).values():
                    below = below.or_else(self.load(each, depth + 1))
            elif keyword in _BESIDE or keyword in ("not", "$ref"):
                beside = beside.beside(self._beside(keyword, rule, depth))
            elif (
                keyword == "uniqueItems"
            ):  # what is in the list is compared for the list, and so for each that it is in
                beside = beside.beside(Load(parts=4))
            else:
                own = own.beside(_own(keyword, rule))
        return own.or_else(below).beside(beside)

    def _beside(self, keyword: str, rule: Any, depth: int) -> Load:
        if keyword == "$ref":
            return self._referred(rule, depth)
        total = Load(1)
        for each in _list(rule) if keyword in _BESIDE else [rule]:
            total = total.beside(self.load(each, depth + 1))
        return total

    def _referred(self, reference: Any, depth: int) -> Load:
        if not isinstance(reference, str) or not reference.startswith("#/") or reference in self._followed:
            raise _NotPlain
        self._followed.append(reference)
        load = self.load(at_pointer(self._root, reference[1:]), depth + 1)
        self._followed.pop()
        return load.beside(Load(2))


def _own(keyword: str, rule: Any) -> Load:
    """Return the load of a keyword that looks at one value alone."""
    if keyword not in _OWN:
        raise _NotPlain
    return _OWN[keyword](rule)


def _of_type(rule: Any) -> Load:
    return Load(1 + len(_list(rule)) if isinstance(rule, list) else 1)


def _of_pattern(_: Any) -> Load:
    return Load(4, characters=100)  # what one within the size limit takes at worst


def _of_format(rule: Any) -> Load:
    if rule not in _FORMATS:
        raise _NotPlain
    return Load(4, characters=10)


def _of_draft(rule: Any) -> Load:
    if rule not in _DRAFTS:
        raise _NotPlain
    return Load()


def _required(rule: Any) -> Load:
    return Load(2 * sum(map(_units_of_text, _list(rule))))


def _enum(rule: Any) -> Load:
    return Load(1 + sum(map(_units_of_scalar, _list(rule))))


def _const(rule: Any) -> Load:
    return Load(1 + _units_of_scalar(rule))


def _bound(rule: Any) -> Load:
    return Load(4 * _units_of_number(rule))


def _count(rule: Any) -> Load:
    return Load(_units_of_number(rule))


_OWN: dict[str, Callable[[Any], Load]] = {
    "$schema": _of_draft,
    "const": _const,
    "enum": _enum,
    "format": _of_format,
    "pattern": _of_pattern,
    "required": _required,
    "type": _of_type,
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), _count),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _bound),
}


def _units_of_text(text: Any) -> int:
    if not isinstance(text, str):
        raise _NotPlain
    return 1 + len(text) // 16


def _units_of_scalar(value: Any) -> int:
    if value is None or isinstance(value, bool):
        return 1
    return _units_of_text(value) if isinstance(value, str) else _units_of_number(value)


def _units_of_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _NotPlain
    if isinstance(value, int) and not -_WORD <= value < _WORD:
        raise _NotPlain
    return 1


def _mapping(node: Any) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise _NotPlain
    return cast("dict[str, Any]", node)


def _list(node: Any) -> list[Any]:
    if not isinstance(node, list):
        raise _NotPlain
    return cast("list[Any]", node)
