"""Runs of capabilities whose schemas are costly: each ends in time, says why, and holds up no other."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from costly_schemas import ENDLESS, register_echo
from processes_seen import descendants, running
from service_samples import OpenApp

from tacit.app import App
from tacit.config import Limits
from tacit.errors import InvalidInput, RunTimedOut, UncheckedInput
from tacit.schemas import checkers

COSTLY = {"costly": 1}
SHORT = Limits(wall_seconds=2)


def test_an_input_that_cannot_be_checked_in_time_is_not_run(open_app: OpenApp) -> None:
    """The run ends within its wall time, says that its input was not checked, and leaves no record."""
    app = open_app(limits=SHORT)
    register_echo(app, "echo_costly", input_schema=ENDLESS)
    with pytest.raises(UncheckedInput, match="could not be checked within"):
        app.service.run("echo_costly", COSTLY)
    assert app.service.run("echo_costly", {}).output == {}
    assert len(app.service.runs(capability="echo_costly")) == 1


def test_an_output_that_cannot_be_checked_in_time_times_out(open_app: OpenApp) -> None:
    """The run ends as one that took too long, with its record, and is not told its output."""
    app = open_app(limits=SHORT)
    register_echo(app, "echo_costly", output_schema=ENDLESS)
    with pytest.raises(RunTimedOut, match="not held against its output schema") as caught:
        app.service.run("echo_costly", COSTLY)
    assert caught.value.details["run_id"]
    assert app.service.run("echo_costly", {}).output == {}


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("side", ["input_schema", "output_schema"])
def test_what_runs_at_once_asks_no_other_process(side: str, open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event loop does not wait for a checker: such runs are left to a thread."""
    app = open_app()
    register_echo(app, "echo_costly", **{side: ENDLESS})
    assert app.service.run("echo_costly", {}).output == {}
    monkeypatch.setattr(checkers, "ask", lambda *_: pytest.fail("a checker was asked"))
    assert app.service.run_at_once("echo_costly", {}) is None


@pytest.mark.usefixtures("unhurried")
def test_an_output_that_is_too_large_to_check_at_once_is_not_tried_again(open_app: OpenApp) -> None:
    """A run that was given up for what its output takes to check is left to threads from then on."""
    app = open_app()
    register_echo(app, "echo_numbers", output_schema={"items": {"enum": list(range(100))}})
    numbers = [1] * 1000
    assert app.service.run("echo_numbers", numbers).output == numbers
    assert app.service.run_at_once("echo_numbers", numbers) is None
    assert app.service.run("echo_numbers", [*numbers, 2]).output == [*numbers, 2]
    assert app.service.run_at_once("echo_numbers", [3]) is None


def test_costly_runs_hold_up_no_other(open_app: OpenApp) -> None:
    """While more runs than there are checkers wait for one schema, inputs of others are refused with their places."""
    app = open_app(limits=Limits(wall_seconds=10))
    register_echo(app, "echo_costly", input_schema=ENDLESS)
    register_echo(app, "echo_named", input_schema={"items": {"dependentRequired": {"a": ["b"]}}})
    ended: list[str] = []
    costly = [threading.Thread(target=run_costly, args=(app, ended)) for _ in range(checkers.MOST + 1)]
    for thread in costly:
        thread.start()
    with pytest.raises(InvalidInput) as caught:
        app.service.run("echo_named", [{"a": 1}])
    ended.append("named")
    for thread in costly:
        thread.join()
    assert caught.value.details["violations"][0]["path"] == "$[0]"
    assert ended == ["named", *["costly"] * len(costly)]


def test_a_closed_app_leaves_no_checker(open_app: OpenApp) -> None:
    """What was asked is let go of with the App, and not a minute later."""
    app, before = open_app(), descendants(os.getpid())
    register_echo(app, "echo_costly", input_schema=ENDLESS)
    assert app.service.run("echo_costly", {}).output == {}
    assert any(map(running, descendants(os.getpid()) - before))
    app.close()
    assert not any(map(running, descendants(os.getpid()) - before))


def run_costly(app: App, ended: list[str]) -> None:
    """Run the costly capability until it is given up, and note that."""
    with pytest.raises(UncheckedInput):
        app.service.run("echo_costly", COSTLY)
    ended.append("costly")


NAMES = [f"k{number}" for number in range(3000)]
SMALL: dict[str, tuple[dict[str, Any], Any]] = {
    "enum": ({"items": {"enum": [number + 0.5 for number in range(30_000)]}}, [7] * 800),
    "lists": ({"items": {"enum": [[number] for number in range(20_000)]}}, [[-1]] * 800),
    "required": ({"items": {"required": NAMES}}, [{}] * 800),
    "dependentRequired": ({"items": {"dependentRequired": {"a": NAMES}}}, [{"a": 1}] * 800),
    "anyOf": ({"items": {"anyOf": [{"minimum": number} for number in range(1, 3000)]}}, [0] * 800),
    "const": ({"items": {"const": [number + 0.5 for number in range(20_000)]}}, [[]] * 800),
    "propertyNames": ({"propertyNames": {"maxLength": 2}}, dict.fromkeys(NAMES, 1)),
}


@pytest.mark.parametrize("name", SMALL)
def test_inputs_with_many_violations_are_refused_beside_other_runs(name: str, open_app: OpenApp) -> None:
    """To list what is wrong takes up to minutes; other runs go on meanwhile, and at least one place is told."""
    schema, value = SMALL[name]
    app = open_app()
    register_echo(app, "echo_costly", input_schema=schema)
    told: list[InvalidInput] = []

    def run() -> None:
        with pytest.raises(InvalidInput) as caught:
            app.service.run("echo_costly", value)
        told.append(caught.value)

    thread = threading.Thread(target=run)
    thread.start()
    assert app.service.run("reverse_string", {"text": "abc"}).output == {"reversed": "cba"}
    thread.join()
    violations = told[0].details["violations"]
    assert violations
    assert max(len(each["message"]) for each in violations) <= 600
