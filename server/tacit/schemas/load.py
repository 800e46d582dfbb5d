"""Which schemas may be held against a value in this process, where nothing can interrupt that: the plain ones.

A plain schema has only keywords whose work is known: each value meets the keywords of one subschema and of those beside
it (`allOf`, `$ref` …), once, and each keyword looks at most once at each of its own names and members. A keyword that
is not in the table here makes its schema one that is not plain, so that what is unknown, or new in the library, is
never taken for cheap. Not plain, for example: `unevaluatedProperties`, which does its work 2^n times where it is nested
n deep, and references that return.

The library compares numbers as fractions, digit by digit: one of 4,000 digits, or 1e-300, takes up to a millisecond for
each rule about numbers. So the plain schemas have ordinary numbers, and what has others is not held against them here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from tacit.schemas.cost import at_pointer
from tacit.schemas.patterns import states_of

MAX_VISITS = 2000
"""Subschemas looked at, one behind several references once for each."""
MAX_STATES = 500
"""States of a plain schema's patterns: compiling takes the square of them, 5.4 s for 15,000."""
PATTERN_VISITS = 20
"""Subschemas that a pattern counts for: it takes 0.1 ms to compile."""
MAX_DEPTH = 64
BUDGET = 400_000
"""Units of work, of about 10 ns, that a value may always take: a few milliseconds."""
BUDGET_A_BYTE = 4
"""Units of work for each byte of a value's JSON: about what it took to parse it."""
FEW, FEW_BYTES = 500, 4096
"""Units of work once for each value, and bytes: a violation for each unit takes 25 µs, and a copy of the value."""

_SILENT = frozenset(
    {"$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"}
    | {"$defs", "definitions"}
)
_DRAFTS = frozenset({"https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"})
_BELOW = frozenset({"items", "additionalProperties"})
_BESIDE = frozenset({"allOf", "anyOf", "oneOf"})
_FORMATS = frozenset({"date", "date-time", "time", "email", "uuid", "ipv4", "ipv6", "uri"})


def _outlined(byte: int) -> int:
    """Return what stands for a byte in an outline: 0 for a digit, e for an exponent, - for its sign, else a space."""
    character = chr(byte)
    if character.isascii() and character.isdigit():
        return ord("0")
    return ord(character.lower()) if character in "eE-" else ord(" ")


_SMALLEST, _LARGEST = 1e-9, 1e18
_WHOLE = 1 << 53
"""Up to here whole numbers are compared as they are, and not as fractions."""
_OUTLINE = bytes.maketrans(bytes(range(256)), bytes(_outlined(byte) for byte in range(256)))
_LONG_NUMBER, _TINY_NUMBER = b"0" * 19, b"0e-"
"""What a number beyond 64 bits, or one that is nearly 0, may look like in an outline of a value's JSON."""


_EQUAL, _BETWEEN, _BETWEEN_FRACTIONS = 1500, 75, 350
"""What it takes to compare one number with one of a schema: with a member of `enum`, a bound, a bound like 0.5."""


class Load(NamedTuple):
    """The units of work for the part of a value that takes most: once, for each part of the whole, each character.

    `parts` counts for each list that is compared with itself for `uniqueItems`, and `numbers` is not 0 where a number
    is compared with any.
    """

    once: int = 0
    parts: int = 0
    characters: int = 0
    numbers: int = 0

    def beside(self, other: Load) -> Load:
        """Return the load where a value is held against both."""
        return Load(*map(sum, zip(self, other, strict=True)))

    def or_else(self, other: Load) -> Load:
        """Return the load where a value is held against one of both."""
        return Load(*map(max, self, other))

    def units(self, values: int, size: int) -> int:
        """Return the work that a value is which has so many values in it, and bytes of JSON."""
        return values * (self.once + self.parts * values) + self.characters * size


def load_of(schema: Any) -> Load | None:
    """Return the load of a plain schema, None for any other."""
    try:
        return _Loads(schema).load(schema, 0)
    except _NotPlain:
        return None


def is_quick(load: Load, text: bytes) -> bool:
    """Return whether a value, given as its JSON, is held against a schema of that load in a few milliseconds.

    No value is looked at: how many there may be is told by the size, or by what stands before each but the first.
    """
    size = len(text)
    most = BUDGET + BUDGET_A_BYTE * size
    # A value and its comma take two bytes at least.
    if load.units(size // 2 + 1, size) > most and load.units(_values_in(text), size) > most:
        return False
    outline = text.translate(_OUTLINE) if load.numbers else b""
    return _LONG_NUMBER not in outline and _TINY_NUMBER not in outline


def quick_bytes(load: Load) -> int:
    """Return a number of bytes of JSON up to which any value is quick; hot paths need not look at it then."""
    size = 0 if load.numbers else 1 << 20
    while size and load.units(size // 2 + 1, size) > BUDGET:
        size //= 2
    return size


def has_few_violations(load: Load, text: bytes) -> bool:
    """Return whether it takes a few milliseconds at most to list what a value breaks of a schema of that load."""
    return len(text) <= FEW_BYTES and load.once * _values_in(text) <= FEW


class _NotPlain(Exception):
    """The schema is not plain."""


class _Loads:
    """Adds up the loads of one schema's parts."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._visits = 0
        self._states = 0
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
                beside = beside.beside(Load(parts=1500, numbers=1))
            else:
                own = own.beside(self._own(keyword, rule))
        return own.or_else(below).beside(beside)

    def _own(self, keyword: str, rule: Any) -> Load:
        if keyword == "pattern":
            self._visits += PATTERN_VISITS
            self._states += states_of(rule) if isinstance(rule, str) else 0
            if self._states > MAX_STATES:
                raise _NotPlain
        return _own(keyword, rule)

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


def _values_in(text: bytes) -> int:
    """Return how many values a JSON text has at most."""
    return 1 + text.count(b",") + text.count(b"[") + text.count(b"{")


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
    if not isinstance(rule, str) or rule not in _FORMATS:
        raise _NotPlain
    return Load(4, characters=10)


def _of_draft(rule: Any) -> Load:
    if not isinstance(rule, str) or rule not in _DRAFTS:
        raise _NotPlain
    return Load()


def _required(rule: Any) -> Load:
    return Load(2 * sum(map(_units_of_text, _list(rule))))


def _enum(rule: Any) -> Load:
    return Load(1).beside(Load(*map(sum, zip(Load(), *map(_equal, _list(rule)), strict=True))))


def _const(rule: Any) -> Load:
    return Load(1).beside(_equal(rule))


def _bound(rule: Any) -> Load:
    whole = isinstance(_number(rule), int) and abs(rule) <= _WHOLE
    return Load(_BETWEEN if whole else _BETWEEN_FRACTIONS, numbers=1)


def _count(rule: Any) -> Load:
    _number(rule)
    return Load(1)


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


def _equal(value: Any) -> Load:
    if value is None or isinstance(value, bool):
        return Load(1)
    if isinstance(value, str):
        return Load(_units_of_text(value))
    _number(value)
    return Load(_EQUAL, numbers=1)


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _NotPlain
    if value and not _SMALLEST <= abs(value) <= _LARGEST:
        raise _NotPlain
    return value


def _mapping(node: Any) -> dict[str, Any]:
    if not isinstance(node, dict):
        raise _NotPlain
    return cast("dict[str, Any]", node)


def _list(node: Any) -> list[Any]:
    if not isinstance(node, list):
        raise _NotPlain
    return cast("list[Any]", node)
