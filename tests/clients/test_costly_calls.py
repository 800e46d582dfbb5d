"""The real server, asked for what a schema makes costly: it goes on answering others meanwhile."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from costly_schemas import ENDLESS, register_echo
from mcp import Client
from mcp.client.stdio import StdioServerParameters, get_default_environment

import tacit
from tacit.config import Settings

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("schemas", "value", "code"),
    [
        ({"input_schema": ENDLESS}, {"costly": 1}, "unchecked_input"),
        ({"output_schema": ENDLESS}, {"costly": 1}, "timeout"),
        ({"input_schema": {"items": {"enum": [number + 0.5 for number in range(30_000)]}}}, [7] * 800, "invalid_input"),
    ],
    ids=["input", "output", "enum"],
)
async def test_calls_are_answered_while_a_value_is_checked(
    schemas: dict[str, Any], value: Any, code: str, tmp_path: Path
) -> None:
    """Twenty other runs, one after the other, are all answered before the costly one."""
    with tacit.open(Settings.load(data=tmp_path, embedder="none")) as app:
        register_echo(app, "echo_costly", **schemas)
        app.service.run("reverse_string", {"text": "abc"})
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "tacit.cli", "serve", "--data", str(tmp_path)],
        env=get_default_environment() | {"TACIT_EMBEDDER": "none"},
    )
    answers: list[str] = []
    with anyio.fail_after(60):
        async with Client(server) as client:
            await client.call_tool("run_capability", {"id": "reverse_string", "input": {"text": "first"}})

            async def run_costly() -> None:
                answer = await client.call_tool("run_capability", {"id": "echo_costly", "input": value})
                answers.append(answer.content[0].text.split(":")[0])

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run_costly)
                await anyio.sleep(0.1)
                for number in range(20):
                    text = f"text {number}"
                    await client.call_tool("run_capability", {"id": "reverse_string", "input": {"text": text}})
                    answers.append("other")
    assert answers == ["other"] * 20 + [code]
