"""`tacit shell` at a real terminal: its prompt, its history, Ctrl-C at each kind of step, and every way to end it."""

from __future__ import annotations

import os
import re
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from program_samples import GREET, OpenApp
from terminal_person import CTRL_C, CTRL_D, ENTER, UP, Person

from tacit.app import App
from tacit.models import MutateRequest
from tacit.store import Store

COMMAND = [sys.executable, "-m", "tacit.cli", "shell", "--energy", "1e12"]
PROMPT = "tacit>"
GREETED = 'push {"name": "Ada"}\ncall greet 1\npop\n'
ENDLESS = f"{GREETED}push 0\nstore n\nagain:\nload n\npush 1\ncall add 2\nstore n\npush true\njump_if again\n"
ONE_MORE = "call input 0\npush then\ncall get 2\npush 1\ncall add 2\n"
SPIN = f"{GREETED}again:\ncall input 0\npush spin\ncall get 2\njump_if again\n{ONE_MORE}"
SPINNING = 'push {"spin": true, "then": 1}\ncall spin 1\nstore found\n'
Sit = Callable[..., Person]
Starts = Callable[[Person, str], None]


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app with a program that greets, and one that spins where it is told to."""
    app = open_app(shipped=False, limits__wall_seconds=3000)
    _make(app, "greet", GREET, [({"name": each}, f"Hello, {each}!") for each in ("Bob", "Ann")])
    _make(app, "spin", SPIN, [({"spin": False, "then": each}, each + 1) for each in (1, 2)], "greet")
    return app


@pytest.fixture
def sit(app: App, tmp_path: Path) -> Iterator[Sit]:
    """Seat a person at a terminal where the shell runs on that app's data folder."""
    seated: list[Person] = []
    settings = {"TACIT_DATA": str(tmp_path / "data"), "TACIT_EMBEDDER": "none", "TACIT_SHIPPED": "false"}
    settings |= {"TACIT_LIMITS__WALL_SECONDS": "3000", "TACIT_LIMITS__ENERGY": str(10**15)}
    (tmp_path / "endless.program").write_text(ENDLESS)
    (tmp_path / "spinning.program").write_text(SPINNING)

    def seat(**terminal: Any) -> Person:
        person = Person(COMMAND, {**os.environ, **settings}, tmp_path, **terminal)
        seated.append(person)
        person.sees(PROMPT)
        return person

    yield seat
    for person in seated:
        person.close()


@pytest.fixture
def starts(app: App, tmp_path: Path) -> Starts:
    """Have a program run that never ends, and wait until it has greeted somebody, and so is under way."""

    def start(person: Person, file: str) -> None:
        with Store.open(tmp_path / "data") as store:
            before = _greetings(store)
            person.enters(f"compile {file}")
            person.sees("at 0")
            person.enters("run")
            _until(lambda: _greetings(store) > before)

    return start


def test_lines_can_be_edited_and_are_kept(sit: Sit, tmp_path: Path) -> None:
    """Back to the start of the line and on; the arrow up has it in the next shell too, for its owner alone."""
    person = sit()
    person.types("ist")
    person.sees("ist")
    person.types("\x01l" + ENTER)
    person.sees("There are no programs yet.")
    person.sees(PROMPT)
    person.types(CTRL_D)
    assert person.leaves() == 0
    assert stat.S_IMODE((tmp_path / "data" / "shell_history").stat().st_mode) == 0o600
    again = sit()
    again.types(UP + ENTER)
    again.sees("There are no programs yet.")


def test_ctrl_c_stops_a_program_and_not_the_shell(sit: Sit, starts: Starts) -> None:
    """However often it is pressed; what was used stays used, and the program goes on where it was."""
    person = sit()
    starts(person, "endless.program")
    person.types(CTRL_C * 3)
    stopped = person.sees("go on there")
    person.enters("energy")
    assert "left (conserved)" in person.sees("left (conserved)")
    person.enters("step")
    stepped = person.sees("next    ")
    assert re.search(rf"^ +{stopped.partition('before ')[2].split()[0]}  ", stepped, re.MULTILINE)
    assert "memory  n = " in stepped
    person.sees(PROMPT)
    person.types(CTRL_D)
    assert person.leaves() == 0


def test_ctrl_c_in_a_capability_goes_back_before_its_call(sit: Sit, starts: Starts) -> None:
    """So the program can be stepped on, which calls it again."""
    person = sit()
    starts(person, "spinning.program")
    person.types(CTRL_C)
    stopped = person.sees("go on there").partition("before 1")[2]
    assert "call" in stopped
    assert "spin" in stopped
    person.enters("snapshot kept.json")
    person.sees("kept.json, at 1.")


@pytest.mark.parametrize("as_signal", [False, True])
def test_ctrl_c_at_the_prompt_clears_the_line(as_signal: bool, sit: Sit) -> None:
    """As a key and as a signal; the shell goes on."""
    person = sit()
    person.types("something wrong")
    person.sees("something wrong")
    if as_signal:
        person.interrupts_by_signal()
        person.sees("something wrong")
        person.sees(PROMPT)
    else:
        person.types(CTRL_C)
    person.enters("status")
    person.sees("session")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_shell_tidily(number: signal.Signals, sit: Sit, starts: Starts, app: App) -> None:
    """At the prompt and in the middle of a run: with the signal's exit code, the terminal as before, and stats kept."""
    person = sit()
    person.enters("compile endless.program")
    person.sees("at 0")
    person.sees(PROMPT)
    person.sends(number)
    assert person.leaves() == 128 + number
    assert person.sees_what_is_typed()
    running = sit()
    starts(running, "endless.program")
    running.sends(number)
    assert running.leaves() == 128 + number
    assert running.sees_what_is_typed()
    assert [each["compiled"] for each in app.service.stats()["sessions"][:2]] == [1, 1]


def test_a_closed_window_ends_the_shell(sit: Sit, starts: Starts) -> None:
    """Also while a program loops."""
    assert sit().closes_the_window() == 128 + signal.SIGHUP
    person = sit()
    starts(person, "endless.program")
    assert person.closes_the_window() == 128 + signal.SIGHUP


def test_a_long_output_is_shortened(sit: Sit, tmp_path: Path) -> None:
    """A terminal is shown how much there is besides."""
    (tmp_path / "long.program").write_text(f'push "{"x" * 50_000}"\n')
    person = sit()
    person.enters("compile long.program")
    person.sees("at 0")
    person.enters("run")
    assert person.sees("characters more)").count("x") == 9_999


@pytest.mark.parametrize("terminal", [{"terminal": "dumb"}, {"columns": 24}])
def test_poor_terminals_do(terminal: dict[str, Any], sit: Sit) -> None:
    """Without any control sequence, and with hardly any columns."""
    person = sit(**terminal)
    person.enters("help")
    person.sees("deactivate")
    person.enters("exit")
    assert person.leaves() == 0


def test_keys_that_are_no_text_are_harmless(sit: Sit) -> None:
    """Bytes that are no UTF-8 make an unknown command, shown without them."""
    person = sit()
    person.types(b"ab\xff\xfe\xc3(" + ENTER.encode())
    person.sees("There is no command")
    person.enters("status")
    person.sees("session")
    person.enters("exit")
    assert person.leaves() == 0


def _make(app: App, name: str, source: str, tests: list[tuple[Any, Any]], *calls: str) -> None:
    request = {
        "id": name,
        "summary": f"Does what the tests of shells need: {name}.",
        "language": "program",
        "source": source,
        "tests": [
            {
                "name": f"test {number}",
                "input": given,
                "calls": dict.fromkeys(calls, "said"),
                "expect": {"output": output},
            }
            for number, (given, output) in enumerate(tests)
        ],
        "permissions": {"call": list(calls)},
        "force": True,
    }
    answer = app.service.mutate(MutateRequest.model_validate(request))
    assert answer.status == "registered", answer.message


def _greetings(store: Store) -> int:
    tally = store.runs.tallies().get(("greet", 1))
    return tally.runs if tally else 0


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
