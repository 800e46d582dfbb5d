"""`tacit agent` without a terminal: tasks from lines of stdin, nobody to ask, outputs that cannot be written."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from agent_command import COMMAND, environment
from agent_scripts import agent as played
from agent_scripts import answer, run
from scripted_llm import call, say
from terminal_person import Person

from tacit.building.descendants import children

REVERSE = "Reverse 'abc'"
MOVES = {
    REVERSE: [run("reverse_string", text="abc"), answer(lambda out: f"It is {out['reversed']}.")],
    "Go on for ever": [run("reverse_string", text="abc")],
}
ASKS = {
    "id": "shout_time",
    "summary": "Answers the time in milliseconds plus an offset.",
    "source": """
use capability_common::{current_time_millis, run, Error};
use serde::Deserialize;

#[derive(Deserialize)]
struct Input { offset: i64 }

fn main() {
    run(|input: Input| -> Result<i64, Error> { Ok(current_time_millis() + input.offset) })
}
""",
    "input_schema": {"type": "object", "properties": {"offset": {"type": "integer"}}, "required": ["offset"]},
    "tests": [
        {"name": "adds", "input": {"offset": 2}, "now": 5, "expect": {"output": 7}},
        {"name": "adds more", "input": {"offset": 20}, "now": 6, "expect": {"output": 26}},
    ],
    "permissions": {"time": True},
}


def test_each_line_is_a_task(agent: Callable, play: Callable) -> None:
    """Empty ones are passed over, commands are carried out, and there is no prompt."""
    done = agent(llm=play(played(MOVES)), stdin=f"{REVERSE}\n\n/usage\n{REVERSE}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("It is cba.") == 2
    assert done.stdout.startswith("Nearest capabilities:")


def test_task_that_fails_does_not_end_the_rest(agent: Callable, play: Callable) -> None:
    """It is said on stderr, and in the exit code."""
    done = agent(llm=play(played(MOVES)), stdin=f"Go on for ever\n{REVERSE}\n")
    assert done.returncode == 1
    assert done.stderr.startswith("tacit: llm_broken: ")
    assert "It is cba." in done.stdout


def test_follow_up_has_what_was_said_before(agent: Callable, play: Callable) -> None:
    """The task before, its calls and its answer, before the new task."""
    llm = play(played(MOVES))
    agent(llm=llm, stdin=f"{REVERSE}\n{REVERSE}\n")
    roles = [message["role"] for message in llm.requests[2]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "JSON"])
def test_nothing_is_granted_where_nobody_is_there(options: list[str], agent: Callable, play: Callable) -> None:
    """The way to grant it is said instead."""
    moves = {"make it": [call("mutate_capability", **ASKS), say("Made.")]}
    done = agent("make it", *options, llm=play(played(moves)), grants="{}")
    assert done.returncode == 0
    assert "not granted. `tacit grant` grants it." in (done.stderr if options else done.stdout)
    assert "Made." in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
def test_output_that_cannot_be_written_is_said(play: Callable, home: Path, tmp_path: Path) -> None:
    """One line, exit code 1."""
    command = " ".join([*COMMAND, "--data", str(home), f'"{REVERSE}"'])
    person = Person(["/bin/sh", "-c", f"{command} > /dev/full"], environment(play(played(MOVES))), tmp_path)
    person.sees("The output cannot be written: No space left on device.")
    assert person.leaves() == 1
    person.close()


def test_server_that_dies_ends_the_session(play: Callable, home: Path, tmp_path: Path) -> None:
    """With one line, not a wait for ever."""
    person = Person([*COMMAND, "--data", str(home)], environment(play(played(MOVES))), tmp_path)
    person.sees(">")
    for server in children(person.pid):
        os.kill(server, signal.SIGKILL)
    person.enters(REVERSE)
    person.sees("tacit: server_failed: The server is gone")
    assert person.leaves() == 1
    person.close()
