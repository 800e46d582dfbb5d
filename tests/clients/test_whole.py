"""The real server on the real service: what a client does from its first search to a new capability."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, get_default_environment

pytestmark = pytest.mark.anyio
SOURCE = """
use capability_common::{run, Error};
use serde::Deserialize;

#[derive(Deserialize)]
struct Input { text: String }

fn main() {
    run(|input: Input| -> Result<usize, Error> { Ok(input.text.chars().filter(|c| "aeiou".contains(*c)).count()) })
}
"""
REQUEST: dict[str, Any] = {
    "task": "count the vowels in a text",
    "id": "count_vowels",
    "summary": "Counts the vowels in a text.",
    "source": SOURCE,
    "input_schema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    "output_schema": {"type": "integer"},
    "tests": [
        {"name": "counts", "input": {"text": "banana"}, "expect": {"output": 3}},
        {"name": "counts none", "input": {"text": "rhythm"}, "expect": {"output": 0}},
    ],
    "examples": ["how many vowels are in banana?"],
}


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_client_makes_a_capability_and_finds_it_after_a_restart(tmp_path: Path, era: str) -> None:
    """Search, brief, source, run; and all is remembered by the next server."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "tacit.cli", "serve", "--data", str(tmp_path)],
        env=get_default_environment(),
    )
    with anyio.fail_after(120):
        async with Client(server, mode=era) as client:
            brief = await client.call_tool("mutate_capability", {"task": REQUEST["task"]})
            made = await client.call_tool("mutate_capability", REQUEST)
            first = await client.call_tool("run_capability", {"id": "count_vowels", "input": {"text": "aeiou"}})
        async with Client(server, mode=era) as client:
            found = await client.call_tool("search_capabilities", {"query": "vowels in banana"})
            second = await client.call_tool("run_capability", {"id": "count_vowels", "input": '{"text": "aeiou"}'})
    answers = [answer.structured_content or {} for answer in (brief, made, first, found, second)]
    assert [answers[0]["status"], answers[1]["status"]] == ["needs_source", "registered"], made.content
    assert answers[3]["hits"][0]["id"] == "count_vowels"
    assert [answers[2]["output"], answers[4]["output"]] == [5, 5]
