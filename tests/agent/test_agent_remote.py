"""The agent with a server that runs already, over streamable HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from agent_command import environment
from agent_scripts import REVERSE_STRING, answer, run
from agent_scripts import agent as played
from scripted_llm import call

REVERSE = "Reverse the string 'hello world'"
TOKEN = "a-token-of-sixteen-characters-or-more"

Serve = Callable[..., str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start `tacit serve` over HTTP on a data folder of its own, with these settings, and return its address."""
    started: list[subprocess.Popen[str]] = []

    def start(**settings: object) -> str:
        command = [sys.executable, "-m", "tacit.cli", "serve", "--transport", "http", "--port", "0"]
        folder = ["--data", str(tmp_path / "served")]
        started.append(
            subprocess.Popen([*command, *folder], env=environment(**settings), stderr=subprocess.PIPE, text=True)
        )
        return _address(started[-1])

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=30)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("tacit: listening on "):
            return f"{line.split()[-1]}/mcp"
    raise AssertionError("the server ended before it listened")


def test_task_is_solved_on_a_running_server(serve: Serve, agent: Callable, play: Callable, home: Path) -> None:
    """With its token; the agent's own data folder is not touched."""
    url = serve(tokens=f'["{TOKEN}"]')
    moves = {REVERSE: [run("reverse_string", text="hello world"), answer(lambda out: f"It is {out['reversed']}.")]}
    done = agent(REVERSE, "--url", url, "--token", TOKEN, llm=play(played(moves)))
    assert (done.returncode, done.stderr) == (0, "")
    assert "It is dlrow olleh." in done.stdout
    assert not home.exists()


@pytest.mark.parametrize("options", [[], ["--token", "a-wrong-token-of-many-characters"]], ids=["none", "wrong"])
def test_server_refuses_who_has_no_token(options: list[str], serve: Serve, agent: Callable, play: Callable) -> None:
    """One line names the option, and no token is repeated."""
    url = serve(tokens=f'["{TOKEN}"]')
    done = agent(REVERSE, "--url", url, *options, llm=play(played({})))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("tacit: server_failed: ")
    assert "--token" in done.stderr
    assert "a-wrong-token" not in done.stderr


def test_agents_model_is_the_author_where_the_server_has_none(serve: Serve, agent: Callable, play: Callable) -> None:
    """It gets the brief, hands in source and tests, and runs what it made."""
    specified = {
        name: REVERSE_STRING.specification[name]
        for name in ("id", "summary", "input_schema", "output_schema", "examples")
    }
    moves = {
        REVERSE: [
            call("mutate_capability", task=REVERSE_STRING.task),
            call("mutate_capability", **specified, source=REVERSE_STRING.source, tests=REVERSE_STRING.tests),
            run("reverse_string", s="hello world"),
            answer(lambda out: f"It is {out['reversed']}."),
        ]
    }
    llm = play(played(moves))
    done = agent(REVERSE, "--url", serve(shipped="false"), llm=llm)
    assert "needs_source" in done.stdout
    assert "It is dlrow olleh." in done.stdout
    brief, made = (message["content"] for message in llm.requests[2]["messages"] if message["role"] == "tool")
    assert "capability_common" in brief
    assert "- reverse_string (pure): " in made
