"""Holding a value against any schema: what may take long, and so is done in a process that can be killed.

What certainly takes long is not begun: a schema whose references multiply without end, or whose patterns are very
large, is malformed, and a large value is not held against a costly schema. That is a count, which says the same on
every machine; what it does not see, the time limit of the process does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, cast

import jsonschema_rs

from tacit.json_path import path_of
from tacit.schemas.cost import Cost, cost_of
from tacit.schemas.wording import message_of, shorten, violation_of

MAX_ROUTES = 50_000
"""Subschemas that one value may be held against; checking them all takes about a millisecond."""
MAX_STATES = 50_000
"""States of the patterns that one value may be held against; they take about 4 MB."""
MAX_CHECKS = 160_000_000
"""Parts of a value, times the elements of a schema that each may be held against: at worst about a second."""
MAX_MATCHES = 400_000_000
"""Characters of a value, times the states of the patterns that each may be held against: at worst two seconds."""
CHEAP_ELEMENTS = 80
CHEAP_STATES = 100
"""What may be held against any value: one of 4 MB has at most 2,000,000 parts."""
MAX_VIOLATIONS = 20
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=1 << 20, dfa_size_limit=4 << 20)
_WORD = 64

Violations = list[dict[str, str]]


class Malformed(Exception):
    """What is no schema, or none that is taken; `path` says where it is wrong."""

    def __init__(self, problem: str, path: str = "$") -> None:
        super().__init__(problem)
        self.problem = shorten(problem)
        self.path = path


class Compiled(NamedTuple):
    """A compiled schema and what it may cost."""

    validator: jsonschema_rs.Validator
    cost: Cost


@lru_cache(maxsize=64)
def compiled(text: str) -> Compiled:
    """Compile the schema that is the JSON `text`; raises `Malformed`."""
    try:
        schema = json.loads(text)
        cost = cost_of(schema)
        if cost.routes > MAX_ROUTES:
            raise Malformed(f"its references lead to more than {MAX_ROUTES} subschemas, each route counted for itself")
        if cost.states > MAX_STATES:
            raise Malformed(f"its patterns have more than {MAX_STATES} states; use maxLength for long repetitions")
        validator = jsonschema_rs.validator_for(schema, offline=True, pattern_options=_PATTERNS, validate_formats=True)
    except jsonschema_rs.ValidationError as error:
        raise Malformed(message_of(error), shorten(path_of(error.instance_path))) from error
    except (ValueError, RecursionError) as error:
        raise Malformed(str(error)) from error
    return Compiled(validator, cost)


class Verdict(NamedTuple):
    """What was found; `final` unless more violations may follow."""

    violations: Violations
    final: bool = True


def verdicts(schema: Compiled, value: Any) -> Iterator[Verdict]:
    """Yield the violations: none, or first that there are some, then one, then up to `MAX_VIOLATIONS`.

    Each may take much longer than what came before. Finding whether there is a violation takes a thousandth of the
    time that it takes to list them, which the library does for all before it gives the first. A schema that recurses
    by more than one route has but one violation, which does not say where: listing them takes twice as long for each
    level of such a value.
    """
    if is_too_large(value, schema.cost):
        yield Verdict(_at_top("is too large to be held against so large a schema, or such patterns"))
        return
    try:
        if schema.validator.is_valid(value):
            yield Verdict([])
        elif schema.cost.branches:
            yield Verdict(_at_top("does not fit the schema, which recurses by too many ways to say where"))
        else:
            found = _at_top("does not fit the schema; to say where takes too long")
            yield Verdict(found, final=False)
            found = _first(schema.validator, value) or found
            yield Verdict(found, final=False)
            yield Verdict(listed(schema.validator, value) or found)
    except ValueError as error:
        yield Verdict(_at_top(f"not a JSON value that can be checked: {error}"))


def listed(validator: jsonschema_rs.Validator, value: Any) -> Violations:
    """Return the violations of a value, at most `MAX_VIOLATIONS`."""
    return [violation_of(error) for error in islice(validator.iter_errors(value), MAX_VIOLATIONS)]


def is_too_large(value: Any, cost: Cost) -> bool:
    """Return whether holding a value against a schema of that cost may take seconds."""
    if cost.elements <= CHEAP_ELEMENTS and cost.states <= CHEAP_STATES:
        return False
    parts = MAX_CHECKS // max(cost.elements, 1)
    characters = MAX_MATCHES // max(cost.states, 1)
    level: list[Any] = [value]
    while level:
        below: list[Any] = []
        for each in level:
            parts -= 1
            if isinstance(each, str):
                characters -= len(each)
            elif isinstance(each, dict):
                named = cast("dict[str, Any]", each)
                parts -= len(named)
                characters -= sum(map(len, named))
                below.extend(named.values())
            elif isinstance(each, list):
                below.extend(cast("list[Any]", each))
            elif isinstance(each, int) and (bits := each.bit_length()) > _WORD:
                parts -= bits  # they are compared as decimals, which takes as long as so many checks
        if parts < 0 or characters < 0:
            return True
        level = below
    return False


def _first(validator: jsonschema_rs.Validator, value: Any) -> Violations:
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        return [violation_of(error)]
    return []


def _at_top(message: str) -> Violations:
    return [{"path": "$", "message": shorten(message)}]
