"""A conversation at a real terminal: the prompt, its history, Ctrl-C at each kind of step, and the end."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from agent_command import COMMAND, environment
from agent_scripts import REVERSE_STRING, answer, run
from agent_scripts import agent as played
from authors import hangs
from scripted_llm import Author, ChatRequest, Says, call, hang, say
from terminal_person import CTRL_C, CTRL_D, ENTER, UP, Person

import tacit
from tacit.config import Settings
from tacit.models import MutateRequest
from tacit.store import Store

GREETING = "/help says more."
PROMPT = ">"
REVERSE = "Reverse 'abc'"
SPIN = """
use capability_common::{run, Error};
use serde::Deserialize;

#[derive(Deserialize)]
struct Input { spin: bool, number: u32 }

fn main() {
    run(|input: Input| -> Result<u32, Error> {
        while input.spin { std::hint::black_box(()); }
        Ok(input.number * 2)
    })
}
"""

Sit = Callable[..., Person]


@pytest.fixture
def sit(home: Path, tmp_path: Path, play: Callable) -> Iterator[Sit]:
    """Seat a person at a terminal where `tacit agent` runs with these arguments and a scripted model."""
    seated: list[Person] = []

    def seat(author: Author, *arguments: str, **settings: object) -> Person:
        command = [*COMMAND, *arguments, "--data", str(home)]
        seated.append(Person(command, environment(play(author), **settings), tmp_path))
        return seated[-1]

    yield seat
    for person in seated:
        person.close()


def reverser(**more: list) -> Author:
    """Return a model that reverses texts, and does more where it is asked to."""
    moves = {REVERSE: [run("reverse_string", text="abc"), answer(lambda out: f"It is {out['reversed']}.")]}
    return played({**moves, **{task.replace("_", " "): each for task, each in more.items()}})


def test_conversation_answers_one_task_after_another(sit: Sit) -> None:
    """Each with its steps; Ctrl-D on an empty line ends it with success."""
    person = sit(reverser())
    person.sees(GREETING)
    for _ in range(2):
        person.sees(PROMPT)
        person.enters(REVERSE)
        steps = person.sees("LLM calls")
        assert "[FINAL ANSWER]" in steps
        assert "It is cba." in steps
    person.sees(PROMPT)
    person.types(CTRL_D)
    assert person.leaves() == 0


@pytest.mark.parametrize("word", ["exit", "quit", " exit "])
def test_word_ends_the_conversation(word: str, sit: Sit) -> None:
    """As people try first."""
    person = sit(reverser())
    person.sees(PROMPT)
    person.enters(word)
    assert person.leaves() == 0


def test_commands_say_what_they_do(sit: Sit) -> None:
    """/help lists them, /nearest searches, /usage counts the whole session; an unknown one gets the list."""
    person = sit(reverser())
    person.sees(PROMPT)
    person.enters("/help")
    assert "/usage" in person.sees("this text")
    person.enters("/nearest reverse a text")
    person.sees("reverse_string (score")
    person.enters("/usage")
    person.sees("0 LLM calls")
    person.enters("/nonsense")
    person.sees("/usage")


def test_history_is_kept_for_the_next_session_and_for_nobody_else(sit: Sit, home: Path) -> None:
    """The arrow up brings back what was entered the day before; the file is its owner's alone."""
    person = sit(reverser())
    person.sees(PROMPT)
    person.enters(REVERSE)
    person.sees("LLM calls")
    person.sees(PROMPT)
    person.types(CTRL_D)
    assert person.leaves() == 0
    assert stat.S_IMODE((home / "agent_history").stat().st_mode) == 0o600
    again = sit(reverser())
    again.sees(PROMPT)
    again.types(UP)
    again.sees(REVERSE)
    again.types(ENTER)
    again.sees("It is cba.")


def test_line_can_be_edited(sit: Sit) -> None:
    """Back to the start of the line, and on."""
    person = sit(reverser())
    person.sees(PROMPT)
    person.types("everse 'abc'")
    person.sees("everse 'abc'")
    person.types("\x01R" + ENTER)
    assert "reverse_string" in person.sees("It is cba.")


@pytest.mark.parametrize("as_signal", [False, True])
def test_ctrl_c_at_the_prompt_clears_the_line(as_signal: bool, sit: Sit) -> None:
    """As a key, and as a signal of another program: what was typed is gone, and the session is not."""
    person = sit(reverser())
    person.sees(PROMPT)
    person.types("something wrong")
    person.sees("something wrong")
    if as_signal:
        person.interrupts_by_signal()
        person.sees_the_line_cleared()
    else:
        person.types(CTRL_C)
    person.enters(REVERSE)
    person.sees("It is cba.")
    person.sees(PROMPT)
    person.types(CTRL_D)
    assert person.leaves() == 0


def test_ctrl_c_stops_a_model_that_hangs(sit: Sit) -> None:
    """The request is given up; the next task is solved, and the model is told that this one was not."""
    asked: list[ChatRequest] = []

    def author(request: ChatRequest) -> Says:
        asked.append(request)
        return solving(request)

    solving = reverser(think_for_ever=[hang()])
    person = sit(author)
    person.sees(PROMPT)
    person.enters("think for ever")
    person.sees("Nearest capabilities:")
    _until(lambda: bool(asked))
    person.types(CTRL_C)
    person.sees("(stopped)")
    person.enters(REVERSE)
    person.sees("It is cba.")
    assert [message["content"] for message in asked[-1].messages[1:3]] == [
        "think for ever",
        "(stopped before an answer)",
    ]


def test_ctrl_c_stops_a_run(sit: Sit, home: Path) -> None:
    """The guest is stopped and its run recorded as cancelled, long before its own time is up."""
    _register_spinner(home)
    person = sit(reverser(spin=[run("spin_for_ever", spin=True, number=1)]), limits__wall_seconds=3000)
    person.sees(PROMPT)
    person.enters("spin")
    person.sees("spin_for_ever {")
    person.types(CTRL_C)
    person.sees("(stopped)")
    person.enters(REVERSE)
    person.sees("It is cba.")
    with Store.open(home) as store:
        assert [outcome.error_code for outcome in store.runs.outcomes("spin_for_ever", 1, 10)] == ["cancelled"]


def test_ctrl_c_stops_a_build(sit: Sit, home: Path) -> None:
    """The author that hangs is stopped, and the build's record says cancelled."""
    agent = played({"make it": [call("mutate_capability", task=REVERSE_STRING.task)]}, hangs(REVERSE_STRING))
    person = sit(agent, shipped="false")
    person.sees(PROMPT)
    person.enters("make it")
    person.sees("20% tests:")
    person.types(CTRL_C)
    person.sees("(stopped)")
    person.sees(PROMPT)
    person.types(CTRL_D)
    person.leaves()
    with tacit.open(Settings.load(data=home, shipped=False)) as app:
        assert [build["status"] for build in app.service.builds()] == ["cancelled"]


def test_ctrl_c_ends_a_single_task(sit: Sit, play: Callable) -> None:
    """With the exit code of what was interrupted."""
    person = sit(reverser(think_for_ever=[hang()]), "think for ever")
    person.sees("Nearest capabilities:")
    person.types(CTRL_C)
    assert person.leaves() == 130


@pytest.mark.parametrize(("reply", "granted"), [("y", True), ("", False), ("n", False), ("what?", False)])
def test_person_is_asked_to_grant(reply: str, granted: bool, sit: Sit, home: Path) -> None:
    """What a new capability needs is granted by a yes and by nothing else."""
    request = {**_timekeeper(), "permissions": {"time": True}}
    person = sit(played({"make it": [call("mutate_capability", **request), say("Made.")]}), grants="{}")
    person.sees(PROMPT)
    person.enters("make it")
    person.sees("[y/N]")
    person.enters(reply)
    person.sees("Made.")
    with tacit.open(Settings.load(data=home, grants={})) as app:
        found = app.service.search("tell_time", 1).hits[0]
    assert (found.permissions_not_granted is None) is granted


def _timekeeper() -> dict:
    source = """
use capability_common::{current_time_millis, run, Error};
use serde::Deserialize;

#[derive(Deserialize)]
struct Input { offset: u64 }

fn main() {
    run(|input: Input| -> Result<u64, Error> { Ok(current_time_millis() as u64 + input.offset) })
}
"""
    return {
        "id": "tell_time",
        "summary": "Tells the time in milliseconds, shifted by an offset.",
        "source": source,
        "input_schema": {"type": "object", "properties": {"offset": {"type": "integer"}}, "required": ["offset"]},
        "tests": [
            {"name": "adds", "input": {"offset": 2}, "now": 5, "expect": {"output": 7}},
            {"name": "adds more", "input": {"offset": 20}, "now": 6, "expect": {"output": 26}},
        ],
    }


def _register_spinner(home: Path) -> None:
    request = {
        "id": "spin_for_ever",
        "summary": "Spins as long as it is let, for tests.",
        "source": SPIN,
        "input_schema": {"type": "object", "properties": {"spin": {"type": "boolean"}, "number": {"type": "integer"}}},
        "tests": [
            {"name": f"doubles {number}", "input": {"spin": False, "number": number}, "expect": {"output": 2 * number}}
            for number in (1, 2)
        ],
        "force": True,
    }
    with tacit.open(Settings.load(data=home)) as app:
        answered = app.service.mutate(MutateRequest.model_validate(request), wait_seconds=120)
        assert answered.status == "registered", answered


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
