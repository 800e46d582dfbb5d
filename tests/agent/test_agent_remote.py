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
from server_process import listening_on

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
        return f"{listening_on(started[-1])}/mcp"

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=30)


def test_task_is_solved_on_a_running_server(serve: Serve, agent: Callable, play: Callable, home: Path) -> None:
    """With its token, which no list of processes shows; the agent's own data folder is not touched."""
    url = serve(tokens=f'["{TOKEN}"]')
    moves = {REVERSE: [run("reverse_string", text="hello world"), answer(lambda out: f"It is {out['reversed']}.")]}
    done = agent(REVERSE, "--url", url, llm=play(played(moves)), agent_token=TOKEN)
    assert TOKEN not in " ".join(done.args)
    assert (done.returncode, done.stderr) == (0, "")
    assert "It is dlrow olleh." in done.stdout
    assert not home.exists()


@pytest.mark.parametrize("token", ["", "a-wrong-token-of-many-characters"], ids=["none", "wrong"])
def test_server_refuses_who_has_no_token(token: str, serve: Serve, agent: Callable, play: Callable) -> None:
    """One line names the setting, and no token is repeated."""
    url = serve(tokens=f'["{TOKEN}"]')
    done = agent(REVERSE, "--url", url, llm=play(played({})), agent_token=token)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("tacit: server_failed: ")
    assert "TACIT_AGENT_TOKEN" in done.stderr
    assert "a-wrong-token" not in done.stderr


def test_token_on_the_command_line_goes_before_and_is_warned_of(serve: Serve, agent: Callable, play: Callable) -> None:
    """It lets in, and one line, without the token, says who can read it and what to do instead."""
    url = serve(tokens=f'["{TOKEN}"]')
    llm = play(played({REVERSE: [answer(lambda _: "Done.")]}))
    done = agent(REVERSE, "--url", url, "--token", TOKEN, llm=llm, agent_token="another-one-that-is-wrong")
    assert (done.returncode, "Done." in done.stdout) == (0, True)
    assert done.stderr == (
        "tacit: Others on this machine can read --token in the list of processes; set TACIT_AGENT_TOKEN instead.\n"
    )


def test_token_in_the_env_file_lets_in(
    serve: Serve, agent: Callable, play: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `.env` file in the current folder, which its owner alone may read, will do as well."""
    url = serve(tokens=f'["{TOKEN}"]')
    (tmp_path / ".env").write_text(f"TACIT_AGENT_TOKEN={TOKEN}\n")
    monkeypatch.chdir(tmp_path)
    llm = play(played({REVERSE: [answer(lambda _: "Done.")]}))
    done = agent(REVERSE, "--url", url, llm=llm)
    assert (done.returncode, done.stderr) == (0, "")


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
