"""The server's tools as a model is offered them."""

from __future__ import annotations

from typing import Any, cast

from mcp_types import Tool

from tacit.tool_schemas import rewritten

_NULL = {"type": "null"}


def offered(tool: Tool) -> dict[str, Any]:
    """Return a tool in the form of chat completions."""
    function = {"name": tool.name, "description": tool.description or "", "parameters": without_null(tool.input_schema)}
    return {"type": "function", "function": function}


def without_null(schema: Any) -> Any:
    """Return a schema without null as another word for leaving something out; what the result accepts, it accepts."""
    return rewritten(schema, _given)


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    kept = {keyword: part for keyword, part in schema.items() if not (keyword == "default" and part is None)}
    choices: Any = kept.get("anyOf")
    if isinstance(choices, list) and _NULL in choices:
        others = [choice for choice in cast("list[Any]", choices) if choice != _NULL]
        if len(others) == 1:
            del kept["anyOf"]
            return {**others[0], **kept}
        kept["anyOf"] = others or [_NULL]
    return kept
