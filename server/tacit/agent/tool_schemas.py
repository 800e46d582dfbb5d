"""Tools as a model is shown them: the schemas of the server, without what tells nothing and is paid for each time."""

from __future__ import annotations

from typing import Any, cast

from mcp_types import Tool

_VALUES = frozenset({"default", "const", "enum", "examples"})
_NULL = {"type": "null"}


def shown(tool: Tool) -> dict[str, Any]:
    """Return a tool in the form of chat completions."""
    function = {"name": tool.name, "description": tool.description or "", "parameters": slim(tool.input_schema)}
    return {"type": "function", "function": function}


def slim(schema: Any) -> Any:
    """Return a schema without titles, and without null as another word for leaving something out.

    What the result accepts, the schema accepts.
    """
    if isinstance(schema, list):
        return [slim(part) for part in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    parts = cast("dict[str, Any]", schema)
    kept = {name: part if name in _VALUES else slim(part) for name, part in parts.items() if _tells(name, part)}
    choices: Any = kept.get("anyOf")
    if isinstance(choices, list) and _NULL in choices:
        others = [choice for choice in cast("list[Any]", choices) if choice != _NULL]
        if len(others) == 1:
            del kept["anyOf"]
            return {**others[0], **kept}
        kept["anyOf"] = others or [_NULL]
    return kept


def _tells(name: str, part: Any) -> bool:
    """Say whether a keyword tells a model something; a property of that name is a schema, and does."""
    return not (name == "title" and isinstance(part, str)) and not (name == "default" and part is None)
