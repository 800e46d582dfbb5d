"""The schemas of tools as every client pays for them."""

from __future__ import annotations

import json

import pytest
from mcp import Client

from tacit.schemas.published import untitled
from tacit.tools.server import TacitServer


def test_untitled_schema_keeps_all_but_titles() -> None:
    """Properties called title or examples are schemas; what a default, a constant or an example holds is none."""
    kept = {"const": {"title": "x"}, "default": {"title": "x"}, "examples": [{"title": "x"}]}
    choice = {"anyOf": [{"type": "string", "title": "A"}, {"type": "null"}], "title": "Title", "default": None}
    schema = {"title": "T", "properties": {"title": choice, "examples": {**kept, "title": "E"}}, "required": ["title"]}
    assert untitled(schema) == {
        "properties": {"title": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}, "examples": kept},
        "required": ["title"],
    }


@pytest.mark.anyio
async def test_no_published_schema_has_a_title(server: TacitServer) -> None:
    """They repeat the names of properties, a sixth of what the schemas cost."""
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
    schemas = json.dumps([[tool.input_schema, tool.output_schema] for tool in tools])
    assert '"properties"' in schemas
    assert '"title": "' not in schemas
