"""The use cases given what no type checker would let through: one clear error each, whatever it is."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tacit
from tacit.app import App
from tacit.config import Settings
from tacit.errors import InternalError, InvalidArgument, TacitError
from tacit.models import MutateAnswer, MutateRequest, Permissions
from tacit.programs.session_use import SessionUse
from tacit.sandbox import Cancellation
from tacit.service import Service

VALUES: dict[str, Any] = {
    "none": None,
    "true": True,
    "one": 1,
    "negative": -1,
    "large": 10**30,
    "vast": 10**5000,
    "fraction": 1.5,
    "nan": float("nan"),
    "infinite": float("inf"),
    "empty": "",
    "text": "E001",
    "zero byte": "a\0b",
    "surrogate": "a\ud800b",
    "long": "x" * 10_000_000,
    "bytes": b"E001",
    "path": Path("E001"),
    "list": ["E001"],
    "map": {"id": "E001"},
    "object": object(),
}
ID = "get_salary_details"
GIVEN: dict[str, tuple[Any, tuple[type, ...]]] = {
    "query": ("salary", (str,)),
    "k": (3, (int,)),
    "capability": (ID, (str,)),
    "data": ({"employee_id": "E001"}, (object,)),
    "version": (None, (int, type(None))),
    "energy": (None, (int, type(None))),
    "fresh": (False, (bool,)),
    "errors": (False, (bool,)),
    "full": (False, (bool,)),
    "after": (None, (str, type(None))),
    "seconds": (0.0, (float, int)),
    "session": (None, (str, type(None))),
    "cancellation": (None, (Cancellation, type(None))),
    "run_id": ("0" * 16, (str,)),
    "request": (MutateRequest(task="Add two numbers"), (MutateRequest,)),
    "on_progress": (None, ()),
    "wait_seconds": (0.0, (float, int)),
    "client": ("", (str,)),
    "answer": (MutateAnswer(status="refused"), (MutateAnswer,)),
    "run": (lambda *_: None, ()),
    "n": (3, (int,)),
    "job": ("0" * 16, (str,)),
    "include_deprecated": (False, (bool,)),
    "folder": ("kept", (str, Path)),
    "successor": (None, (str, type(None))),
    "actor": ("python", (str,)),
    "permissions": (None, (Permissions, type(None))),
    "dry_run": (True, (bool,)),
    "limit": (3, (int,)),
    "name": ("pruning", (str, type(None))),
    "changes": ({}, (dict,)),
    "reason": ("", (str,)),
    "use": (SessionUse(session="a", started=0), (SessionUse,)),
}
"""An argument of each name as it may be, and the types that it may have; None as well, where its annotation says so."""

METHODS = {name: method for name, method in inspect.getmembers(Service, callable) if not name.startswith("_")}
ARGUMENTS = [
    (name, argument)
    for name, method in METHODS.items()
    for argument in inspect.signature(method).parameters
    if argument != "self"
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """One app for all; what one call changes, no other one relies on."""
    settings = Settings.load(data=tmp_path_factory.mktemp("arguments") / "data", embedder="none", llm="none")
    with tacit.open(settings) as opened:
        yield opened


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written by a relative path is written into this test's folder."""
    monkeypatch.chdir(tmp_path)


def outcome(app: App, name: str, argument: str, value: object) -> TacitError | None:
    """Call a method with one argument changed; return how it failed. Any other exception ends the test."""
    arguments = {each: GIVEN[each][0] for each in inspect.signature(METHODS[name]).parameters if each != "self"}
    if "rollback" in name:
        arguments["version"] = 1
    try:
        getattr(app.service, name)(**{**arguments, argument: value})
    except TacitError as error:
        return error
    return None


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_wrong_types_are_refused_by_name(app: App, name: str, argument: str) -> None:
    """`InvalidArgument` says which argument it was, and what it has to be."""
    allowed = GIVEN[argument][1]
    annotation = inspect.signature(METHODS[name]).parameters[argument].annotation
    for value in VALUES.values():
        right = isinstance(value, allowed) and (type(value) is not bool or bool in allowed or object in allowed)
        if right or (value is None and "None" in annotation):
            continue
        failure = outcome(app, name, argument, value)
        assert isinstance(failure, InvalidArgument), (value, failure)
        assert failure.message.startswith(f"{argument} is "), failure.message
        assert len(failure.message) < 200


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_odd_values_end_in_an_answer_or_a_clear_error(app: App, name: str, argument: str) -> None:
    """Whatever the value: nothing but an error of Tacit's own, small, and fit to be shown as JSON."""
    for value in VALUES.values():
        failure = outcome(app, name, argument, value)
        if failure is not None:
            assert not isinstance(failure, InternalError)
            assert failure.message
            assert len(json.dumps(failure.to_dict())) < 100_000


@pytest.mark.parametrize("name", ["run", "run_at_once"])
@pytest.mark.parametrize("value", [1 << 63, -(1 << 63) - 1, 10**5000], ids=["above", "below", "vast"])
def test_a_number_of_more_than_64_bits_is_refused(app: App, name: str, value: int) -> None:
    """The store could not even be asked for it."""
    failure = outcome(app, name, "version", value)
    assert isinstance(failure, InvalidArgument)
    assert failure.message == "version is a number of more than 64 bits."


@pytest.mark.parametrize(("argument", "longest"), [("session", 1000), ("query", 1_000_000)])
def test_texts_are_bounded(app: App, argument: str, longest: int) -> None:
    """What is one character too long is refused; what is written down with each run has to be short."""
    name = "run" if argument == "session" else "search"
    failure = outcome(app, name, argument, "x" * (longest + 1))
    assert failure is not None
    assert failure.message == f"{argument} has {longest + 1} characters; the limit is {longest}."
    assert outcome(app, name, argument, "x" * longest) is None


def test_the_task_of_a_request_is_bounded(app: App) -> None:
    """As a query is: a brief would answer all of it, and a language model read it."""
    with pytest.raises(InvalidArgument, match=r"^task has 1000001 characters; the limit is 1000000\."):
        app.service.mutate(MutateRequest(task="x" * 1_000_001))


def test_a_refused_call_changes_nothing(app: App) -> None:
    """Neither the catalog nor the audit log."""
    before = app.service.audit_log(), app.catalog.generation()
    for name in ("rollback", "deprecate", "archive", "restore"):
        assert isinstance(outcome(app, name, "version", "1"), InvalidArgument)
    assert (app.service.audit_log(), app.catalog.generation()) == before


@pytest.mark.parametrize("settings", ["data", {"data": "x"}, 1, Path("x")])
def test_only_settings_open_it(settings: Any) -> None:
    """A path or a map is refused in words."""
    with pytest.raises(InvalidArgument, match="it has to be a Settings"):
        tacit.open(settings)
