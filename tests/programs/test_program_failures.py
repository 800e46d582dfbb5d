"""An instruction that fails leaves all but the energy as it was, so that it can be tried again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.errors import EnergyExhausted, TacitError, ValueTooLarge
from tacit.programs import MiniRuntime

FAILING = {
    "pop": "push 1\npop\npop",
    "too few arguments": "push 1\ncall add 2",
    "a wrong type": "push 1\npush text\ncall add 2",
    "an unknown function": "push {}\ncall missing 1",
    "a division": "push 1\npush 0\ncall divide 2",
    "store": "push 1\npop\nstore a",
    "load": "push 1\nload missing",
    "jump_if": "push 1\npop\njump_if 0",
    "energy_check": "push 1\nenergy_check 1000000",
    "assert": "push 1\nstore a\npush 0\nassert it holds",
}
LOOP = """\
push 0
store total
next:
load total
push 12
call add 2
store total
observe total
call text 1
push !
call concat 2
assert it is a text
load total
push 60
call less 2
jump_if next
load total
"""
"""Instructions of many costs, about 30 units in all."""


def seen(runtime: MiniRuntime) -> tuple[Any, ...]:
    """Return the state but for the energy."""
    state = runtime.save_state()
    return state.counter, state.stack, state.memory, state.last, state.executed, state.done, state.observations


def stop(source: str, budget: float = 100.0) -> tuple[MiniRuntime, tuple[Any, ...]]:
    """Step until an instruction fails; return the runtime and what was seen before that instruction."""
    runtime = MiniRuntime("test", budget=budget)
    runtime.compile(source)
    while True:
        before = seen(runtime)
        try:
            runtime.step()
        except TacitError:
            return runtime, before
        assert not runtime.done


@pytest.mark.parametrize("what", FAILING)
def test_what_fails_leaves_the_state_as_it_was(what: str) -> None:
    """Counter, stack, variables and observations are those before the instruction."""
    runtime, before = stop(FAILING[what])
    assert seen(runtime) == before


def test_a_value_that_is_too_large_weighs_nothing_afterwards() -> None:
    """Doubling a text ends where no more fits; tried again, it is as much too large as before."""
    runtime, before = stop("push x\nnext:\nstore a\nload a\nload a\ncall concat 2\npush 1\njump_if next", 1e6)
    assert seen(runtime) == before
    with pytest.raises(ValueTooLarge) as first:
        runtime.step()
    with pytest.raises(ValueTooLarge) as second:
        runtime.step()
    assert str(first.value) == str(second.value)


def test_a_call_whose_whole_cost_is_not_left_uses_nothing() -> None:
    """A unit is left for the call, but not what the built-in costs on so long a text."""
    runtime, _ = stop(f'push "{"x" * 10_000}"\npush b\ncall concat 2', 1.5)
    assert runtime.energy_used == pytest.approx(0.2)
    assert runtime.counter == 2


@given(st.integers(0, 3_300))
def test_exhausted_anywhere_it_goes_on_with_more_energy(hundredths: int) -> None:
    """The state at the exhaustion, taken up with a larger budget, ends as a run that was never short."""
    whole = MiniRuntime("whole", budget=100.0)
    whole.compile(LOOP)
    output = whole.execute().output
    short = MiniRuntime("short", budget=hundredths / 100)
    short.compile(LOOP)
    try:
        short.execute()
    except EnergyExhausted:
        longer = MiniRuntime("longer", budget=100.0)
        longer.compile(LOOP)
        longer.load_state(short.save_state())
        assert longer.resume().output == output
        assert seen(longer) == seen(whole)
        assert longer.energy_used == whole.energy_used
    else:
        assert hundredths / 100 >= whole.energy_used


def test_observations_of_a_snapshot_count_towards_their_limit() -> None:
    """A state that is taken up has no fresh room for observations."""
    source = f'push "{"x" * 60_000}"\nstore a\nnext:\nobserve a\npop\npush 1\njump_if next'
    first, _ = stop(source, 1e6)
    second = MiniRuntime("second", budget=1e6)
    second.compile(source)
    second.load_state(first.save_state())
    with pytest.raises(TacitError, match="observations weigh"):
        second.resume()
    assert len(second.save_state().observations) == len(first.save_state().observations)
