"""What the shell charges for capabilities that a program calls: what the same program pays as a capability."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from callee_samples import add_guest, add_program, echoes, traps
from program_samples import OpenApp

from tacit.app import App
from tacit.cli.shell_outside import ServiceOutside
from tacit.errors import RunCancelled, TacitError
from tacit.models import Permissions
from tacit.programs import MiniRuntime
from tacit.programs.energy import FUEL_PER_UNIT

WORK = "push 300\nstore i\nmore:\nload i\npush -1\ncall add 2\nstore i\nload i\njump_if more\n"
CALLEES = {
    "end_well": f"{WORK}push 1",
    "report_error": f"{WORK}push late\npush message\ncall fail 2",
    "divide_late": f"{WORK}push 1\npush 0\ncall divide 2",
    "fail_inside": f"{WORK}push 1\ncall divide_late 1",
    "fail_at_once": "load missing",
}
LEAST = {"fail_at_once": 1.1, "trap_now": 1.1}
"""More units than what those calls cost that do not work long."""


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app with capabilities that end in several ways."""
    made = open_app(shipped=False, grants=Permissions(call=("*",)))
    for name, source in CALLEES.items():
        add_program(made, name, source)
    add_guest(made, "trap_now", traps())
    add_guest(made, "echo_it", echoes(100_000))
    return made


def charged_in_the_shell(app: App, source: str) -> float:
    """Run a source as the shell does; return the units that it used."""
    runtime = MiniRuntime("test", budget=10_000.0, outside=ServiceOutside(app.service))
    runtime.compile(source)
    with suppress(TacitError):
        runtime.execute()
    return runtime.energy_used


def charged_as_a_capability(app: App, source: str) -> float:
    """Run a source as a capability; return the units that it used."""
    add_program(app, "call_it", source)
    try:
        run_id = app.service.run("call_it", None).run_id
    except TacitError as error:
        run_id = error.details["run_id"]
    return app.service.run_record(run_id)["energy"] / FUEL_PER_UNIT


@pytest.mark.parametrize("callee", [*CALLEES, "trap_now", "echo_it"])
def test_a_call_costs_what_it_costs_in_a_composite(app: App, callee: str) -> None:
    """However it ends."""
    source = f"push 1\ncall {callee} 1"
    charged = charged_in_the_shell(app, source)
    assert charged == pytest.approx(charged_as_a_capability(app, source))
    assert charged > LEAST.get(callee, 50)


def test_calls_that_never_ran_cost_the_call_alone(app: App) -> None:
    """Of what is not there, and of an input that is refused."""
    app.catalog.deprecate("end_well")
    for source in ("push 1\ncall missing_one 1", "push 1\ncall end_well 1"):
        assert charged_in_the_shell(app, source) == pytest.approx(1.1)


def test_what_failed_pays_each_time_that_it_is_tried(app: App) -> None:
    """So a loop of failing tries ends: energy is used up by them."""
    runtime = MiniRuntime("test", budget=1000.0, outside=ServiceOutside(app.service))
    runtime.compile("push 1\ncall report_error 1")
    used: list[float] = []
    for _ in range(2):
        with pytest.raises(TacitError):
            runtime.resume()
        used.append(runtime.energy_used)
    assert used[1] - 0.1 == pytest.approx(2 * (used[0] - 0.1))


def test_an_interrupted_call_is_as_if_it_had_not_begun(app: App) -> None:
    """It did not fail by itself, and can be tried again."""
    outside = ServiceOutside(app.service)
    outside.stop.cancel()
    with pytest.raises(RunCancelled):
        outside.call("end_well", 1, 1_000_000)


def test_without_a_record_only_the_call_is_paid(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the record is gone, how the call went is told all the same."""

    def dropped(_: str) -> dict[str, Any]:
        raise TacitError("It is gone.")

    monkeypatch.setattr(app.service, "run_record", dropped)
    assert charged_in_the_shell(app, "push 1\ncall report_error 1") == pytest.approx(1.1)
