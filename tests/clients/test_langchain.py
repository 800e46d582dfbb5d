"""langchain-mcp-adapters, a client of the handshake era, over each transport.

It needs an SDK below 2, so it lives in an environment of its own and is driven by a script.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from client_programs import HERE, SAMPLE


@pytest.mark.parametrize("transport", ["stdio", "streamable_http", "sse"])
def test_langchain_uses_the_three_tools(
    transport: str, langchain_python: Path, events: Path, request: pytest.FixtureRequest
) -> None:
    """Tools are listed, called, and fail with the code in their text."""
    if transport == "stdio":
        target = [sys.executable, str(SAMPLE), str(events), "stdio"]
    else:
        path = {"streamable_http": "/mcp", "sse": "/sse"}[transport]
        target = [request.getfixturevalue("serve_http")() + path]
    command = [str(langchain_python), str(HERE / "langchain_client.py"), transport, *target]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert answers["tools"] == ["search_capabilities", "run_capability", "mutate_capability"]
    assert answers["search"][0].startswith("1. echo@2")
    assert json.loads(answers["run"][0]) == {"text": "a"}
    assert answers["mutate"][0].startswith("needs_source.")
    assert "unknown_capability" in answers["failed"][0]
