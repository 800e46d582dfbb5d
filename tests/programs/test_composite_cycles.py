"""Recursion through calls: refused where a ring would be closed, by whatever means; bounded where that is not seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from callee_samples import add_guest, add_program, calls, echoes
from program_samples import OpenApp, refused

from tacit.app import App
from tacit.config import Limits
from tacit.errors import BuildRefused
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


def test_what_is_registered_from_python_closes_no_ring(app: App) -> None:
    """The catalog itself refuses it, whoever made the version."""
    with pytest.raises(BuildRefused, match="go_round → go_on → go_round"):
        add_program(app, "go_round", "call input 0\ncall go_on 1")
    assert [each["version"] for each in app.service.history("go_round")] == [1]


@pytest.fixture
def turned(app: App) -> App:
    """The app where `go_on` goes without `go_round`, which calls it now: the first `go_on` would close a ring."""
    add_program(app, "go_on", ECHO)
    add_program(app, "go_round", "call input 0\ncall go_on 1")
    return app


def test_a_rollback_that_would_close_a_ring_is_refused(turned: App) -> None:
    """It names the ring, changes nothing, and is not noted; what is offered runs on."""
    with pytest.raises(BuildRefused) as caught:
        turned.service.rollback("go_on", 1)
    assert (caught.value.stage, caught.value.details["diagnostics"]) == ("imports", "go_on → go_round → go_on")
    assert (turned.service.audit_log(), turned.service.show("go_on")["version"]) == ([], 2)
    assert turned.service.run("go_round", 1).output == 1


@pytest.mark.parametrize("version", [None, 1], ids=["capability", "version"])
@pytest.mark.parametrize("put_away", ["deprecate", "archive"])
def test_restoring_what_would_close_a_ring_is_refused(turned: App, put_away: str, version: int | None) -> None:
    """Whether the version is named, or would be the one that comes next."""
    getattr(turned.service, put_away)("go_on", 2)
    with pytest.raises(BuildRefused, match="go_on → go_round → go_on"):
        turned.service.restore("go_on", version)
    assert turned.catalog.ids() == ("go_round",)
    turned.service.restore("go_on", 2)
    assert turned.service.run("go_round", 1).output == 1


@pytest.mark.parametrize("put_away", ["deprecate", "archive"])
def test_what_would_close_a_ring_does_not_follow_what_is_withdrawn(turned: App, put_away: str) -> None:
    """Withdrawing is never refused; the newest version that closes none comes next, or nothing does."""
    add_program(turned, "go_on", f"{ECHO}\ncall length 1")
    getattr(turned.service, put_away)("go_on", 3)
    assert turned.service.show("go_on")["version"] == 2
    getattr(turned.service, put_away)("go_on", 2)
    assert turned.catalog.ids() == ("go_round",)


def test_a_way_back_is_free_once_the_ring_is_opened(turned: App) -> None:
    """As the refusal advises: another version of what is on the way is offered first."""
    turned.service.rollback("go_round", 1)
    assert turned.service.rollback("go_on", 1)["changed"]
    assert turned.service.run("go_on", 1).output == 1


def test_a_ring_through_anything_is_bounded_and_named(app: App) -> None:
    """`*` cannot be seen when it is registered; a module sees its call fail, and the record says what goes round."""
    add_guest(app, "go_round", calls("go_on"), call=["*"])
    assert app.service.run("go_on", 1).output == -1
    outcomes = app.catalog.store.runs.outcomes("go_on", 1, 100)
    assert len(outcomes) == DEPTH // 2 + 1
    assert f"{DEPTH} deep at most, and go_round → go_on → go_round goes round" in str(outcomes[-1].error)
