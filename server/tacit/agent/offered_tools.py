"""The server's tools as a model is offered them, for each of its calls pays for all of their schemas."""

from __future__ import annotations

from typing import Any, cast

from mcp_types import Tool

from tacit.schemas.published import rewritten

_NULL = {"type": "null"}


def offered(tool: Tool) -> dict[str, Any]:
    """Return a tool in the form of chat completions."""
    function = {"name": tool.name, "description": tool.description or "", "parameters": outlined(tool.input_schema)}
    return {"type": "function", "function": function}


def outlined(schema: Any) -> Any:
    """Return a schema without null as another word for leaving something out, and without the models it refers to.

    A model is any object here: those of `mutate_capability` (tests, permissions) are explained by its brief, which
    comes before they are needed, and by what it answers when they are wrong.
    """
    outline = rewritten(schema, _outlined)
    return {keyword: part for keyword, part in outline.items() if keyword != "$defs"}


def _outlined(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return {"type": "object", **{keyword: part for keyword, part in schema.items() if keyword != "$ref"}}
    kept = {keyword: part for keyword, part in schema.items() if not (keyword == "default" and part is None)}
    choices: Any = kept.get("anyOf")
    if isinstance(choices, list) and _NULL in choices:
        others = [choice for choice in cast("list[Any]", choices) if choice != _NULL]
        if len(others) == 1:
            del kept["anyOf"]
            return {**others[0], **kept}
        kept["anyOf"] = others or [_NULL]
    return kept
