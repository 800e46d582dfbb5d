"""Servers to connect to, and the clients of others, installed once into `.cache/clients`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from client_programs import CACHE, HERE, SAMPLE, installing, missing
from mcp.client.stdio import StdioServerParameters
from sample_service import SampleApp
from server_process import listening_on

from tacit.tools.server import TacitServer, build_server


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """The folder in which a sample service leaves a file for each event."""
    folder = tmp_path / "events"
    folder.mkdir()
    return folder


@pytest.fixture
def server(events: Path) -> TacitServer:
    """The three tools over a sample service, in this process."""
    return build_server(lambda: SampleApp(events))


@pytest.fixture
def stdio(events: Path) -> StdioServerParameters:
    """How to start a sample server on stdio."""
    return StdioServerParameters(command=sys.executable, args=[str(SAMPLE), str(events), "stdio"])


Serve = Callable[..., str]


@pytest.fixture
def serve_http(events: Path) -> Iterator[Serve]:
    """Start a sample HTTP server with the tokens given, and return its address."""
    started: list[subprocess.Popen[str]] = []

    def serve(*tokens: str) -> str:
        process = subprocess.Popen(
            [sys.executable, str(SAMPLE), str(events), "http", *tokens], stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return listening_on(process)

    yield serve
    for process in started:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture(scope="session")
def npm_clients() -> Path:
    """The folder `node_modules` with the locked npm clients."""
    if not shutil.which("node") or not shutil.which("npm"):
        missing("node and npm are not on this machine")
    sources = (HERE / "npm" / "package.json", HERE / "npm" / "package-lock.json")
    with installing("npm", *sources) as folder:
        if folder is not None:
            for source in sources:
                shutil.copy(source, folder)
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True)
    return CACHE / "npm" / "node_modules"


@pytest.fixture(scope="session")
def langchain_python() -> Path:
    """The Python of an environment with langchain-mcp-adapters."""
    requirements = HERE / "langchain" / "requirements.txt"
    python = CACHE / "langchain" / "bin" / "python"
    with installing("langchain", requirements) as folder:
        if folder is not None:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True)
            install = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(requirements)]
            subprocess.run(install, check=True, capture_output=True)
    return python
