"""The TypeScript SDK's client, which checks structured content against the output schemas."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from client_programs import HERE, SAMPLE


@pytest.fixture(params=["stdio", "http"])
def answers(request: pytest.FixtureRequest, npm_clients: Path, events: Path) -> dict[str, Any]:
    """What each tool answered to the client."""
    if request.param == "stdio":
        target = ["stdio", sys.executable, str(SAMPLE), str(events), "stdio"]
    else:
        target = ["http", request.getfixturevalue("serve_http")() + "/mcp"]
    command = ["node", str(HERE / "typescript_client.mjs"), str(npm_clients), *target]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_typescript_client_uses_the_three_tools(answers: dict[str, Any]) -> None:
    """Every answer passes the client's own schema check, failed and refused ones too."""
    assert answers["tools"] == ["search_capabilities", "run_capability", "mutate_capability"]
    assert answers["search"]["structuredContent"]["hits"][0]["id"] == "echo"
    assert answers["run"]["structuredContent"]["output"] == {"text": "a", "none": None}
    assert answers["failed"]["content"][0]["text"].startswith("unknown_capability: ")
    assert answers["refused"]["structuredContent"]["stage"] == "compile"
    assert answers["mutate"]["structuredContent"]["status"] == "needs_source"
