"""The world that a test describes."""

from __future__ import annotations

import json

import pytest

from tacit.errors import PermissionDenied
from tacit.models import Permissions, TestCase
from tacit.sandbox.world import FailureCode, HostFailure
from tacit.sandbox.worlds.fixture import FixtureWorld

ALL = Permissions(http=("*",), read=("**",), write=("**",), time=True, call=("*",))


def _world(permissions: Permissions = ALL, **world: object) -> FixtureWorld:
    return FixtureWorld(TestCase.model_validate({"name": "t", "expect": {"output": 1}, **world}), permissions)


def test_files_are_read_from_the_test() -> None:
    """A file's text is its bytes in UTF-8."""
    assert _world(files={"a/b": "é"}).file_read("a/b") == "é".encode()


def test_what_is_written_is_read_and_shown() -> None:
    """A write is seen by the next read and in `written`; the test's own files are not."""
    world = _world(files={"a": "old", "b": "kept"})
    world.file_write("a", b"new")
    assert world.file_read("a") == b"new"
    assert world.written == {"a": b"new"}


def test_folders_are_listed_as_in_the_live_world() -> None:
    """A listing has files and folders, only those that may be read."""
    world = _world(Permissions(read=("a/*.csv", "a/x/**")), files={"a/1.csv": "", "a/2.txt": "", "a/x/y": "", "b": ""})
    assert json.loads(world.file_read("a/")) == ["1.csv", "x/"]
    assert json.loads(world.file_read("")) == ["a/"]


def test_urls_are_answered_whatever_their_spelling() -> None:
    """A URL is found by its one spelling, as text or with a status."""
    world = _world(http={"https://A.test": "one", "https://b.test/x": {"body": "two"}})
    assert world.http_get("https://a.test/") == b"one"
    assert world.http_get("https://b.test:443/x#y") == b"two"


def test_a_status_that_is_not_success_fails_as_in_the_live_world() -> None:
    """The guest sees the status and the start of the body."""
    with pytest.raises(HostFailure) as caught:
        _world(http={"https://a.test/": {"status": 503, "body": "try  later"}}).http_get("https://a.test/")
    assert (caught.value.code, caught.value.message) == (FailureCode.FAILED, "HTTP 503 try later")


def test_the_clock_says_now() -> None:
    """The clock is the test's."""
    assert _world(now=42).current_time_millis() == _world(now=42).clock_time_get(0) == 42


def test_callees_answer_with_the_tests_json() -> None:
    """Calling a capability gives the output in the test."""
    assert json.loads(_world(calls={"other": {"a": [1]}}).capability_call("other", b"{}", 9).output) == {"a": [1]}


@pytest.mark.parametrize(
    ("use", "field"),
    [
        (lambda world: world.file_read("none"), "files"),
        (lambda world: world.file_read("none/"), "files"),
        (lambda world: world.http_get("https://none.test/"), "http"),
        (lambda world: world.capability_call("none", b"", 9), "calls' or 'exchanges"),
    ],
)
def test_what_the_test_does_not_provide_is_not_found(use: object, field: str) -> None:
    """The message names the field of the test to fill and what it has."""
    world = _world(files={"some": ""}, http={"https://some.test/": ""}, calls={"some": 1})
    with pytest.raises(HostFailure) as caught:
        use(world)  # type: ignore[operator]
    assert caught.value.code is FailureCode.NOT_FOUND
    assert f"its '{field}' has" in caught.value.message
    assert "some" in caught.value.message


@pytest.mark.parametrize(
    "use",
    [
        lambda world: world.file_read("a"),
        lambda world: world.file_read("/"),
        lambda world: world.file_read("../a"),
        lambda world: world.file_write("a", b""),
        lambda world: world.http_get("https://a.test/"),
        lambda world: world.capability_call("other", b"", 9),
        lambda world: world.current_time_millis(),
        lambda world: world.clock_time_get(0),
    ],
)
def test_the_manifests_permissions_hold_in_tests(use: object) -> None:
    """What the manifest does not ask for is denied, though the test provides it."""
    world = _world(Permissions(), files={"a": ""}, http={"https://a.test/": ""}, calls={"other": 1})
    with pytest.raises(PermissionDenied):
        use(world)  # type: ignore[operator]
