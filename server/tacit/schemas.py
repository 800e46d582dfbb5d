"""JSON Schemas (draft 2020-12 unless `$schema` names another): checked, compiled and remembered.

A schema comes from whoever wrote a capability, so compiling it is an attack surface: a `$ref` is looked up in
the schema itself and in the published meta-schemas only, never over the network or on disk, patterns run
on a linear-time engine (no look-around, no back-references), and schemas whose references multiply without end
are refused. `format` is asserted where it is known.
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
from tacit.schema_cost import cost_of

MAX_SCHEMA_BYTES = 256 * 1024
MAX_ROUTES = 50_000
"""Subschemas that one value may be held against; checking them all takes about a millisecond."""
MAX_VIOLATIONS = 20
MAX_MESSAGE = 300
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=1 << 20, dfa_size_limit=4 << 20)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Validator:
    """A compiled schema; immutable, and safe to share between threads."""

    __slots__ = ("_compiled", "_detailed")

    def __init__(self, compiled: jsonschema_rs.Validator, *, detailed: bool = True) -> None:
        """Take a compiled schema; unless `detailed`, violations do not say what was wrong where."""
        self._compiled = compiled
        self._detailed = detailed

    def is_valid(self, value: Any) -> bool:
        """Return whether the JSON value fits, stopping at the first violation."""
        try:
            return self._compiled.is_valid(value)
        except ValueError:
            return False

    def violations(self, value: Any) -> list[dict[str, str]]:
        """Return `{path, message}` for each violation, at most `MAX_VIOLATIONS`; empty when the value fits.

        `path` reads like `$.orders[2].id`; `message` says what was expected and quotes the value, shortened.
        A value that cannot be JSON (nested too deep, a lone surrogate) is one violation at `$`, and so is one that
        breaks a schema which recurses by more than one way.
        """
        if not self._detailed:
            unsaid = {"path": "$", "message": "does not fit the schema, which recurses by too many ways to say where"}
            return [] if self.is_valid(value) else [unsaid]
        try:
            errors = islice(self._compiled.iter_errors(value), MAX_VIOLATIONS)
            return [{"path": path_of(error.instance_path), "message": _message(error)} for error in errors]
        except ValueError as error:
            return [{"path": "$", "message": shorten(f"not a JSON value that can be checked: {error}")}]


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
        routes, branches = cost_of(schema)
        if routes > MAX_ROUTES:
            raise _invalid(f"its references lead to more than {MAX_ROUTES} subschemas, each route counted for itself")
        compiled = jsonschema_rs.validator_for(schema, offline=True, pattern_options=_PATTERNS, validate_formats=True)
    except jsonschema_rs.ValidationError as error:
        raise _invalid(_message(error), path_of(error.instance_path)) from error
    except (ValueError, RecursionError) as error:
        raise _invalid(str(error)) from error
    # Finding every violation, unlike finding whether there is one, takes twice as long for each level of such a value.
    return Validator(compiled, detailed=not branches)


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
