"""Composites that reach nothing but pure programs and modules run on the event loop, whole or without a trace."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from callee_samples import add_guest, add_program, calls, echoes, traps, writes
from program_samples import OpenApp

from tacit.app import App
from tacit.errors import TacitError
from tacit.models import Permissions, RunAnswer

pytestmark = pytest.mark.usefixtures("unhurried")

THREE = "call input 0\ncall echo_it 1\ncall echo_it 1\ncall echo_it 1"


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app with `echo_it` and `call_thrice`, which calls it, both in memory."""
    made = open_app(shipped=False, grants=Permissions(write=("*.json",), call=("*",)))
    add_guest(made, "echo_it", echoes())
    add_program(made, "call_thrice", THREE)
    made.service.run("call_thrice", 1)
    return made


def at_once(app: App, capability: str = "call_thrice", data: object = 5) -> RunAnswer | None:
    """Run a capability at once, where that is possible."""
    return app.service.run_at_once(capability, data)


def count(app: App, capability: str, version: int = 1) -> int:
    """Return how many runs of a version are recorded."""
    return len(app.catalog.store.runs.outcomes(capability, version, 100))


def test_a_pure_composite_runs_at_once(app: App) -> None:
    """With the output, the energy and the records of any other run."""
    answer = at_once(app, data={"a": ["é"]})
    assert answer is not None
    assert answer.output == {"a": ["é"]}
    assert answer.energy == app.service.run("call_thrice", {"a": ["é"]}, fresh=True).energy
    assert (count(app, "echo_it"), count(app, "call_thrice")) == (9, 3)
    record = app.catalog.store.runs.get(app.catalog.store.runs.outcomes("echo_it", 1, 9)[4].run_id)
    assert record.parent_run == answer.run_id
    assert app.service.replay(answer.run_id).output == answer.output
    assert app.service.replay(record.run_id).output == answer.output


def test_a_last_step_that_took_long_is_not_tried_again(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time is not looked at any more when it ends, and each next run would hold up all other clients as long."""
    lists = f"[{','.join(['[]'] * 60_000)}]"
    add_program(app, "parse_long", f'push "{lists}"\ncall json_parse 1')
    app.service.run("parse_long", 1)
    monkeypatch.setattr("tacit.service.running.AT_ONCE_SECONDS", 0.001)
    at_once(app, "parse_long")
    monkeypatch.setattr("tacit.service.running.AT_ONCE_SECONDS", 60.0)
    assert at_once(app, "parse_long") is None


def test_modules_that_call_by_name_run_at_once(app: App) -> None:
    """At any depth."""
    add_guest(app, "call_it", calls("call_thrice"), call=["call_thrice"])
    app.service.run("call_it", 1)
    answer = at_once(app, "call_it")
    assert answer is not None
    assert answer.output == 5


def test_what_is_not_in_memory_is_left_to_a_thread(app: App) -> None:
    """Also where that is so only of a callee's newest version."""
    add_guest(app, "echo_it", echoes(2))
    assert at_once(app) is None
    app.service.run("call_thrice", 1)
    assert at_once(app) is not None


@pytest.mark.parametrize("permissions", [["echo_it"], ["*"]])
def test_what_reaches_more_is_left_to_a_thread(app: App, permissions: list[str]) -> None:
    """Files that a callee writes, and whatever `*` may be."""
    add_guest(app, "call_it", calls("echo_it"), call=permissions)
    app.service.run("call_it", 1)
    assert (at_once(app, "call_it") is None) == (permissions == ["*"])
    add_guest(app, "echo_it", writes("a.json"), write=["a.json"])
    app.service.run("call_it", 1)
    assert at_once(app, "call_it") is None


def test_a_callee_that_failed_lately_is_left_to_a_thread(app: App) -> None:
    """Its failures are counted, and forgotten, there."""
    app.catalog.store.health.failed("echo_it", 1, "1", "1")
    assert at_once(app) is None
    app.service.run("call_thrice", 1)
    assert at_once(app) is not None


def test_a_failure_below_leaves_no_trace(app: App) -> None:
    """It is judged and recorded by the run that follows, once, also where a caller handles it."""
    add_guest(app, "trap_now", traps())
    add_guest(app, "try_it", calls("trap_now"), call=["trap_now"])
    assert app.service.run("try_it", 1).output == -1
    app.catalog.store.health.succeeded("trap_now", 1)
    assert at_once(app, "try_it") is None
    assert (count(app, "trap_now"), count(app, "try_it")) == (1, 1)


def test_energy_that_only_a_run_at_once_lacks_is_not_seen(app: App) -> None:
    """A callee that asks for more than a run at once has is asked again in a run that has it."""
    add_program(app, "ask_much", "energy_check 1000\ncall input 0")
    add_guest(app, "try_it", calls("ask_much"), call=["ask_much"])
    assert app.service.run("try_it", 5).output == 5
    assert at_once(app, "try_it") is None


def test_a_composite_that_takes_long_is_given_up_once(app: App) -> None:
    """The energy of all below it counts; a new version of a callee is tried anew."""
    add_guest(app, "echo_it", echoes(1_000_000))
    app.service.run("call_thrice", 1)
    assert at_once(app) is None
    before = count(app, "echo_it", 2)
    assert at_once(app) is None
    assert before == count(app, "echo_it", 2) == 3
    app.service.rollback("echo_it", 1)
    assert at_once(app) is not None


def test_a_large_argument_of_a_call_is_left_to_a_thread(app: App) -> None:
    """It would be read and checked on the event loop."""
    source = "push x\nstore text\npush 15\nstore i\nmore:\nload text\nload text\ncall concat 2\nstore text\nload i\n"
    source += "push -1\ncall add 2\nstore i\nload i\njump_if more\nload text\ncall echo_it 1\ncall length 1"
    add_program(app, "call_large", source)
    assert app.service.run("call_large", 1).output == 1 << 15
    assert at_once(app, "call_large") is None


def test_a_busy_database_is_not_waited_for(app: App) -> None:
    """Then no record of the tree is kept, and none is missing later."""
    before = count(app, "echo_it")
    with closing(sqlite3.connect(app.settings.data / "tacit.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert at_once(app) is None
        other.execute("ROLLBACK")
    assert count(app, "echo_it") == before
    assert at_once(app) is not None
    assert count(app, "echo_it") == before + 3


def test_errors_are_those_of_a_run(app: App) -> None:
    """What a callee's schema refuses fails at once as it would later."""
    add_guest(app, "take_text", echoes())
    version = app.catalog.get("take_text")
    manifest = version.manifest.model_copy(update={"input_schema": {"type": "string"}})
    app.catalog.register(
        manifest, version.source, app.catalog.module(version.digest), version.tests,
        effects=version.effects, author="caller", toolchain="",
    )  # fmt: skip
    add_program(app, "give_number", "call input 0\ncall take_text 1")
    app.service.run("give_number", "a")
    with pytest.raises(TacitError) as failed:
        app.service.run("give_number", 5)
    with pytest.raises(TacitError, match="does not fit take_text") as at_once_failed:
        at_once(app, "give_number")
    assert at_once_failed.value.code == failed.value.code
