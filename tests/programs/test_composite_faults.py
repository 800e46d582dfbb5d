"""A callee that uses up what its caller has is to blame for it where it had nearly all that there is."""

from __future__ import annotations

import pytest
from callee_samples import add_program
from program_samples import OpenApp

from tacit.app import App
from tacit.config import Limits
from tacit.errors import EnergyExhausted, RunTimedOut

FOREVER = "again:\npush true\njump_if again"
CALL = "call input 0\ncall endless_one 1"
WORK = "push 300\nstore i\nmore:\nload i\npush -1\ncall add 2\nstore i\nload i\njump_if more\n"


def failing(app: App, capability: str) -> int:
    """Return how often in a row the version failed by its own fault."""
    return app.catalog.store.health.get(capability, 1).failing


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app where 1000 units of energy are all that there is, with a program that never ends."""
    made = open_app(shipped=False, limits=Limits(energy=10_000_000))
    add_program(made, "endless_one", FOREVER)
    return made


def test_a_callee_that_never_ends_is_to_blame(app: App) -> None:
    """It counts for itself, not for its callers, however deep it is."""
    add_program(app, "wait_for_it", CALL)
    add_program(app, "wait_longer", "call input 0\ncall wait_for_it 1")
    for name in ("wait_for_it", "wait_longer"):
        with pytest.raises(EnergyExhausted):
            app.service.run(name, 1)
    assert [failing(app, name) for name in ("endless_one", "wait_for_it", "wait_longer")] == [2, 0, 0]


def test_a_callee_that_never_ends_is_withdrawn(app: App) -> None:
    """After as many runs in a row as any that fails by itself; then its callers say what is wrong."""
    add_program(app, "wait_for_it", CALL)
    for _ in range(3):
        with pytest.raises(EnergyExhausted):
            app.service.run("wait_for_it", 1)
    assert app.service.show("endless_one")["status"] == "deprecated"
    assert app.service.show("wait_for_it")["status"] == "active"


def test_a_caller_that_leaves_little_is_to_blame_alone(app: App) -> None:
    """What had less than nine tenths of the energy might have ended well with all of it."""
    add_program(app, "work_first", f"{WORK}{CALL}")
    with pytest.raises(EnergyExhausted):
        app.service.run("work_first", 1)
    assert [failing(app, name) for name in ("endless_one", "work_first")] == [0, 0]


def test_lowered_energy_is_nobodys_fault(app: App) -> None:
    """Whoever lowers it answers for it."""
    add_program(app, "wait_for_it", CALL)
    with pytest.raises(EnergyExhausted):
        app.service.run("wait_for_it", 1, energy=5_000_000)
    assert failing(app, "endless_one") == 0


def test_a_callee_that_uses_up_the_time_is_to_blame(open_app: OpenApp) -> None:
    """Where its own computing took nearly all of it, which a busy machine can only keep from being seen."""
    app = open_app(shipped=False, limits=Limits(wall_seconds=0.5, energy=1 << 60))
    add_program(app, "endless_one", FOREVER)
    add_program(app, "wait_for_it", CALL)
    with pytest.raises(RunTimedOut):
        app.service.run("wait_for_it", 1)
    outcomes = app.catalog.store.runs.outcomes("endless_one", 1, 1)  # none, where the time was up before the call
    computed = [(outcome.error or {})["details"]["computed_seconds"] for outcome in outcomes]
    assert failing(app, "endless_one") == (sum(computed) >= 0.45)
    assert failing(app, "wait_for_it") == 0
