"""Programs through what people and clients use: `tacit mutate`, and the tool `mutate_capability`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client
from program_samples import GREET, OpenApp, greet

from tacit.tools.server import build_server

TESTS = greet().model_dump(mode="json", include={"tests"}, exclude_unset=True)["tests"]
GREET_CALL = {
    "id": "greet",
    "summary": greet().summary,
    "source": GREET,
    "tests": TESTS,
    "input": {"name": "Eve"},
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_mutate_makes_a_program_of_files(tmp_path: Path) -> None:
    """With --language program the source is one, and is run on the input at once."""
    (tmp_path / "main.program").write_text(GREET)
    (tmp_path / "tests.json").write_text(json.dumps(TESTS))
    command = [sys.executable, "-m", "tacit.cli", "mutate", "--json", "--language", "program", "--id", "greet"]
    command += ["--summary", greet().summary, "--source", str(tmp_path / "main.program")]
    command += ["--tests", str(tmp_path / "tests.json"), "--input", '{"name": "Eve"}', "--data", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"]["output"] == "Hello, Eve!"


@pytest.mark.anyio
async def test_the_tool_makes_a_program(open_app: OpenApp) -> None:
    """A client that names the language gets a version and its output."""
    app = open_app(shipped=False)
    async with Client(build_server(lambda: app)) as client:
        result = await client.call_tool("mutate_capability", {**GREET_CALL, "language": "program"})
    assert result.structured_content is not None
    assert result.structured_content["status"] == "registered", result.structured_content
    assert result.structured_content["run"]["output"] == "Hello, Eve!"


@pytest.mark.anyio
async def test_the_tool_shows_the_lines_of_mistakes(open_app: OpenApp) -> None:
    """The refusal's text has them, since many clients show a model nothing else."""
    app = open_app(shipped=False)
    async with Client(build_server(lambda: app)) as client:
        asked = {**GREET_CALL, "source": "push 1\nnonsense\n", "language": "program"}
        result = await client.call_tool("mutate_capability", asked)
    text = "\n".join(part.text for part in result.content if part.type == "text")
    assert "line 2: expected one of push" in text


@pytest.mark.anyio
async def test_the_tool_refuses_other_languages(open_app: OpenApp) -> None:
    """Nothing is made, and what there is is named."""
    app = open_app(shipped=False)
    async with Client(build_server(lambda: app)) as client:
        result = await client.call_tool("mutate_capability", {**GREET_CALL, "language": "cobol"})
    text = "\n".join(part.text for part in result.content if part.type == "text")
    assert result.is_error
    assert "program" in text
    assert app.service.list() == []
