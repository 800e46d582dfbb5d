"""What a program may do follows what it calls, from the next call on: effects shown, locks, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from callee_samples import add_guest, add_program, calls, echoes, writes
from program_samples import OpenApp, registered

from tacit.app import App
from tacit.building.orders import Budget
from tacit.cli.lineage_drawing import UNICODE, draw
from tacit.errors import FileConflict, TacitError
from tacit.models import Effect, MutateRequest, Permissions
from tacit.sandbox import Cancellation, FilesFolder
from tacit.service.commissions import make_commission
from tacit.store import RunRecord, Sought

CALL = "call input 0\ncall echo_it 1"


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app with `use_echo`, which calls `echo_it`, granted to write."""
    made = open_app(shipped=False, grants=Permissions(write=("*.json",), call=("*",)))
    add_guest(made, "echo_it", echoes())
    add_program(made, "use_echo", CALL)
    return made


def grow(app: App) -> None:
    """Let `echo_it` get a version that writes a file."""
    add_guest(app, "echo_it", writes("a.json"), write=["a.json"])


def effects(app: App, capability: str = "use_echo") -> set[str]:
    """Return the effects that a capability is shown to have."""
    return set(app.service.show(capability)["effects"])


def test_a_new_version_of_a_callee_changes_its_callers_effects(app: App) -> None:
    """In search hits, lists, cards and histories; a rollback changes them back."""
    assert effects(app) == {"calls"}
    grow(app)
    service = app.service
    assert effects(app) == {"calls", "writes"}
    assert set(service.search("use_echo").hits[0].effects) == {Effect.CALLS, Effect.WRITES}
    (listed,) = (row for row in service.list() if row["id"] == "use_echo")
    assert listed["effects"] == service.history("use_echo")[0]["effects"] == ["calls", "writes"]
    service.rollback("echo_it", 1)
    assert effects(app) == {"calls"}


def test_effects_that_were_gained_are_named(app: App) -> None:
    """Those that it was not registered with; of a module none, since its record has its own alone."""
    add_guest(app, "call_echo", calls("echo_it"), call=["echo_it"])
    assert app.service.show("use_echo")["effects_gained"] == []
    grow(app)
    assert app.service.show("use_echo")["effects_gained"] == ["writes"]
    assert app.service.history("use_echo")[0]["effects_gained"] == ["writes"]
    drawn = "\n".join(draw(app.service.lineage("use_echo"), UNICODE, None, whole=True))
    assert "calls · now also writes" in drawn
    assert app.service.show("call_echo")["effects_gained"] == []


def test_effects_follow_through_every_level(app: App) -> None:
    """Through programs and modules that call, however deep."""
    add_guest(app, "call_use", calls("use_echo"), call=["use_echo"])
    add_program(app, "call_call", "call input 0\ncall call_use 1")
    grow(app)
    assert effects(app, "call_use") == effects(app, "call_call") == {"calls", "writes"}


def test_what_is_withdrawn_gives_no_effect(app: App) -> None:
    """It cannot be called; restored it counts again."""
    grow(app)
    app.service.deprecate("echo_it")
    assert effects(app) == {"calls"}
    app.service.restore("echo_it")
    assert effects(app) == {"calls", "writes"}


def test_a_damaged_callee_is_as_one_that_is_gone(app: App) -> None:
    """Its callers are still found and shown."""
    with app.catalog.store.database.write() as connection:
        connection.exec_driver_sql("UPDATE versions SET source = '{' WHERE capability = 'echo_it'")
        app.catalog.store.meta.next_generation(connection)
    assert effects(app) == {"calls"}
    assert app.service.search("use_echo", 1).hits[0].id == "use_echo"


def test_another_process_changes_effects(app: App, open_app: OpenApp) -> None:
    """What one registers, the other shows with its next answer."""
    other = open_app(shipped=False, grants=app.settings.grants)
    assert effects(app) == {"calls"}
    grow(other)
    assert effects(app) == {"calls", "writes"}


def test_what_a_callees_new_version_writes_is_locked(app: App) -> None:
    """Its caller waits for the file from its next run on."""
    grow(app)
    settings = app.settings
    commits = app.catalog.store.commits
    folder = FilesFolder(settings.files_folder, settings.data / "journal", commits, settings.limits.file_bytes)
    cancellation = Cancellation()
    with folder.transaction(("a.json",)):
        cancellation.cancel()
        with pytest.raises(TacitError, match="waited for files"):
            app.service.run("use_echo", 7, cancellation=cancellation)
    assert app.service.run("use_echo", 7).output == 7
    assert (settings.files_folder / "a.json").read_text() == "7"


class Meanwhile(Cancellation):
    """Lets `echo_it` write files when the run that it belongs to looks at it for the first time."""

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app: App | None = app

    @property
    def cancelled(self) -> bool:
        """Change the callee, once."""
        if self._app is not None:
            app, self._app = self._app, None
            grow(app)
        return False


@pytest.mark.parametrize("caller", ["use_echo", "try_it"])
def test_a_callee_that_may_write_since_the_run_began_is_a_conflict(app: App, caller: str) -> None:
    """The file is not locked, so the run ends, whoever would handle it in between, and goes well the next time."""
    add_guest(app, "try_it", calls("use_echo"), call=["use_echo"])
    with pytest.raises(FileConflict) as caught:
        app.service.run(caller, 7, cancellation=Meanwhile(app))
    assert "Run it again" in caught.value.hint
    assert not Path(app.settings.files_folder / "a.json").exists()
    assert app.service.run("use_echo", 7).output == 7


RUST_CALLER = """
use capability_common::{capability_call, run, Error};
fn main() { run(|number: i64| -> Result<i64, Error> { Ok(capability_call::<_, i64>("use_echo", &number)? + 1) }) }
"""


def rust_caller() -> MutateRequest:
    """Return a request for a module that calls `use_echo`."""
    tests = [
        {"name": str(number), "input": number, "calls": {"use_echo": number}, "expect": {"output": number + 1}}
        for number in (1, 5)
    ]
    arguments: dict[str, Any] = {"source": RUST_CALLER, "tests": tests, "permissions": {"call": ["use_echo"]}}
    summary = "Adds one to what another one gives back."
    return MutateRequest.model_validate({"id": "one_more", "summary": summary, **arguments})


def test_the_answer_to_new_source_has_the_effects_of_what_it_calls(app: App) -> None:
    """A module in Rust that calls what calls what writes is said to write, as the next search says."""
    grow(app)
    made = registered(app.service.mutate(rust_caller()))
    assert made.effects == (Effect.CALLS, Effect.WRITES)
    assert app.catalog.get("one_more").effects == {Effect.CALLS}


def test_an_author_is_shown_the_effects_as_they_are(app: App) -> None:
    """Those of the version that it starts from, and of the capabilities near the task."""
    grow(app)
    commission = make_commission(MutateRequest(task="echo it twice", parent_id="use_echo"), app.catalog)
    near = [app.catalog.get("use_echo")]
    budget = Budget(tokens=1, llm_calls=1, attempts=1)
    order = commission.order("job", near, (), budget, lambda version: app.catalog.closures.of(version).effects)
    assert [material and material.effects for material in (order.parent, *order.nearest)] == [("calls", "writes")] * 2


@pytest.mark.parametrize(("called", "sealed"), [("write_it", True), ("echo_it", False)])
def test_the_record_of_what_wrote_is_kept_with_what_it_wrote(
    app: App, monkeypatch: pytest.MonkeyPatch, called: str, sealed: bool
) -> None:
    """Also where the caller may call anything, so that nothing tells beforehand what it writes; its callee's is not."""
    add_guest(app, "write_it", writes("a.json"), write=["a.json"])
    add_guest(app, "call_any", calls(called), call=["*"])
    commits, kept = app.catalog.store.commits, list[str]()
    seal = commits.seal

    def sealing(name: str, entry: str, run: RunRecord) -> None:
        kept.append(run.run_id)
        seal(name, entry, run)

    monkeypatch.setattr(commits, "seal", sealing)
    answer = app.service.run("call_any", 1)
    assert kept == ([answer.run_id] if sealed else [])
    assert [run.capability for run in app.catalog.store.outlines.newest(2, Sought())] == ["call_any", called]
