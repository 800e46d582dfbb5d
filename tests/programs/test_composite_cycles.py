"""Recursion through calls: refused where a version that would close a ring is made, bounded where that is not seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from callee_samples import add_guest, add_program, calls, echoes
from program_samples import OpenApp, refused

from tacit.app import App
from tacit.config import Limits
from tacit.errors import BuildRefused, TacitError
from tacit.models import MutateRequest

ECHO = "call input 0"
DEPTH = 4


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app where program `go_on` calls module `go_round`, which calls nothing yet."""
    made = open_app(shipped=False, limits=Limits(call_depth=DEPTH))
    add_guest(made, "go_round", echoes())
    add_program(made, "go_on", "call input 0\ncall go_round 1")
    return made


def rust(**changes: object) -> MutateRequest:
    """Return a request for a new version of `go_round` in Rust that may call `go_on`; it never gets to the compiler."""
    given = {"id": "go_round", "parent_id": "go_round", "source": "fn main() {", "permissions": {"call": ["go_on"]}}
    return MutateRequest.model_validate({**given, **changes})


def folder_of(app: App, home: Path, capability: str, *names: str) -> Path:
    """Export a module with another permission to call and other bytes, so that it is new when it is imported."""
    folder = app.service.export(capability, home)
    (folder / f"{capability}.wasm").write_bytes(calls(names[0]))
    meta = folder / "meta.json"
    listed = ", ".join(f'"{name}"' for name in names)
    meta.write_text(meta.read_text().replace('"call": []', f'"call": [{listed}]'))
    return folder


def test_a_module_that_would_close_a_ring_is_refused_before_it_is_compiled(app: App) -> None:
    """The refusal shows the way."""
    answer = refused(app.service.mutate(rust()), "imports")
    assert answer.diagnostics == "go_round → go_on → go_round"
    assert [each["version"] for each in app.service.history("go_round")] == [1]


def test_a_module_that_may_call_itself_is_refused(app: App) -> None:
    """As a program is."""
    answer = refused(app.service.mutate(rust(permissions={"call": ["go_round"]})), "imports")
    assert answer.diagnostics == "go_round → go_round"


def test_a_longer_way_is_shown(app: App) -> None:
    """Through everything on it, programs and modules."""
    add_guest(app, "call_on", calls("go_on"), call=["go_on"])
    answer = refused(app.service.mutate(rust(permissions={"call": ["call_on"]})), "imports")
    assert answer.diagnostics == "go_round → call_on → go_on → go_round"


def test_an_imported_module_that_would_close_a_ring_is_refused(app: App, tmp_path: Path) -> None:
    """Nothing is registered; with another callee it is taken."""
    add_program(app, "say_it", ECHO)
    with pytest.raises(BuildRefused) as caught:
        app.service.import_folder(folder_of(app, tmp_path / "ring", "go_round", "go_on"))
    assert (caught.value.stage, caught.value.details["diagnostics"]) == ("imports", "go_round → go_on → go_round")
    assert app.service.import_folder(folder_of(app, tmp_path / "fine", "go_round", "say_it"))["version"] == 2


def test_a_ring_that_a_rollback_closes_is_bounded_and_named(app: App) -> None:
    """A person may go back; the run then ends at the depth that calls may have, and says which of them go round."""
    add_program(app, "go_on", ECHO)
    add_program(app, "go_round", "call input 0\ncall go_on 1")
    assert app.service.run("go_round", 1).output == 1
    app.service.rollback("go_on", 1)
    with pytest.raises(TacitError, match=rf"{DEPTH} deep at most, and go_round → go_on → go_round goes round"):
        app.service.run("go_on", 1)


def test_a_ring_through_anything_is_bounded(app: App) -> None:
    """`*` cannot be seen when it is registered; a module sees the failure of its call."""
    add_guest(app, "go_round", calls("go_on"), call=["*"])
    assert app.service.run("go_on", 1).output == -1
    outcomes = app.catalog.store.runs.outcomes("go_on", 1, 100)
    assert len(outcomes) == DEPTH // 2 + 1
