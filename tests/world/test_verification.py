"""Tests of a version, run with real guests: what passes, and how a difference is described."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import world_guests as guests

from tacit.models import Permissions, TestCase, TestResult
from tacit.sandbox import Guest, Sandbox, run_tests
from tacit.sandbox.verification import differences

Check = Callable[..., TestResult]
ALL = Permissions(http=("*",), read=("**",), write=("**",), time=True, call=("*",))


@pytest.fixture
def check(sandbox: Sandbox, load: Callable[[bytes], Guest]) -> Check:
    """Run one test of a guest and return its result."""

    def run(wasm: bytes, expect: dict[str, Any], permissions: Permissions = ALL, **world: Any) -> TestResult:
        test = TestCase.model_validate({"name": "a test", "expect": expect, **world})
        (tried,) = run_tests(sandbox, load(wasm), [test], permissions)
        return tried.result

    return run


@pytest.mark.parametrize(
    ("expected", "got", "found"),
    [
        (1, 1.0, []),
        (1, True, ["at $: expected 1, got true"]),
        (False, 0, ["at $: expected false, got 0"]),
        ([True], [1], ["at $[0]: expected true, got 1"]),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, ["at $.a.b[1]: expected 2, got 3"]),
        ({"a": 1}, {}, ["at $.a: expected 1, got nothing"]),
        ({}, {"odd name": 1}, ['at $["odd name"]: expected nothing, got 1']),
        ([1], [1, 2], ["at $: expected 1 items, got 2: [1, 2]"]),
        ({"a": None}, {"a": None}, []),
        ("1", 1, ['at $: expected "1", got 1']),
        ([], {}, ["at $: expected [], got {}"]),
        (0.1 + 0.2, 0.3, ["at $: expected 0.30000000000000004, got 0.3"]),
    ],
)
def test_differences(expected: object, got: object, found: list[str]) -> None:
    """Values are compared as JSON, deeply, and differences named by path."""
    assert list(differences(expected, got)) == found


def test_a_long_difference_is_cut() -> None:
    """Large values are shortened on both sides."""
    (only,) = differences("x" * 10_000, "y" * 10_000)
    assert len(only) < 700


def test_the_right_output_passes(check: Check) -> None:
    """A test whose output is as expected passes, and has no difference."""
    result = check(guests.echoes(), {"output": {"a": [1, 2.5, "é"]}}, input={"a": [1, 2.5, "é"]})
    assert result == TestResult(name="a test", passed=True)


def test_a_wrong_output_fails_with_its_path(check: Check) -> None:
    """The difference says where, what was expected, and what came."""
    result = check(guests.echoes(), {"output": {"a": 1}}, input={"a": 2})
    assert not result.passed
    assert result.difference == "at $.a: expected 1, got 2"


def test_an_expected_null_is_an_assertion(check: Check) -> None:
    """`output: null` passes only for null."""
    assert check(guests.echoes(), {"output": None}, input=None).passed
    assert not check(guests.echoes(), {"output": None}, input=0).passed


def test_output_matches_a_schema(check: Check) -> None:
    """A schema is met, or its violations are named."""
    schema = {"type": "object", "properties": {"n": {"minimum": 3}}}
    assert check(guests.echoes(), {"output_matches": schema}, input={"n": 3}).passed
    result = check(guests.echoes(), {"output_matches": schema}, input={"n": 2})
    assert result.difference == "at $.n: 2 is less than the minimum of 3"


def test_a_schema_that_is_none_fails_the_test(check: Check) -> None:
    """A malformed schema is the test's fault and says so."""
    result = check(guests.echoes(), {"output_matches": {"type": "no type"}}, input=1)
    assert "output_matches" in result.difference


def test_the_guests_own_error_is_expected_by_its_code(check: Check) -> None:
    """`{"error": {"code"}}` is matched by that code."""
    reported = {"error": {"code": "not_found", "message": "no such employee"}}
    assert check(guests.echoes(), {"error": "not_found"}, input=reported).passed
    result = check(guests.echoes(), {"error": "other"}, input=reported)
    assert "'not_found'" in result.difference
    assert "no such employee" in result.difference


def test_a_runs_error_is_expected_by_its_code(check: Check) -> None:
    """A trap or a denial is matched by its stable code."""
    assert check(guests.writes_then_traps("a"), {"error": "trap"}).passed
    denied = check(guests.asks("file_read", "a"), {"error": "permission_denied"}, Permissions(), files={"a": "1"})
    assert denied.passed


def test_an_expected_error_that_does_not_come_fails(check: Check) -> None:
    """An output where an error was expected is shown."""
    result = check(guests.echoes(), {"error": "not_found"}, input=7)
    assert result.difference == "expected the error 'not_found', got the output 7"


def test_an_unexpected_failure_says_its_code_and_message(check: Check) -> None:
    """A run that fails where an output was expected is described."""
    result = check(guests.asks("file_read", "a"), {"output": 1}, Permissions(), files={"a": "1"})
    assert "'permission_denied'" in result.difference
    assert "manifest" in result.difference


def test_files_are_read_from_the_test(check: Check) -> None:
    """The guest reads the test's file, and one that is not there is not found."""
    assert check(guests.asks("file_read", "a"), {"output": [1]}, files={"a": "[1]"}).passed
    assert check(guests.asks("file_read", "b"), {"output": -2}, files={"a": "[1]"}).passed


def test_urls_and_callees_are_answered_by_the_test(check: Check) -> None:
    """The guest gets the test's body and the test's callee output."""
    url = "https://a.test/"
    assert check(guests.asks("http_get", url), {"output": {"x": 1}}, http={url: '{"x": 1}'}).passed
    assert check(guests.gives("capability_call", "other", "{}"), {"output": [2]}, calls={"other": [2]}).passed


def test_the_clock_is_the_tests(check: Check) -> None:
    """The host's clock says the test's `now`."""
    assert check(guests.tells_time(), {"output": 1}, now=42).passed


def test_written_files_are_compared(check: Check) -> None:
    """`expect.files` holds for what the files are after the run."""
    wasm = guests.gives("file_write", "a", "[1]")
    assert check(wasm, {"output": [1], "files": {"a": "[1]"}}).passed
    assert not check(wasm, {"output": [1], "files": {"a": "[2]"}}).passed
    result = check(wasm, {"output": [1], "files": {"b": "[1]"}})
    assert result.difference == "expected the file 'b', which was not written"


def test_json_files_are_compared_by_value(check: Check) -> None:
    """The spacing of a `.json` file does not matter, that of another one does."""
    expect = {"output": [1], "files": {"a.json": "[ 1 ]"}}
    assert check(guests.gives("file_write", "a.json", "[1]"), expect).passed
    assert not check(guests.gives("file_write", "a", "[1]"), {"output": [1], "files": {"a": "[ 1 ]"}}).passed


def test_a_failed_run_has_written_nothing(check: Check) -> None:
    """After a trap the test's files are as they were."""
    expect = {"error": "trap", "files": {"a": "old"}}
    assert check(guests.writes_then_traps("a"), expect, files={"a": "old"}).passed


def test_a_test_with_a_malformed_url_says_so(check: Check) -> None:
    """A URL in the test's world that is none fails that test alone."""
    result = check(guests.echoes(), {"output": 1}, input=1, http={"ftp://x": ""})
    assert "http" in result.difference


def test_each_test_has_a_world_of_its_own(sandbox: Sandbox, load: Callable[[bytes], Guest]) -> None:
    """What one test wrote is not there in the next; results come in order."""
    tests = [
        TestCase.model_validate({"name": name, "files": {"n": "1"}, "expect": {"output": output}})
        for name, output in (("one", 11), ("two", 11), ("three", 111))
    ]
    results = run_tests(sandbox, load(guests.grows("n")), tests, ALL)
    told = [(tried.result.name, tried.result.passed) for tried in results]
    assert told == [("one", True), ("two", True), ("three", False)]
