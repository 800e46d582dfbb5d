"""Answering another version from a record: by what is asked, not by when."""

from __future__ import annotations

import pytest

from tacit.errors import PermissionDenied, ReplayDiverged
from tacit.models import Permissions
from tacit.sandbox.world import FailureCode, HostFailure
from tacit.sandbox.worlds.lenient import LenientWorld, written_files
from tacit.sandbox.worlds.recording import HostCall

ALL = Permissions(http=("a.test",), read=("**",), write=("out/*",), time=True, call=("other",))
NOT_FOUND = (int(FailureCode.NOT_FOUND), "no such file")
DENIED = {"code": "permission_denied", "message": "no"}


def world(*calls: HostCall, permissions: Permissions = ALL) -> LenientWorld:
    """Return a world of these recorded calls."""
    return LenientWorld(calls, permissions)


def test_answers_come_in_their_order_and_the_last_again() -> None:
    """A file that changed while it was read, and a clock that went on."""
    made = world(
        HostCall("file_read", "a", result=b"1"),
        HostCall("current_time_millis", result=5),
        HostCall("file_read", "b", result=b"other"),
        HostCall("file_read", "a", result=b"2"),
        HostCall("current_time_millis", result=6),
    )
    assert [made.file_read(path) for path in ("b", "a", "a", "a", "b")] == [b"other", b"1", b"2", b"2", b"other"]
    assert [made.current_time_millis() for _ in range(3)] == [5, 6, 6]


def test_failures_are_answers_too() -> None:
    """What failed then fails now, and what succeeded at the second try does so."""
    made = world(HostCall("file_read", "a", failure=NOT_FOUND), HostCall("file_read", "a", result=b"x"))
    with pytest.raises(HostFailure, match="no such file"):
        made.file_read("a")
    assert made.file_read("a") == b"x"


def test_errors_that_ended_the_run_end_it_again() -> None:
    """A recorded denial is one."""
    with pytest.raises(PermissionDenied):
        world(HostCall("file_read", "a", error=DENIED)).file_read("a")


def test_urls_and_inputs_are_compared_as_they_mean() -> None:
    """Another spelling of a URL, another spacing of a callee's input: the same call."""
    made = world(
        HostCall("http_get", "http://A.test:80/x", result=b"page"),
        HostCall("capability_call", "other", b'{"b": 1, "a": [2]}', b"3"),
        HostCall("capability_call", "other", b"no json", b"4"),
    )
    assert made.http_get("http://a.test/x") == b"page"
    assert made.capability_call("other", b'{"a":[2],"b":1}', 9).output == b"3"
    assert made.capability_call("other", b"no json", 9).output == b"4"


@pytest.mark.parametrize(
    "ask",
    [
        lambda made: made.http_get("http://a.test/other"),
        lambda made: made.file_read("b"),
        lambda made: made.file_read("folder/"),
        lambda made: made.capability_call("other", b"2", 9),
        lambda made: made.current_time_millis(),
    ],
    ids=["page", "file", "folder", "input", "clock"],
)
def test_what_was_not_asked_has_no_answer(ask: object) -> None:
    """Nothing is guessed."""
    made = world(HostCall("file_read", "a", result=b"1"), HostCall("capability_call", "other", b"1", b"1"))
    assert callable(ask)
    with pytest.raises(ReplayDiverged, match="which the recorded run did not"):
        ask(made)


@pytest.mark.parametrize(
    "ask",
    [
        lambda made: made.http_get("http://a.test/"),
        lambda made: made.file_read("a"),
        lambda made: made.file_read("folder/"),
        lambda made: made.file_write("out/a", b""),
        lambda made: made.capability_call("other", b"1", 9),
        lambda made: made.current_time_millis(),
        lambda made: made.clock_time_get(1),
    ],
    ids=["page", "file", "folder", "write", "call", "clock", "clock of WASI"],
)
def test_what_the_manifest_does_not_ask_for_is_denied(ask: object) -> None:
    """Before the record is looked at, as it would be for real."""
    assert callable(ask)
    with pytest.raises(PermissionDenied):
        ask(world(HostCall("file_read", "a", result=b"1"), permissions=Permissions()))


def test_the_clock_of_wasi_begins_as_recorded_or_with_the_run() -> None:
    """Records that are older than the recording of that clock have the run's start alone."""
    assert world(HostCall("clock_time_get", result=5)).clock_time_get(6) == 5
    assert world().clock_time_get(6) == 6


def test_own_writes_are_read_back() -> None:
    """As in a real run, whatever the record has of that file."""
    made = world(HostCall("file_read", "out/a", result=b"before"))
    assert made.file_read("out/a") == b"before"
    made.file_write("out/a", b"after")
    assert made.file_read("out/a") == b"after"
    assert made.written == {"out/a": b"after"}


def test_a_write_that_failed_fails_again() -> None:
    """The same bytes at the same path; others may be written."""
    made = world(HostCall("file_write", "out/a", b"x", failure=(int(FailureCode.TOO_LARGE), "too large")))
    with pytest.raises(HostFailure, match="too large"):
        made.file_write("out/a", b"x")
    made.file_write("out/a", b"y")
    assert made.written == {"out/a": b"y"}


@pytest.mark.parametrize("path", ["../a", "/etc/passwd", "out/../../a", "out/", "a\0"])
def test_no_path_leads_out(path: str) -> None:
    """Paths are those of the files folder, here too, though nothing is on disk."""
    with pytest.raises((HostFailure, PermissionDenied)):
        world().file_write(path, b"x")


def test_written_files_are_those_that_stayed() -> None:
    """The last text of each path, without what failed."""
    calls = [
        HostCall("file_write", "a", b"1"),
        HostCall("file_write", "a", b"2"),
        HostCall("file_write", "b", b"3", failure=NOT_FOUND),
        HostCall("file_write", "c", b"4", error=DENIED),
        HostCall("file_read", "d", result=b"5"),
    ]
    assert written_files(calls) == {"a": b"2"}


def test_calls_cost_what_they_cost_then() -> None:
    """A version is compared within the energy that the recorded run had."""
    made = world(HostCall("capability_call", "other", b"1", b"2", energy=700))
    assert made.capability_call("other", b" 1 ", 9).energy == 700


def test_tasks_are_answered_and_observations_free() -> None:
    """The answer that an agent gave then; what a version shows of itself may change."""
    made = LenientWorld([HostCall("delegate", "agent", b"count", b"[1]")], Permissions(call=("agent",)))
    assert made.delegate("agent", "count") == b"[1]"
    made.observe("anything", b"1")
    with pytest.raises(ReplayDiverged):
        made.delegate("agent", "count more")
