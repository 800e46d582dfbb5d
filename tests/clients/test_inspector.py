"""The official Inspector's command line, over each transport. It exits with 0 even for errors: its JSON is read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from client_programs import SAMPLE

Inspect = Callable[..., dict[str, Any]]


@pytest.fixture(params=["stdio", "http", "sse"])
def inspect(request: pytest.FixtureRequest, npm_clients: Path, events: Path) -> Inspect:
    """Run the Inspector against a sample server and return the JSON that it prints."""
    if request.param == "stdio":
        target = [sys.executable, str(SAMPLE), str(events), "stdio"]
    else:
        path = {"http": "/mcp", "sse": "/sse"}[request.param]
        target = [request.getfixturevalue("serve_http")() + path, "--transport", request.param]
    script = npm_clients / "@modelcontextprotocol" / "inspector" / "cli" / "build" / "cli.js"

    def run(*arguments: str) -> dict[str, Any]:
        command = ["node", str(script), "--cli", *target, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    return run


def test_inspector_lists_the_tools(inspect: Inspect) -> None:
    """The three, with their schemas."""
    tools = inspect("--method", "tools/list")["tools"]
    assert [tool["name"] for tool in tools] == ["search_capabilities", "run_capability", "mutate_capability"]
    assert all(tool["inputSchema"]["type"] == "object" and tool["outputSchema"]["type"] == "object" for tool in tools)


def test_inspector_runs_a_capability(inspect: Inspect) -> None:
    """The Inspector sends the input as a string, which the object's schema takes."""
    call = ["--method", "tools/call", "--tool-name", "run_capability"]
    result = inspect(*call, "--tool-arg", "id=objects_only", "--tool-arg", 'input={"text": "a"}')
    assert result["structuredContent"]["output"] == {"text": "a"}


def test_inspector_sees_a_failed_call(inspect: Inspect) -> None:
    """A failed call is an answer with `isError`, its code first."""
    result = inspect("--method", "tools/call", "--tool-name", "run_capability", "--tool-arg", "id=missing")
    assert result["isError"]
    assert result["content"][0]["text"].startswith("unknown_capability: ")
