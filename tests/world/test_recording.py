"""Records of host calls: complete, compact, and answered in order by a replay that touches nothing."""

from __future__ import annotations

import json
import os

import pytest

from tacit.errors import PermissionDenied, ReplayDiverged, StoreDamaged, TooManyHostCalls
from tacit.models import Permissions, TestCase
from tacit.sandbox.world import Called, FailureCode, HostFailure, World
from tacit.sandbox.worlds import recording
from tacit.sandbox.worlds.fixture import FixtureWorld
from tacit.sandbox.worlds.recording import (
    MAX_RECORDED,
    HostCall,
    RecordingWorld,
    ReplayWorld,
    decode_calls,
    encode_calls,
)

PERMISSIONS = Permissions(http=("a.test",), read=("**",), write=("out/*",), time=True, call=("other",))
TEST = TestCase.model_validate(
    {
        "name": "t",
        "files": {"a": "text"},
        "http": {"http://a.test/": "body"},
        "now": 42,
        "calls": {"other": [1]},
        "expect": {"output": None},
    }
)


def _use(world: World) -> list[object]:
    """Make one call of each kind and two that fail, and return what the guest would see."""
    seen: list[object] = [
        world.http_get("http://a.test/"),
        world.file_read("a"),
        world.file_write("out/x", b"\x00\xff"),
        world.capability_call("other", b"{}", 9),
        world.current_time_millis(),
        world.clock_time_get(43),
    ]
    try:
        world.file_read("none")
    except HostFailure as failure:
        seen.append((failure.code, failure.message))
    try:
        world.file_write("elsewhere", b"x")
    except PermissionDenied as denial:
        seen.append(denial.to_dict())
    return seen


def _recorded() -> tuple[list[object], list[HostCall]]:
    world = RecordingWorld(FixtureWorld(TEST, PERMISSIONS))
    return _use(world), world.calls


def test_a_replay_answers_what_was_answered() -> None:
    """Results, failures and denials come back the same, after a round trip through bytes."""
    seen, calls = _recorded()
    replay = ReplayWorld(decode_calls(encode_calls(calls)))
    assert _use(replay) == seen
    assert replay.remaining == 0


def test_every_call_is_recorded_in_order() -> None:
    """Eight calls, in the order in which they were made, denials included."""
    _, calls = _recorded()
    assert [(call.function, call.subject) for call in calls] == [
        ("http_get", "http://a.test/"),
        ("file_read", "a"),
        ("file_write", "out/x"),
        ("capability_call", "other"),
        ("current_time_millis", ""),
        ("clock_time_get", ""),
        ("file_read", "none"),
        ("file_write", "elsewhere"),
    ]
    assert calls[6].failure is not None
    assert calls[6].failure[0] == FailureCode.NOT_FOUND
    assert calls[7].error is not None
    assert calls[7].error["code"] == "permission_denied"


@pytest.mark.parametrize(
    "other",
    [
        lambda world: world.file_read("b"),
        lambda world: world.http_get("a"),
        lambda world: world.current_time_millis(),
        lambda world: world.file_write("a", b""),
    ],
)
def test_another_call_diverges(other: object) -> None:
    """Another function or subject is no answer of the record's."""
    replay = ReplayWorld([HostCall("file_read", "a", result=b"text")])
    with pytest.raises(ReplayDiverged) as caught:
        other(replay)  # type: ignore[operator]
    assert caught.value.details["recorded"] == "file_read('a')"
    assert caught.value.details["call"] == 1


def test_other_data_diverges() -> None:
    """A write of other bytes is not what was recorded."""
    replay = ReplayWorld([HostCall("file_write", "a", b"one")])
    with pytest.raises(ReplayDiverged):
        replay.file_write("a", b"two")


def test_one_call_more_diverges() -> None:
    """A call after the record's end says that nothing more was recorded."""
    with pytest.raises(ReplayDiverged, match="nothing more"):
        ReplayWorld([]).current_time_millis()


def test_the_clock_of_wasi_begins_with_the_run_where_no_record_has_it() -> None:
    """Records that are older than the recording of that clock have the run's start alone; others are held to it."""
    old = ReplayWorld([HostCall("file_read", "a", result=b"text")])
    assert old.clock_time_get(7) == 7
    assert old.file_read("a") == b"text"
    with pytest.raises(ReplayDiverged):
        ReplayWorld([HostCall("file_read", "a"), HostCall("clock_time_get", result=5)]).clock_time_get(7)


def test_no_calls_take_no_bytes() -> None:
    """A pure run's record is empty."""
    assert encode_calls([]) == b""
    assert decode_calls(b"") == []


def test_a_big_payload_is_stored_once() -> None:
    """A file that is read, handed on and read again takes its size once."""
    big = os.urandom(100_000)
    calls = [HostCall("file_read", "a", result=big), HostCall("capability_call", "x", big, big)] * 20
    encoded = encode_calls(calls)
    assert len(encoded) < 103_000
    assert decode_calls(encoded) == calls


@pytest.mark.parametrize(
    "damage",
    [
        b"\x09",
        b"\x01\xff\xff\xff\xff",
        b"\x02other form",
        b"\x01\x02\x00\x00\x00{}",
        b"\x01",
        b"\x01\x00\x00\x01\x00" + b"[" * 65536,
    ],
)
def test_a_damaged_record_says_so(damage: bytes) -> None:
    """Bytes that are no record raise StoreDamaged, whatever they are."""
    with pytest.raises(StoreDamaged):
        decode_calls(damage)


@pytest.mark.parametrize(
    "call",
    [
        HostCall("file_read", "a", failure=(-77, "no such code")),
        HostCall("file_read", "a", error=["timeout"]),  # type: ignore[arg-type]
        HostCall("file_read", "a", result=["text"]),  # type: ignore[arg-type]
    ],
    ids=["failure", "error", "result"],
)
def test_a_record_of_impossible_answers_says_so(call: HostCall) -> None:
    """What no world answers is refused when the record is read, not met in the middle of a replay."""
    with pytest.raises(StoreDamaged):
        decode_calls(encode_calls([call]))


def test_a_truncated_record_says_so() -> None:
    """A record that lost its end is damaged, at whatever byte."""
    encoded = encode_calls(_recorded()[1])
    for length in range(1, len(encoded)):
        with pytest.raises(StoreDamaged):
            decode_calls(encoded[:length])


def test_a_run_cannot_fill_the_memory_with_its_record() -> None:
    """What a run moves through host functions is limited; equal payloads count once."""
    piece = MAX_RECORDED // 4

    class Flood(FixtureWorld):
        def file_read(self, path: str) -> bytes:
            return (path * piece).encode()

    world = RecordingWorld(Flood(TEST, PERMISSIONS))
    for path in "aaaabc":
        world.file_read(path)
    with pytest.raises(TooManyHostCalls):
        world.file_read("de")


def test_calls_that_fail_keep_what_they_were_given_once() -> None:
    """A guest that hands over the same bytes again and again, in vain, does not have each copy of them kept."""
    world = RecordingWorld(FixtureWorld(TEST, PERMISSIONS))
    for _ in range(3):
        with pytest.raises(HostFailure):
            world.file_write("out/", bytes(bytearray(1000)))
    assert len({id(call.data) for call in world.calls}) == 1


def test_a_call_is_shown_to_people_as_json() -> None:
    """Payloads are shown as text, shortened, failures by name."""
    _, calls = _recorded()
    shown = [call.to_dict() for call in calls]
    assert json.loads(json.dumps(shown)) == shown
    assert shown[1] == {"function": "file_read", "subject": "a", "result": "text"}
    assert shown[4] == {"function": "current_time_millis", "result": 42}
    assert shown[6]["failure"]["code"] == "not_found"
    assert len(HostCall("file_read", "a", result=b"x" * 9000).to_dict()["result"]) < 2100


class Working(FixtureWorld):
    """Answers calls as the test says, for the energy that is allowed, or fails so."""

    failure: HostFailure | PermissionDenied | None = None

    def capability_call(self, capability: str, data: bytes, energy: int) -> Called:
        """Use up all that is allowed."""
        called = super().capability_call(capability, data, energy)
        return Called(b"" if self.failure else called.output, energy, self.failure)


@pytest.mark.parametrize(
    "failure", [None, HostFailure(FailureCode.FAILED, "it failed"), PermissionDenied("no", details={"a": 1})]
)
def test_the_energy_of_calls_is_recorded(failure: HostFailure | PermissionDenied | None) -> None:
    """Also of those that failed; a replay answers with it, and in the same way."""
    working = Working(TEST, PERMISSIONS)
    working.failure = failure
    world = RecordingWorld(working)
    called = world.capability_call("other", b"1", 12_345)
    replay = ReplayWorld(decode_calls(encode_calls(world.calls))).capability_call("other", b"1", 99)
    assert (replay.output, replay.energy) == (called.output, 12_345)
    assert type(replay.failure) is type(failure)
    assert str(replay.failure or "") == str(failure or "")


def test_records_without_energy_are_read() -> None:
    """Those of calls that used none, and of versions of Tacit that did not count it."""
    calls = [HostCall("capability_call", "other", b"1", b"2")]
    assert b"null, null, null]]" in encode_calls(calls)
    assert decode_calls(encode_calls(calls)) == calls
    assert ReplayWorld(calls).capability_call("other", b"1", 9) == Called(b"2")


def test_an_answer_that_is_too_much_to_keep_is_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The call fails, with the energy that it used."""
    monkeypatch.setattr(recording, "MAX_RECORDED", 2)
    world = RecordingWorld(Working(TEST, PERMISSIONS))
    called = world.capability_call("other", b"1", 77)
    assert isinstance(called.failure, TooManyHostCalls)
    assert (called.output, called.energy) == (b"", 77)


def test_tasks_and_observations_are_recorded() -> None:
    """A task with its answer or with none; a replay wants the same ones in the same order."""
    delegating = Permissions(call=("agent",))
    answering = TestCase.model_validate({"name": "t", "calls": {"agent": [1]}, "expect": {"output": None}})
    silent = TestCase.model_validate({"name": "t", "expect": {"output": None}})
    for test, answer in ((answering, b"[1]"), (silent, None)):
        world = RecordingWorld(FixtureWorld(test, delegating))
        assert world.delegate("agent", "count é") == answer
        world.observe("total", b"3")
        calls = decode_calls(encode_calls(world.calls))
        replay = ReplayWorld(calls)
        assert replay.delegate("agent", "count é") == answer
        replay.observe("total", b"3")
        with pytest.raises(ReplayDiverged):
            ReplayWorld(calls[1:]).observe("total", b"4")
        with pytest.raises(ReplayDiverged):
            ReplayWorld(calls).delegate("agent", "count more")


def test_an_agent_is_asked_only_where_that_is_permitted() -> None:
    """As a capability of that id."""
    with pytest.raises(PermissionDenied):
        FixtureWorld(TEST, PERMISSIONS).delegate("agent", "count")
