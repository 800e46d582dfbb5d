"""Answers of pure composites are remembered, and never for longer than they would be given again."""

from __future__ import annotations

import pytest
from callee_samples import add_guest, add_program, calls, echoes, writes
from program_samples import OpenApp

from tacit.app import App
from tacit.config import Limits
from tacit.errors import EnergyExhausted, EnergyLow, PermissionDenied, TacitError
from tacit.models import Permissions
from tacit.sandbox import Cancellation

ROUNDS = 1_000_000
CALL = "call input 0\ncall echo_it 1"
CHECK = f"energy_check 1000\n{CALL}"
FUEL_PER_UNIT = 10_000


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app with `use_echo`, which calls a costly `echo_it`."""
    made = open_app(shipped=False, grants=Permissions(write=("*.json",), call=("*",)))
    add_guest(made, "echo_it", echoes(ROUNDS))
    add_program(made, "use_echo", CALL)
    return made


def cached(app: App, capability: str = "use_echo", data: object = 5, **options: object) -> bool:
    """Run a capability; return whether that was answered from an earlier run."""
    return app.service.run(capability, data, **options).cached  # type: ignore[arg-type]


def test_a_pure_composite_is_cached(app: App) -> None:
    """The same bytes, energy and record; a module that calls by name as well, at any depth."""
    add_guest(app, "call_use", calls("use_echo"), call=["use_echo"])
    for name in ("use_echo", "call_use"):
        first, again = (app.service.run(name, {"a": [1]}) for _ in range(2))
        assert (first.cached, again.cached) == (False, True)
        assert (again.output, again.energy, again.run_id) == (first.output, first.energy, first.run_id)
        assert app.service.replay(again.run_id).output == first.output
        assert app.service.run(name, {"a": [1]}, fresh=True).energy == first.energy


def test_a_called_run_is_never_answered_from_the_cache(app: App) -> None:
    """Each has a record of its own, and costs what it costs."""
    app.service.run("echo_it", 5)
    assert cached(app, "echo_it")
    cold = app.service.run("use_echo", 5, fresh=True)
    warm = app.service.run("use_echo", 5, fresh=True)
    assert (cold.energy, cold.output) == (warm.energy, warm.output)
    runs = app.catalog.store.runs
    assert [each.nested for each in runs.outcomes("echo_it", 1, 10)] == [True, True, False]


@pytest.mark.parametrize("process", ["this", "another"])
def test_no_answer_survives_a_new_version_of_a_callee(app: App, open_app: OpenApp, process: str) -> None:
    """Whichever process registers it; the earlier answer holds again when that is rolled back."""
    changing = app if process == "this" else open_app(shipped=False, grants=app.settings.grants)
    assert not cached(app)
    add_program(changing, "echo_it", "push 6")
    assert app.service.run("use_echo", 5).output == 6
    changing.service.rollback("echo_it", 1)
    again = app.service.run("use_echo", 5)
    assert (again.output, again.cached) == (5, True)


def test_no_answer_survives_a_new_version_below_a_callee(app: App) -> None:
    """The key is that of the whole tree."""
    add_program(app, "call_use", "call input 0\ncall use_echo 1")
    assert not cached(app, "call_use")
    assert cached(app, "call_use")
    add_program(app, "echo_it", "push 6")
    assert app.service.run("call_use", 5).output == 6


def test_a_callee_that_gets_effects_ends_caching(app: App) -> None:
    """What a new version writes is written by every run."""
    assert not cached(app)
    add_guest(app, "echo_it", writes("a.json"), write=["a.json"])
    assert [cached(app), cached(app)] == [False, False]


@pytest.mark.parametrize("withdraw", ["deprecate", "archive"])
def test_no_answer_survives_a_callee_that_is_withdrawn(app: App, withdraw: str) -> None:
    """The run fails now; it is answered as before when the callee is offered again."""
    assert not cached(app)
    getattr(app.service, withdraw)("echo_it")
    with pytest.raises(TacitError, match="echo_it is"):
        app.service.run("use_echo", 5)
    app.service.restore("echo_it")
    assert cached(app)


def test_no_answer_survives_a_grant(open_app: OpenApp) -> None:
    """What may no longer be called is denied, and answered again when it is granted again."""
    app = open_app(shipped=False, grants=Permissions())
    add_guest(app, "echo_it", echoes(ROUNDS))
    add_program(app, "use_echo", CALL)
    grant = Permissions(call=("echo_it",))
    app.service.grant("use_echo", grant)
    assert not cached(app)
    assert cached(app)
    app.service.revoke("use_echo", grant)
    with pytest.raises(PermissionDenied):
        app.service.run("use_echo", 5)
    app.service.grant("use_echo", grant)
    assert cached(app)


def test_an_answer_needs_its_energy(app: App) -> None:
    """Less than it took fails, as without a cache; what was enough once is enough again."""
    used = app.service.run("use_echo", 5).energy
    with pytest.raises(EnergyExhausted):
        app.service.run("use_echo", 5, energy=used // 2)
    assert not cached(app, energy=used * 2)
    assert cached(app, energy=used * 2)
    assert cached(app)


def test_an_answer_needs_the_energy_that_is_asked_for(app: App) -> None:
    """A program that uses less than it checks for is not answered where the check would fail."""
    add_program(app, "check_echo", CHECK)
    used = app.service.run("check_echo", 5).energy
    assert used < 1000 * FUEL_PER_UNIT
    with pytest.raises(EnergyLow):
        app.service.run("check_echo", 5, energy=used + 1)


def test_what_delegates_is_not_cached(app: App) -> None:
    """An agent may answer anything, though what would be a capability of its name is pure."""
    add_guest(app, "agent", echoes())
    source = f'{CALL}\npop\ndelegate agent "anything"'
    add_program(app, "ask_agent", source)
    manifest = app.catalog.get("ask_agent").manifest
    permissions = Permissions(call=("agent", "echo_it"))
    version = app.catalog.get("ask_agent")
    app.catalog.register(
        manifest.model_copy(update={"permissions": permissions}), version.source, source.encode(), version.tests,
        effects=version.effects, author="caller", toolchain="",
    )  # fmt: skip
    assert [cached(app, "ask_agent"), cached(app, "ask_agent")] == [False, False]


def test_what_may_call_anything_is_not_cached(app: App) -> None:
    """Nobody can see what it will call."""
    add_guest(app, "call_any", calls("echo_it"), call=["*"])
    assert [cached(app, "call_any"), cached(app, "call_any")] == [False, False]


class Meanwhile(Cancellation):
    """Changes `echo_it`, and back, around the first call of the run that it belongs to."""

    looks = 0

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app

    @property
    def cancelled(self) -> bool:
        """Register another version of the callee at the first look."""
        self.looks += 1
        if self.looks == 1:
            add_program(self._app, "echo_it", "push 6")
        return False


def test_an_answer_of_two_catalogs_is_not_remembered(app: App) -> None:
    """A callee's new version that answers within a run does not pass for the one that was there before."""
    mixed = app.service.run("use_echo", 5, cancellation=Meanwhile(app))
    app.service.rollback("echo_it", 1)
    again = app.service.run("use_echo", 5)
    assert (mixed.output, again.output, again.cached) == (6, 5, False)


def test_the_same_module_under_another_schema_is_run_again(app: App) -> None:
    """What another version's schema refuses is not answered from its first version's runs."""
    schema = {"type": "object"}
    add_program(app, "use_echo", CALL, output_schema={})
    assert not cached(app)
    add_program(app, "use_echo", CALL, output_schema=schema)
    with pytest.raises(TacitError, match="breaks its own schema"):
        app.service.run("use_echo", 5)


def test_depth_bounds_a_composite_whether_cached_or_not(open_app: OpenApp) -> None:
    """A callee that was answered on its own does not answer a call that is too deep."""
    app = open_app(shipped=False, limits=Limits(call_depth=1))
    add_guest(app, "echo_it", echoes(ROUNDS))
    add_program(app, "use_echo", CALL)
    add_program(app, "call_use", "call input 0\ncall use_echo 1")
    assert [cached(app), cached(app)] == [False, True]
    with pytest.raises(TacitError, match="1 deep at most"):
        app.service.run("call_use", 5)
