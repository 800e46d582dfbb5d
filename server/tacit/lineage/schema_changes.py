"""What changed between two JSON Schemas, property by property.

Titles, descriptions and examples are not compared: they change nothing of what is accepted. References are compared
as they are written, and what they refer to under its own path.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from tacit.models import JsonSchema

MAX_DEPTH = 24
"""Schemas nested deeper are compared as wholes from there on."""

MAX_VALUE = 60
"""Characters of a keyword's value that are shown."""

_ANNOTATIONS = frozenset({"title", "description", "examples", "$comment", "$schema", "$id"})
_STRUCTURE = frozenset({"type", "properties", "required", "items", "$defs", "definitions"})


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One property or other part that was added (`before` is None), removed (`after` is None) or changed.

    `path` is dotted, `[]` for the items of a list, and empty for the value itself; `before` and `after` say what it
    had to be, as `string, required`.
    """

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class _Field:
    """A part of a schema: what of it is compared, and how that is said."""

    compared: Any
    said: str


def schema_changes(before: JsonSchema, after: JsonSchema) -> tuple[SchemaChange, ...]:
    """Return what changed, by path."""
    if before == after:
        return ()
    old, new = _fields(before), _fields(after)
    changed = [path for path in sorted({*old, *new}) if _compared(old.get(path)) != _compared(new.get(path))]
    return tuple(SchemaChange(path, _said(old.get(path)), _said(new.get(path))) for path in changed)


def _compared(field: _Field | None) -> Any:
    return None if field is None else (field.compared,)


def _said(field: _Field | None) -> str | None:
    return None if field is None else field.said


def _fields(schema: JsonSchema) -> dict[str, _Field]:
    """Return every part of a schema by its path."""
    found: dict[str, _Field] = {}
    waiting: list[tuple[str, Any, bool, int]] = [("", schema, False, 0)]
    while waiting:
        path, part, required, depth = waiting.pop()
        found[path] = _field(part, required=required, whole=depth >= MAX_DEPTH)
        if isinstance(part, dict) and depth < MAX_DEPTH:
            waiting += [(*inner, depth + 1) for inner in _inner(path, cast("JsonSchema", part))]
    return found


def _inner(path: str, part: JsonSchema) -> list[tuple[str, Any, bool]]:
    required = _list(part.get("required"))
    properties = _object(part.get("properties"))
    inner = [(f"{path}.{name}".lstrip("."), value, name in required) for name, value in properties.items()]
    if isinstance(part.get("items"), dict):
        inner.append((f"{path}[]", part["items"], False))
    for place in ("$defs", "definitions"):
        inner += [
            (f"{path}.{place}.{name}".lstrip("."), value, False) for name, value in _object(part.get(place)).items()
        ]
    return inner


def _field(part: Any, *, required: bool, whole: bool) -> _Field:
    if not isinstance(part, dict) or whole:
        return _Field((part, required), _shown(part))
    schema = cast("JsonSchema", part)
    keywords = {name: value for name, value in schema.items() if name not in _ANNOTATIONS | _STRUCTURE}
    words = [_type(schema), *(["required"] if required else [])]
    words += [f"{name} {_shown(value)}" for name, value in sorted(keywords.items())]
    undeclared = set(map(str, _list(schema.get("required")))) - set(_object(schema.get("properties")))
    words += [f"requires {name}" for name in sorted(undeclared)]
    return _Field((schema.get("type"), required, keywords, undeclared), ", ".join(words))


def _type(schema: JsonSchema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return " or ".join(map(str, cast("list[Any]", kind)))
    return str(kind) if kind else "any"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
