"""The agent as a person has it: a process that starts its server, with a scripted model behind real HTTP."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from agent_command import COMMAND, environment
from scripted_llm import Author, ScriptedLlm

Agent = Callable[..., "subprocess.CompletedProcess[str]"]
Play = Callable[[Author], ScriptedLlm]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The data folder of one test."""
    return tmp_path / "home"


@pytest.fixture
def play() -> Iterator[Play]:
    """Start a model that an author plays, until the end of the test; it must have been asked as the API wants it."""
    with ExitStack() as running:
        started: list[ScriptedLlm] = []

        def start(author: Author) -> ScriptedLlm:
            started.append(running.enter_context(ScriptedLlm(author)))
            return started[-1]

        yield start
        assert [violation for llm in started for violation in llm.violations] == []


@pytest.fixture
def agent(home: Path) -> Agent:
    """Run `tacit agent` with these arguments on the test's data folder, asking `llm`."""

    def run(*arguments: str | bytes, llm: ScriptedLlm | None = None, stdin: str = "", **settings: Any):
        return subprocess.run(
            [*COMMAND, *arguments, "--data", str(home)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=environment(llm, **settings),
        )

    return run
