"""What counts as a diagnosis, and a recorded run in the form of a test."""

from __future__ import annotations

import json
from typing import Any

import pytest
from reflection_samples import CAUSE, SHARE_SCHEMA, SHARE_TESTS, ZERO_TEST, share_manifest

from tacit.building.orders import Budget, Material, RepairRequest, Replay
from tacit.errors import CapabilityFailed, InvalidArgument, MemoryExhausted
from tacit.models import Permissions, TestCase, TestResult
from tacit.sandbox import HostCall, encode_calls
from tacit.sandbox.worlds.fixture import FixtureWorld
from tacit_builder.repair.diagnosis import MAX_CAUSE, Diagnosis, Examiner
from tacit_builder.repair.recorded import recorded_test

POSITIVE = {**SHARE_SCHEMA, "properties": {"part": {"type": "integer"}, "total": {"type": "integer", "minimum": 1}}}
ANYTHING: dict[str, Any] = {"read": ["**"], "http": ["*"], "time": True, "call": ["*"]}


def recorded(*calls: HostCall, data: Any = None) -> Replay:
    """Return a recorded run that failed."""
    return Replay(
        run_id="0" * 16,
        input=json.dumps({"part": 1, "total": 0} if data is None else data).encode(),
        failure={"code": "capability_error", "message": "The capability reported panic: attempt to divide by zero"},
        calls=encode_calls(calls),
        energy_limit=1,
        now_millis=0,
        seed=b"",
    )


def judge(passes: bool = False, **arguments: Any) -> Diagnosis:
    """Return the diagnosis as it is accepted, on a module that the test `passes` or not."""
    tests = tuple(map(TestCase.model_validate, SHARE_TESTS))
    version = Material(manifest=share_manifest(), source={}, tests=tests)
    budget = Budget(tokens=1, llm_calls=1, attempts=1)
    request = RepairRequest(job="job", version=version, module=b"", run=recorded(), budget=budget)
    examiner = Examiner(request, lambda test: TestResult(name=test.name, passed=passes))
    return examiner.accept({"cause": CAUSE, "test": ZERO_TEST, **arguments})


def changed(**fields: Any) -> dict[str, Any]:
    """Return the good test with some fields changed."""
    return {**ZERO_TEST, **fields}


def test_a_good_diagnosis_is_taken_as_it_is() -> None:
    """Cause and test come back unchanged, without a schema."""
    assert judge() == Diagnosis(CAUSE, TestCase.model_validate(ZERO_TEST), None)


@pytest.mark.parametrize(
    "cause",
    [
        None,
        "",
        7,
        "It fails.",
        "The capability failed.",
        "The capability failed because of an error in the implementation.",
        "attempt to divide by zero",
        "An error occurred in this function.",
        "x" * (MAX_CAUSE + 1),
        "?" * 40,
    ],
)
def test_a_cause_has_to_say_something(cause: Any) -> None:
    """What is true of every failure, or only repeats the error, is no cause."""
    with pytest.raises(InvalidArgument, match="cause"):
        judge(cause=cause)


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        (None, "malformed"),
        ({}, "malformed"),
        (changed(expect={}), "malformed"),
        (changed(name=SHARE_TESTS[0]["name"]), "named 'a half' already"),
        (changed(expect={"output_matches": {"title": "anything"}}), "asserts nothing"),
        (changed(expect={"output_matches": {"type": "nonsense"}}), "output_matches"),
        (changed(expect={"output": {"percent": "none"}}), "breaks output_schema"),
        (changed(input={"part": 1}), "breaks input_schema"),
        (changed(expect={"error": "panic"}), "how a run breaks"),
        (changed(expect={"error": "trap"}), "how a run breaks"),
        (changed(expect={"error": "capability_error"}), "how a run breaks"),
        (changed(input={"part": 1}, expect={"error": "invalid_input"}), "refuses the test's input"),
    ],
)
def test_a_test_has_to_hold(test: Any, problem: str) -> None:
    """A test fits the schemas, has a name of its own, and expects what is meant."""
    with pytest.raises(InvalidArgument, match=problem):
        judge(test=test)


def test_a_test_has_to_fail_on_the_module_that_failed() -> None:
    """A test that passes there shows nothing."""
    with pytest.raises(InvalidArgument, match="does not show the failure"):
        judge(passes=True)


def test_a_test_may_expect_an_error_that_is_reported_on_purpose() -> None:
    """Where no output makes sense, a code of the capability's own does."""
    assert judge(test=changed(expect={"error": "empty_total"})).test.expect.error == "empty_total"


@pytest.mark.parametrize(
    ("schema", "test", "problem"),
    [
        ("nonsense", changed(expect={"error": "invalid_input"}), "input_schema"),
        ({"type": "nonsense"}, changed(expect={"error": "invalid_input"}), "input_schema"),
        (POSITIVE, ZERO_TEST, "expects the error 'invalid_input'"),
        (SHARE_SCHEMA, changed(expect={"error": "invalid_input"}), "has to refuse the test's input and the recorded"),
        (POSITIVE, changed(input={"part": 1}, expect={"error": "invalid_input"}), "refuses the test's input"),
        (False, changed(expect={"error": "invalid_input"}), "input_schema"),
    ],
)
def test_a_narrowed_schema_has_to_hold(schema: Any, test: Any, problem: str) -> None:
    """A narrowed schema is one, refuses the input that failed, and its test says so."""
    with pytest.raises(InvalidArgument, match=problem):
        judge(input_schema=schema, test=test)


def test_a_narrowed_schema_is_taken() -> None:
    """One that refuses the failing input and takes those of the tests is part of the diagnosis."""
    assert judge(input_schema=POSITIVE, test=changed(expect={"error": "invalid_input"})).input_schema == POSITIVE


def test_a_record_becomes_the_world_of_a_test() -> None:
    """Files, URLs, clock and callees are as the host answered them; what failed is left out."""
    calls = (
        HostCall("file_read", "a/", result=b'["b.txt", "c/"]'),
        HostCall("file_read", "a/x.txt", result="é".encode()),
        HostCall("file_read", "none.txt", failure=(-2, "not found")),
        HostCall("file_read", "binary", result=b"\xff\xfe"),
        HostCall("http_get", "http://a.example/", result=b"body"),
        HostCall("http_get", "http://b.example/", failure=(-1, "HTTP 503 Try later")),
        HostCall("current_time_millis", result=1234),
        HostCall("capability_call", "other_one", b"{}", b'{"a": 1}'),
    )
    assert recorded_test(recorded(*calls, data={"a": 1})) == {
        "input": {"a": 1},
        "files": {"a/b.txt": "", "a/x.txt": "é"},
        "http": {"http://a.example/": "body", "http://b.example/": {"status": 503, "body": "Try later"}},
        "now": 1234,
        "calls": {"other_one": {"a": 1}},
    }


def test_a_record_of_several_calls_of_one_callee_is_given_whole() -> None:
    """Each input has the answer that it got first, errors as well; what was not run is left out."""
    gone = CapabilityFailed("…", details={"code": "not_there", "message": "No 3."}).to_dict()
    late = MemoryExhausted("It took too much.").to_dict()
    calls = (
        HostCall("capability_call", "pay", b'{"a": 1, "b": 2}', b"10"),
        HostCall("capability_call", "pay", b'{"a": 2}', b"null"),
        HostCall("capability_call", "pay", b'{"b": 2.0, "a": 1}', b"11"),
        HostCall("capability_call", "pay", b'{"a": 3}', failure=(-1, json.dumps(gone))),
        HostCall("capability_call", "pay", b'{"a": 4}', failure=(-5, "the input does not fit")),
        HostCall("capability_call", "heavy", b"1", failure=(-1, json.dumps(late))),
        HostCall("delegate", "helper", b"count", b'"three"'),
        HostCall("delegate", "helper", b"guess", None),
    )
    made = recorded_test(recorded(*calls))
    assert made["exchanges"] == {
        "pay": [
            {"input": {"a": 1, "b": 2}, "output": 10},
            {"input": {"a": 2}, "output": None},
            {"input": {"a": 3}, "error": {"code": "not_there", "message": "No 3."}},
        ],
        "heavy": [{"input": 1, "error": {"code": "memory_exhausted", "message": "It took too much."}}],
    }
    assert made["calls"] == {"agent": "three"}
    assert TestCase.model_validate({**made, "name": "made", "expect": {"output": 1}}).callees == {
        "pay",
        "heavy",
        "agent",
    }


@pytest.mark.parametrize("said", ["", "[]", "5", '{"code": ""}', '{"code": "capability_error"}', "{", "\ud800"])
def test_a_failure_that_is_no_callees_own_is_left_out(said: str) -> None:
    """A test has no words for it."""
    made = recorded_test(recorded(HostCall("capability_call", "pay", b"1", failure=(-1, said))))
    assert made.keys() == {"input"}


def test_a_file_is_as_it_was_before_the_run_wrote_it() -> None:
    """What the run itself wrote is no part of the world that it met."""
    calls = (
        HostCall("file_read", "log.txt", result=b"old"),
        HostCall("file_write", "log.txt", b"new"),
        HostCall("file_read", "log.txt", result=b"new"),
        HostCall("file_write", "made.txt", b"made"),
        HostCall("file_read", "made.txt", result=b"made"),
    )
    assert recorded_test(recorded(*calls))["files"] == {"log.txt": "old"}


def test_the_world_of_a_record_answers_as_the_host_did() -> None:
    """A test made of a record gives a guest the same bytes."""
    calls = (HostCall("file_read", "a.txt", result=b"1"), HostCall("capability_call", "other", b"2", b'{"b":2}'))
    made = {**recorded_test(recorded(*calls)), "name": "made", "expect": {"output": 1}}
    world = FixtureWorld(TestCase.model_validate(made), Permissions.model_validate(ANYTHING))
    assert world.file_read("a.txt") == b"1"
    assert json.loads(world.capability_call("other", b"2", 9).output) == {"b": 2}
