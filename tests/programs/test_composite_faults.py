"""Energy and time that a callee uses up: nobody's fault alone, and the callee's where its parent has enough."""

from __future__ import annotations

import pytest
from callee_samples import add_program
from program_samples import OpenApp

from tacit.app import App
from tacit.config import Limits
from tacit.errors import EnergyExhausted, RunTimedOut

FOREVER = "again:\npush true\njump_if again"
ENERGY = Limits(energy=10_000_000)
CALL = "call input 0\ncall endless_one 1"
WORK = "push 300\nstore i\nmore:\nload i\npush -1\ncall add 2\nstore i\nload i\njump_if more\n"


def failing(app: App, capability: str) -> int:
    """Return on how many inputs in a row the version failed by its own fault."""
    return app.catalog.store.health.get(capability, 1).failing


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app where 1000 units of energy are all that there is, with a program that never ends."""
    made = open_app(shipped=False, limits=ENERGY)
    add_program(made, "endless_one", FOREVER)
    return made


def test_a_callee_that_never_ends_counts_for_nobody(app: App) -> None:
    """However deep it is, and however many inputs it never ends on, all are offered still."""
    add_program(app, "wait_for_it", CALL)
    add_program(app, "wait_longer", "call input 0\ncall wait_for_it 1")
    for number in range(4):
        for name in ("wait_for_it", "wait_longer"):
            with pytest.raises(EnergyExhausted):
                app.service.run(name, number, session=str(number))
    assert [failing(app, name) for name in ("endless_one", "wait_for_it", "wait_longer")] == [0, 0, 0]
    assert app.service.show("endless_one")["status"] == "active"


def test_a_callee_that_never_ends_where_its_parent_does_is_rolled_back(open_app: OpenApp) -> None:
    """Its callers, which fail with it, stay as they are, and end well again."""
    app = open_app(shipped=False, limits=ENERGY)
    add_program(app, "endless_one", "call input 0")
    add_program(app, "wait_for_it", CALL)
    for number in range(5):
        app.service.run("wait_for_it", number)
    add_program(app, "endless_one", FOREVER)
    for number in range(5):
        with pytest.raises(EnergyExhausted):
            app.service.run("wait_for_it", number)
    app.close()
    again = open_app(shipped=False, limits=ENERGY)
    assert again.service.run("wait_for_it", 7).output == 7
    assert again.service.show("endless_one", 2)["status"] == "deprecated"


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


def test_a_callee_that_uses_up_the_time_counts_for_nobody(open_app: OpenApp) -> None:
    """Neither for itself nor for its caller."""
    app = open_app(shipped=False, limits=Limits(wall_seconds=0.5, energy=1 << 60))
    add_program(app, "endless_one", FOREVER)
    add_program(app, "wait_for_it", CALL)
    with pytest.raises(RunTimedOut):
        app.service.run("wait_for_it", 1)
    assert [failing(app, name) for name in ("endless_one", "wait_for_it")] == [0, 0]
