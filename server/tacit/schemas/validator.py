"""JSON Schemas (draft 2020-12 unless `$schema` names another): checked, compiled and remembered.

A schema comes from whoever wrote a capability, so compiling it is an attack surface: a `$ref` is looked up in
the schema itself and in the published meta-schemas only, never over the network or on disk, patterns run
on a linear-time engine (no look-around, no back-references), and schemas whose references multiply without end, or
whose patterns are very large, are refused. A large value is not held against a costly schema at all: validating
cannot be interrupted, and no other thread runs meanwhile. `format` is asserted where it is known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, cast

import jsonschema_rs

from tacit.errors import InvalidManifest
from tacit.schemas.cost import Cost, cost_of

MAX_SCHEMA_BYTES = 256 * 1024
MAX_ROUTES = 50_000
"""Subschemas that one value may be held against; checking them all takes about a millisecond."""
MAX_STATES = 50_000
"""States of the patterns that one value may be held against; they take about 4 MB."""
MAX_CHECKS = 20_000_000
"""Parts of a value, times the subschemas that each may be held against: at worst about a second."""
MAX_MATCHES = 400_000_000
"""Characters of a value, times the states of the patterns that each may be held against: at worst two seconds."""
CHEAP = Cost(routes=25, branches=False, states=100)
"""A schema that may be held against any value: one of 4 MB has at most 2,000,000 parts."""
MAX_VIOLATIONS = 20
MAX_MESSAGE = 300
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=1 << 20, dfa_size_limit=4 << 20)
_WORD = 64
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Validator:
    """A compiled schema; immutable, and safe to share between threads."""

    __slots__ = ("_compiled", "_cost", "_detailed")

    def __init__(self, compiled: jsonschema_rs.Validator, cost: Cost = CHEAP) -> None:
        """Take a compiled schema; where it branches, violations do not say what was wrong where.

        Finding every violation, unlike finding whether there is one, takes twice as long for each level of such a
        value.
        """
        self._compiled = compiled
        self._detailed = not cost.branches
        self._cost = cost if cost.routes > CHEAP.routes or cost.states > CHEAP.states else None

    def is_valid(self, value: Any) -> bool:
        """Return whether the JSON value fits, stopping at the first violation; not where it is too large to tell."""
        return not self._is_over(value) and self._fits(value)

    def violations(self, value: Any) -> list[dict[str, str]]:
        """Return `{path, message}` for each violation, at most `MAX_VIOLATIONS`; empty when the value fits.

        `path` reads like `$.orders[2].id`; `message` says what was expected and quotes the value, shortened.
        A value that cannot be JSON (nested too deep, a lone surrogate) is one violation at `$`, and so is one that
        breaks a schema which recurses by more than one way, or is too large for its schema.
        """
        if self._is_over(value):
            return [{"path": "$", "message": "is too large to be held against so large a schema, or such patterns"}]
        if not self._detailed:
            unsaid = {"path": "$", "message": "does not fit the schema, which recurses by too many ways to say where"}
            return [] if self._fits(value) else [unsaid]
        try:
            errors = islice(self._compiled.iter_errors(value), MAX_VIOLATIONS)
            return [{"path": path_of(error.instance_path), "message": _message(error)} for error in errors]
        except ValueError as error:
            return [{"path": "$", "message": shorten(f"not a JSON value that can be checked: {error}")}]

    def _is_over(self, value: Any) -> bool:
        return self._cost is not None and _is_too_large(value, self._cost)

    def _fits(self, value: Any) -> bool:
        try:
            return self._compiled.is_valid(value)
        except ValueError:
            return False


def compile_schema(schema: dict[str, Any]) -> Validator:
    """Compile a schema; equal schemas are compiled once as long as they are in use.

    The look-up itself writes the schema as JSON (about 10 µs), so hot paths keep the Validator.
    Raises `InvalidManifest`, whose `details.violations` says where the schema is wrong.
    """
    try:
        text = json.dumps(schema, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise _invalid(f"it is not JSON: {error}") from error
    if len(text) > MAX_SCHEMA_BYTES:
        raise _invalid(f"it has {len(text)} bytes as JSON; the limit is {MAX_SCHEMA_BYTES}")
    return _compile(text)


def check_schema(schema: dict[str, Any]) -> None:
    """Raise `InvalidManifest` unless the schema is one that `compile_schema` takes."""
    compile_schema(schema)


def path_of(parts: list[str | int]) -> str:
    """Return `$.orders[2].id` for `["orders", 2, "id"]`; names that are no identifiers are quoted."""
    shown = "$"
    for part in parts:
        if isinstance(part, int):
            shown += f"[{part}]"
        elif _NAME.match(part):
            shown += f".{part}"
        else:
            shown += f"[{json.dumps(part, ensure_ascii=False)}]"
    return shown


def shorten(text: str, limit: int = MAX_MESSAGE) -> str:
    """Return the text with its middle left out when it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    head = limit // 3
    return f"{text[:head]} … {text[head + 3 - limit :]}"


@lru_cache(maxsize=512)
def _compile(text: str) -> Validator:
    try:
        schema = json.loads(text)
        cost = cost_of(schema)
        if cost.routes > MAX_ROUTES:
            raise _invalid(f"its references lead to more than {MAX_ROUTES} subschemas, each route counted for itself")
        if cost.states > MAX_STATES:
            raise _invalid(f"its patterns have more than {MAX_STATES} states; use maxLength for long repetitions")
        compiled = jsonschema_rs.validator_for(schema, offline=True, pattern_options=_PATTERNS, validate_formats=True)
    except jsonschema_rs.ValidationError as error:
        raise _invalid(_message(error), path_of(error.instance_path)) from error
    except (ValueError, RecursionError) as error:
        raise _invalid(str(error)) from error
    return Validator(compiled, cost)


def _is_too_large(value: Any, cost: Cost) -> bool:
    """Return whether holding a value against a schema of that cost may take seconds."""
    parts = MAX_CHECKS // max(cost.routes, 1)
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


def _invalid(problem: str, path: str = "$") -> InvalidManifest:
    hint = "Write JSON Schema draft 2020-12 with no remote $ref."
    if "regex" in problem:
        hint += " Patterns have no look-around and no back-references."
    problem = shorten(problem)
    return InvalidManifest(
        f"The JSON Schema is not valid at {path}: {problem}.",
        hint=hint,
        details={"violations": [{"path": path, "message": problem}]},
    )


def _message(error: jsonschema_rs.ValidationError) -> str:
    alternatives = [shorten(reason, 80) for reason in islice(_alternatives(error), 3)]
    if not alternatives:
        return shorten(error.message)
    return shorten(f"{shorten(error.message, 150)}: {'; or '.join(alternatives)}", 2 * MAX_MESSAGE)


def _alternatives(error: jsonschema_rs.ValidationError) -> Iterator[str]:
    """Yield why each branch of an anyOf or oneOf did not fit."""
    context = cast("list[list[jsonschema_rs.ValidationError]]", getattr(error.kind, "context", []))
    for branch in context:
        for reason in branch[:1]:
            path = path_of(reason.instance_path)
            yield reason.message if path == "$" else f"{path}: {reason.message}"
