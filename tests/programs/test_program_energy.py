"""Energy is one currency: a run pays for the whole tree of calls below it, and never more than it was allowed."""

from __future__ import annotations

import pytest
from callee_samples import add_guest, add_program, calls, echoes, traps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program_samples import OpenApp

from tacit.app import App
from tacit.errors import EnergyExhausted, TacitError
from tacit.store import RunRecord

ROUNDS = 30_000
PASS_ON = "call input 0\ncall {0} 1\nreturn"
LEVELS = ("base_echo", "level_one", "level_two", "level_three", "level_four")


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app with an echo that works for what it costs, and programs and guests in turn above it."""
    made = open_app(shipped=False)
    add_guest(made, "base_echo", echoes(ROUNDS))
    add_program(made, "level_one", PASS_ON.format("base_echo"))
    add_guest(made, "level_two", calls("level_one"), call=["level_one"])
    add_program(made, "level_three", PASS_ON.format("level_two"))
    add_guest(made, "level_four", calls("level_three", times=2), call=["level_three"])
    return made


def below(run: RunRecord, tree: list[RunRecord]) -> int:
    """Return what the direct callees of a run used."""
    return sum(each.energy for each in tree if each.parent_run == run.run_id)


def test_a_program_pays_for_its_callee(app: App) -> None:
    """The fuel of the callee, in whole hundredths of a unit, and its own two instructions and end."""
    alone = app.service.run("base_echo", 1, fresh=True).energy
    assert alone > ROUNDS
    assert app.service.run("level_one", 1).energy == 100 * (-(-alone // 100) + 100 + 100 + 5)


def test_a_guest_pays_for_its_callee(app: App) -> None:
    """Its energy is more than that of the program below it, by its own."""
    below_it = app.service.run("level_one", 1).energy
    assert below_it < app.service.run("level_two", 1).energy < below_it + 10_000


def test_the_energy_of_a_run_is_that_of_its_tree(app: App) -> None:
    """Each run of the tree used more than its callees together, and was allowed no less than it used."""
    runs = app.catalog.store.runs
    top = runs.get(app.service.run("level_four", 1).run_id)
    tree = [top, *(runs.get(each.run_id) for name in LEVELS[:-1] for each in runs.outcomes(name, 1, 10))]
    assert len(tree) == 9
    assert all(below(run, tree) < run.energy <= run.energy_limit for run in tree)


def test_a_callee_is_allowed_what_its_caller_has_left(app: App) -> None:
    """Less than the caller was allowed, and the second call less than the first."""
    runs = app.catalog.store.runs
    app.service.run("level_four", 1, energy=2_000_000)
    second, first = (runs.get(each.run_id) for each in runs.outcomes("level_three", 1, 10))
    assert second.energy_limit < first.energy_limit - first.energy + 100 < 2_000_000


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(energy=st.integers(1, 1_200_000), level=st.sampled_from(LEVELS))
def test_no_tree_uses_more_than_its_limit(app: App, energy: int, level: str) -> None:
    """Whatever it is allowed and wherever that ends it; and what is recorded is what it used."""
    runs = app.catalog.store.runs
    try:
        used = app.service.run(level, 1, energy=energy, fresh=True).energy
    except EnergyExhausted:
        pass
    else:
        assert used <= energy
    last = runs.get(next(each.run_id for each in runs.outcomes(level, 1, 100) if not each.nested))
    assert last.energy <= last.energy_limit == energy


def test_a_replay_uses_the_same(app: App) -> None:
    """From the record alone: no callee runs again."""
    answer = app.service.run("level_four", [1, 2])
    again = app.service.replay(answer.run_id)
    assert (again.energy, again.output) == (answer.energy, [1, 2])
    assert len(app.catalog.store.runs.outcomes("base_echo", 1, 10)) == 2


def test_an_exhaustion_says_where_it_was(app: App) -> None:
    """The callees down to the one that had none left, lines of programs included; and the caller's own line."""
    with pytest.raises(EnergyExhausted) as caught:
        app.service.run("level_three", 1, energy=100_000)
    details = caught.value.details
    assert details["where"] == ["level_two@1", "level_one@1 line 2", "base_echo@1"]
    assert (details["line"], details["instruction"]) == (2, "call level_two 1")
    assert "level_two@1 → level_one@1 line 2 → base_echo@1" in caught.value.message


def test_an_exhaustion_of_its_own_says_where_it_was(app: App) -> None:
    """By the line of the program; no callee is named."""
    add_program(app, "endless_one", "again:\npush true\njump_if again")
    with pytest.raises(EnergyExhausted) as caught:
        app.service.run("endless_one", 1, energy=1_000_000)
    assert caught.value.details["line"] in {2, 3}
    assert "where" not in caught.value.details


def test_an_exhausted_tree_replays_as_it_ended(app: App) -> None:
    """With the same error, at the same place."""
    with pytest.raises(EnergyExhausted) as caught:
        app.service.run("level_four", 1, energy=400_000)
    with pytest.raises(EnergyExhausted) as again:
        app.service.replay(caught.value.details["run_id"])
    assert again.value.details == caught.value.details


def test_a_callee_that_fails_is_paid_for(app: App) -> None:
    """A program that ends with it has used what it used."""
    add_guest(app, "trap_now", traps())
    add_program(app, "call_trap", PASS_ON.format("trap_now"))
    with pytest.raises(TacitError) as caught:
        app.service.run("call_trap", 1)
    runs = app.catalog.store.runs
    inner = runs.get(runs.outcomes("trap_now", 1, 1)[0].run_id)
    assert inner.energy > 0
    assert runs.get(caught.value.details["run_id"]).energy >= 20_000 + inner.energy


@pytest.mark.parametrize("energy", [1, 99, 100, 499])
def test_an_energy_below_the_first_instruction_runs_nothing(app: App, energy: int) -> None:
    """No energy is used, and the error is the usual one."""
    add_program(app, "one_step", "push 1")
    with pytest.raises(EnergyExhausted) as caught:
        app.service.run("one_step", 1, energy=energy)
    assert app.catalog.store.runs.get(caught.value.details["run_id"]).energy == 0
