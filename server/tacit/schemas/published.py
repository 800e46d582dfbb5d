"""Schemas of tools, without what tells a model nothing and is paid for in every session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

_VALUES = frozenset({"default", "const", "enum", "examples"})
_MAPS = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})


def untitled(schema: Any) -> Any:
    """Return a schema without the titles that pydantic makes of names; it accepts the same values."""
    return rewritten(schema, _without_title)


def rewritten(schema: Any, rule: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Return what `rule` makes of each schema in a schema, the innermost first; the values in it stay as they are."""
    if isinstance(schema, list):
        return [rewritten(part, rule) for part in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    return rule({word: _rewritten_part(word, part, rule) for word, part in cast("dict[str, Any]", schema).items()})


def _rewritten_part(keyword: str, part: Any, rule: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if keyword in _VALUES:
        return part
    if keyword in _MAPS:
        return {name: rewritten(inner, rule) for name, inner in part.items()}
    return rewritten(part, rule)


def _without_title(schema: dict[str, Any]) -> dict[str, Any]:
    return {keyword: part for keyword, part in schema.items() if keyword != "title"}
