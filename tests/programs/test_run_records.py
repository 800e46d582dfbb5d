"""What is kept of runs, listed and shown whole through the service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from callee_samples import add_guest, add_program, echoes, writes
from program_samples import OpenApp

from tacit.app import App
from tacit.errors import InvalidArgument, StoreDamaged, TacitError, UnknownCapability, UnknownRun, UnknownVersion
from tacit.models import Permissions
from tacit.sandbox import HostCall, encode_calls
from tacit.store import Store

SAVE = "call input 0\nstore given\nload given\ncall echo_it 1\ncall write_it 1\npop\nload given\nobserve given"


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app with a program that calls an echo and what writes a file."""
    made = open_app(shipped=False, grants=Permissions(write=("*.json",), call=("*",)))
    add_guest(made, "echo_it", echoes())
    add_guest(made, "write_it", writes("a.json"), write=["a.json"])
    add_program(made, "save_it", SAVE)
    return made


def failed(app: App, capability: str, data: object, **options: Any) -> str:
    """Run what fails, and return its run's id."""
    with pytest.raises(TacitError) as caught:
        app.service.run(capability, data, **options)
    return caught.value.details["run_id"]


def changed(app: App, run_id: str, column: str, value: object) -> None:
    """Write something else into a record."""
    with app.catalog.store.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE runs SET {column} = ? WHERE id = ?", (value, int(run_id, 16)))


def test_a_record_has_everything(app: App) -> None:
    """What went in and out, what it used, whom it called and what these answered, and what it observed."""
    answer = app.service.run("save_it", [1, "é"], session="s", energy=100_000_000)
    record = app.service.run_record(answer.run_id)
    stored = app.catalog.store.runs.get(answer.run_id)
    assert (record["run_id"], record["capability"], record["version"]) == (answer.run_id, "save_it", 1)
    assert (record["input"], record["output"], record["error"]) == ([1, "é"], [1, "é"], None)
    assert (record["energy"], record["energy_limit"]) == (answer.energy, 100_000_000)
    assert (record["started"], record["clock"], record["session"]) == (stored.started, stored.now_millis, "s")
    assert (record["parent_run"], record["error_code"]) == (None, None)
    assert [(run["capability"], run["parent_run"]) for run in record["called"]] == [
        ("echo_it", answer.run_id),
        ("write_it", answer.run_id),
    ]
    assert [(call["function"], call.get("subject")) for call in record["host_calls"]] == [
        ("capability_call", "echo_it"),
        ("capability_call", "write_it"),
        ("observe", "given"),
    ]
    assert record["observations"] == [{"name": "given", "value": [1, "é"]}]


def test_a_called_runs_record_names_its_caller(app: App) -> None:
    """And has host calls of its own."""
    answer = app.service.run("save_it", 5)
    _, wrote = app.service.run_record(answer.run_id)["called"]
    record = app.service.run_record(wrote["run_id"])
    assert (record["parent_run"], record["called"]) == (answer.run_id, [])
    assert record["host_calls"] == [{"function": "file_write", "subject": "a.json", "data": "5", "result": ""}]


def test_a_failed_runs_record_says_why_and_where(app: App) -> None:
    """No output, and the error as it was."""
    add_program(app, "fail_it", "push 1\npush 0\ncall divide 2")
    record = app.service.run_record(failed(app, "fail_it", {"a": 1}))
    assert (record["error_code"], record["output"]) == ("division_by_zero", None)
    assert record["error"]["details"]["line"] == 3
    assert record["host_calls"] == record["observations"] == record["called"] == []


def test_what_is_no_json_is_shown_as_text(app: App) -> None:
    """A guest may print what it likes, and is recorded all the same."""
    add_guest(app, "print_it", echoes())
    answer = app.service.run("print_it", 1)
    changed(app, answer.run_id, "output", b"\x00no \xff json")
    assert app.service.run_record(answer.run_id)["output"] == "no \ufffd json"


def test_lists_are_of_what_is_asked_for(app: App) -> None:
    """By capability, version, session and outcome; callees are in them with their callers."""
    add_program(app, "fail_it", "load missing")
    first = app.service.run("save_it", 1, session="a").run_id
    second = failed(app, "fail_it", 1, session="b")
    third = app.service.run("echo_it", 1).run_id

    def ids(n: int = 20, **sought: Any) -> list[str]:
        return [run["run_id"] for run in app.service.runs(n, **sought) if run["parent_run"] is None]

    assert ids() == [third, second, first]
    assert ids(1) == [third]
    assert ids(capability="echo_it") == ids(session="without a session") == [third]
    assert ids(capability="save_it", version=1) == ids(session="a") == [first]
    assert ids(errors=True) == ids(session="b", errors=True) == [second]
    assert ids(capability="echo_it", errors=True) == ids(session="none such") == []
    assert [run["capability"] for run in app.service.runs(session="a")] == ["save_it", "write_it", "echo_it"]


@pytest.mark.parametrize("n", [0, -1, 1001])
def test_lists_are_bounded(app: App, n: int) -> None:
    """From one to a thousand."""
    with pytest.raises(InvalidArgument, match=f"n is {n}"):
        app.service.runs(n)


def test_unknown_capabilities_and_versions_are_refused(app: App) -> None:
    """Rather than answered by an empty list, which a misspelt id would get."""
    with pytest.raises(UnknownCapability):
        app.service.runs(capability="echo_itt")
    with pytest.raises(UnknownVersion):
        app.service.runs(capability="echo_it", version=2)
    with pytest.raises(InvalidArgument, match="A version needs a capability"):
        app.service.runs(version=1)


@pytest.mark.parametrize("run_id", ["", "x", "0" * 16, "f" * 16, "0" * 100_000, "\ud800"])
def test_runs_that_are_none_are_unknown(app: App, run_id: str) -> None:
    """Whatever they look like."""
    with pytest.raises(UnknownRun, match="There is no recorded run"):
        app.service.run_record(run_id)


def test_dropped_runs_are_unknown_and_leave_their_callers_whole(app: App, tmp_path: Path) -> None:
    """The newest are kept."""
    first = app.service.run("save_it", 1).run_id
    last = app.service.run("echo_it", 1).run_id
    with Store.open(tmp_path / "data", runs_kept=1) as store:
        store.prune()
    with pytest.raises(UnknownRun, match="oldest runs are dropped"):
        app.service.run_record(first)
    assert [run["run_id"] for run in app.service.runs()] == [last]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("input", b"\x07what"),
        ("output", b"\x07"),
        ("calls", b"\x00broken"),
        ("calls", b"\x00" + encode_calls([HostCall("observe", "a", b"{")])),
        ("error", "{"),
        ("error", "[1]"),
    ],
)
def test_a_damaged_record_is_said_to_be_damaged(app: App, column: str, value: object) -> None:
    """Whatever of it; lists still have it."""
    run_id = app.service.run("echo_it", 1).run_id
    changed(app, run_id, column, value)
    with pytest.raises(StoreDamaged, match="damaged"):
        app.service.run_record(run_id)
    assert app.service.runs(1)[0]["run_id"] == run_id


def test_a_run_whose_payload_is_gone_is_no_longer_kept(app: App) -> None:
    """Large ones are kept apart."""
    run_id = app.service.run("echo_it", "x" * 5000).run_id
    assert app.service.run_record(run_id)["input"] == "x" * 5000
    with app.catalog.store.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM blobs")
    with pytest.raises(UnknownRun):
        app.service.run_record(run_id)


def test_called_runs_whose_caller_was_killed_say_so(app: App) -> None:
    """A caller is recorded when it ends; calls that a kill leaves alone are listed, shown, replayed and counted."""
    caller = app.service.run("save_it", 1).run_id
    called = [each["run_id"] for each in app.service.runs(9, capability="echo_it")]
    assert app.service.run_record(called[0])["parent_recorded"]
    with app.catalog.store.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM runs WHERE id = ?", (int(caller or "", 16),))
    record = app.service.run_record(called[0])
    assert (record["parent_run"], record["parent_recorded"]) == (caller, False)
    assert [each["parent_run"] for each in app.service.runs(9)] == [caller, caller]
    assert app.service.replay(called[0]).output == 1
    assert app.service.stats()
    assert app.service.prune(dry_run=True) == []
