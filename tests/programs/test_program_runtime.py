"""Runtimes: execution, stepping, energy, errors with their place, saving and resuming."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tacit.errors import (
    AssertionFailed,
    CapabilityFailed,
    EnergyExhausted,
    EnergyLow,
    InvalidArgument,
    InvalidProgram,
    JumpOutOfRange,
    RunCancelled,
    StackUnderflow,
    TacitError,
    UnknownName,
    ValueTooLarge,
    WrongType,
)
from tacit.programs import MiniRuntime, Reference, RuntimeResult, RuntimeSnapshot
from tacit.programs.compiler import Program
from tacit.programs.energy import FUEL_PER_UNIT, cost_of_fuel, fuel_for, hundredths
from tacit.programs.instructions import JumpIf, Push
from tacit.programs.machine import MAX_OBSERVATIONS, MAX_STACK
from tacit.programs.values import shown

LOOP = """
push 0
store i
next:
load i
push 1
call add 2
store i
load i
push {limit}
call less 2
jump_if next
load i
return
"""


def runtime(source: str, budget: float = 1000.0, **given: Any) -> MiniRuntime:
    """Return a runtime with a compiled source."""
    made = MiniRuntime("test", "tests", budget, **given)
    made.compile(source)
    return made


def output(source: str, **given: Any) -> Any:
    """Return what a source gives."""
    return runtime(source, **given).execute().output


class Answers:
    """An outside with one capability, one agent, and a switch that stops the program."""

    def __init__(self, fuel: int = 0) -> None:
        self.fuel = fuel
        self.calls: list[tuple[str, Any, int]] = []
        self.stopped = False

    def call(self, capability: str, data: Any, energy: int) -> tuple[Any, int] | None:
        self.calls.append((capability, data, energy))
        return ({"salary": 100}, cost_of_fuel(self.fuel)) if capability == "get_salary" else None

    def delegate(self, agent: str, task: str) -> Any:
        return {"did": task} if agent == "analyst" else None

    def check(self) -> None:
        if self.stopped:
            raise RunCancelled("The run was cancelled.")


def test_a_new_runtime_has_done_nothing() -> None:
    """Its budget is untouched, its level 0, its energy conserved."""
    made = MiniRuntime("a", "b", 10)
    assert (made.name, made.domain, made.energy_used, made.energy_remaining) == ("a", "b", 0, 10)
    assert (made.abstraction_level(), made.is_conserved(), made.done) == (0, True, True)


@pytest.mark.parametrize("budget", [-1, math.nan, math.inf, -math.inf, 1e300, 10**5000, "10", None, True], ids=shown)
def test_what_is_no_budget_is_refused(budget: Any) -> None:
    """Negative, NaN, infinite, vast, or no number at all."""
    with pytest.raises(InvalidArgument, match="budget"):
        MiniRuntime("a", budget=budget)


def test_a_budget_of_nothing_runs_nothing() -> None:
    """The first instruction is not begun."""
    made = runtime("push 1", 0)
    with pytest.raises(EnergyExhausted):
        made.execute()
    assert (made.stack, made.energy_used) == ([], 0)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("push 1", 1),
        ("push 1\npop", None),
        ("push 1\nreturn\npush 2", 1),
        ("", None),
        ("push 5\nstore x\nload x\nload x\ncall multiply 2", 25),
        ("push true\njump_if there\npush 1\nthere: push 2", 2),
        ("push false\njump_if there\npush 1\nreturn\nthere: push 2", 1),
        ("push 7\npush true\njump_if 3", 7),
        ("energy_check 10\npush ok", "ok"),
        ("push 1\nassert one is there\npush ok", "ok"),
        ("call input 0\npush name\ncall get 2", "Ada"),
        ("delegate nobody look", {"$reference": "nobody:look"}),
        ("observe missing", None),
        ("push 3\nstore x\nobserve x", 3),
    ],
)
def test_programs_give_the_top_of_the_stack(source: str, expected: Any) -> None:
    """At `return` or at the end; null where it is empty."""
    assert output(source, given={"name": "Ada"}) == expected


def test_a_result_says_what_it_took() -> None:
    """Energy in units, exactly, and the number of instructions."""
    result = runtime("push 1\npush 2\ncall add 2\nreturn").execute()
    assert result == RuntimeResult(success=True, output=3, energy_consumed=1.25, instructions_executed=4)
    assert RuntimeResult.model_validate_json(result.model_dump_json()) == result


def test_a_registered_function_is_called_with_values() -> None:
    """It gets a list, gives a value, and may cost something."""
    made = MiniRuntime("test", budget=10)
    made.register_builtin("read_sensors", lambda given: {"temp": 22.5, "asked": len(given)}, cost=2)
    made.compile("push 1\ncall read_sensors 1\nstore sensor_data\nobserve temp\nreturn")
    result = made.execute()
    assert (result.output, result.energy_consumed) == (22.5, 3.55)
    assert [(each.name, each.value) for each in result.observations] == [("temp", 22.5)]


def test_direct_calls_cost_as_much_as_others() -> None:
    """`call` outside of a program gives the value, or the error."""
    made = MiniRuntime("test", budget=1.5)
    assert made.call("add", [1, 2]) == 3
    assert made.energy_used == 1
    with pytest.raises(EnergyExhausted):
        made.call("add", [1, 2])


def test_capabilities_take_their_input_and_are_paid_for() -> None:
    """The fuel of a callee costs energy at its rate, and it gets no more than what is left."""
    outside = Answers(fuel=3 * FUEL_PER_UNIT + 1)
    made = runtime('push {"id": "E1"}\ncall get_salary 1\npush salary\ncall get 2', 10, outside=outside)
    result = made.execute()
    assert (result.output, result.energy_consumed) == (100, 5.21)
    assert outside.calls == [("get_salary", {"id": "E1"}, 890)]


def test_a_callee_cannot_use_more_than_is_left() -> None:
    """Energy stays conserved whatever a callee says that it used."""
    made = runtime("push 1\ncall get_salary 1", 5, outside=Answers(fuel=10**12))
    made.execute()
    assert made.energy_used == made.budget
    assert made.is_conserved()


def test_fuel_is_never_free_and_never_more_than_bought() -> None:
    """Costs are rounded up, what energy buys is rounded down."""
    assert [cost_of_fuel(fuel) for fuel in (0, 1, 100, 101)] == [0, 1, 1, 2]
    assert all(cost_of_fuel(fuel_for(energy)) <= energy for energy in range(1000))
    assert hundredths(0.1) == 10


def test_agents_answer_delegations() -> None:
    """Where one is at hand its answer is pushed; else a reference to the task."""
    assert output("delegate analyst count it", outside=Answers()) == {"did": "count it"}
    assert output("delegate other count it\ncall type 1", outside=Answers()) == "reference"


def test_a_cancelled_program_stops() -> None:
    """The outside is asked again and again."""
    outside = Answers()
    made = runtime(LOOP.format(limit=10**9), 1e9, outside=outside)
    for _ in range(300):
        made.step()
    outside.stopped = True
    with pytest.raises(RunCancelled):
        made.resume()


WRONG: list[tuple[str, type[TacitError], int]] = [
    ("push 1\npop\npop", StackUnderflow, 3),
    ("store x", StackUnderflow, 1),
    ("push 1\ncall add 2", StackUnderflow, 2),
    ("jump_if 0", StackUnderflow, 1),
    ("assert nothing", StackUnderflow, 1),
    ("\n\nload x", UnknownName, 3),
    ("call explode 0", UnknownName, 1),
    ("push 1\ncall get_salary 1", UnknownName, 2),
    ("push 1\npush 2\ncall get_salary 2", UnknownName, 3),
    ("push 1\ncall add 1", WrongType, 2),
    ("push 1\npush a\ncall add 2", WrongType, 3),
    ("push false\nassert it is so", AssertionFailed, 2),
    ("push null\nassert it is there", AssertionFailed, 2),
    ("energy_check 1001", EnergyLow, 1),
    ("push a\npush b\ncall fail 2", CapabilityFailed, 3),
]


@pytest.mark.parametrize(("source", "error", "line"), WRONG, ids=[source for source, _, _ in WRONG])
def test_errors_say_where_they_happened(source: str, error: type[TacitError], line: int) -> None:
    """Each has its class, and the line, address and instruction in its details."""
    made = runtime(source)
    with pytest.raises(error) as raised:
        made.execute()
    assert raised.value.details["line"] == line
    assert raised.value.details["address"] == made.counter
    assert raised.value.details["instruction"]


def test_a_jump_out_of_range_is_an_error() -> None:
    """The compiler refuses one; a program that was made otherwise fails when it jumps."""
    made = MiniRuntime("test")
    made.load(Program((Push(True), JumpIf(7)), (1, 2), {}))
    with pytest.raises(JumpOutOfRange):
        made.execute()


def test_exhaustion_is_an_error_with_its_place_and_costs_nothing_more() -> None:
    """What was used stays within the budget; nothing of the instruction happened."""
    made = runtime(LOOP.format(limit=100), 10)
    with pytest.raises(EnergyExhausted) as raised:
        made.execute()
    assert raised.value.details["instruction"]
    assert made.is_conserved()
    assert made.energy_remaining < 1


def test_energy_goes_on_being_used_up() -> None:
    """A second execution has what the first left; a reset gives none back."""
    made = runtime("push 1", 0.15)
    made.execute()
    made.reset()
    assert made.energy_used == 0.1
    with pytest.raises(EnergyExhausted):
        made.execute()


def test_the_stack_and_the_record_are_bounded() -> None:
    """A loop that pushes, or observes, without end is stopped."""
    with pytest.raises(ValueTooLarge, match="stack"):
        runtime("again: push 1\npush true\njump_if again", 1e6).execute()
    with pytest.raises(ValueTooLarge, match="observ"):
        runtime("push 1\nstore x\nagain: observe x\npop\npush true\njump_if again", 1e6).execute()
    assert MAX_STACK > MAX_OBSERVATIONS


def test_growing_values_are_bounded() -> None:
    """A text, a list and a map that double without end are refused long before memory is full."""
    grow = "push {start}\nstore x\nagain: load x\nload x\ncall concat 2\nstore x\npush true\njump_if again"
    for start in ("abcdefgh", "[1, 2]"):
        with pytest.raises(ValueTooLarge):
            runtime(grow.format(start=start), 1e9).execute()


def test_a_list_may_grow_item_by_item() -> None:
    """It is no deeper for that, and weighs what it holds."""
    count = "load x\ncall length 1\npush 500\ncall less 2\njump_if again"
    grow = f"push [0]\nstore x\nagain: load x\npush 0\ncall {{0}}\nstore x\n{count}\nload x"
    for call in ("append 2", "list 1\ncall concat 2"):
        made = runtime(grow.format(call), 1e6)
        assert made.execute().output == [0] * 500
        again = runtime(grow.format(call), 1e6)
        again.load_state(made.save_state())
        assert (again.stack, again.memory) == (made.stack, made.memory)


def test_stepping_shows_each_instruction() -> None:
    """One at a time, with what is left; past the end nothing happens."""
    made = runtime("push 1\npop", 1)
    steps = [made.step() for _ in range(3)]
    assert [each.instruction for each in steps] == ["push 1", "pop", ""]
    assert [each.remaining_energy for each in steps] == [0.9, 0.85, 0.85]
    assert [each.done for each in steps] == [False, True, True]


def test_stepping_ends_as_executing_does() -> None:
    """The same stack, variables and energy."""
    whole, stepped = runtime(LOOP.format(limit=20)), runtime(LOOP.format(limit=20))
    result = whole.execute()
    while not stepped.done:
        stepped.step()
    assert (stepped.stack, stepped.memory, stepped.energy_used) == (whole.stack, whole.memory, whole.energy_used)
    assert result.output == 20


@pytest.mark.parametrize("steps", [0, 1, 7, 50, 141])
def test_a_resumed_program_ends_as_an_uninterrupted_one(steps: int) -> None:
    """Through JSON, in another runtime, from anywhere."""
    source = LOOP.format(limit=20)
    first = runtime(source)
    for _ in range(steps):
        first.step()
    saved = RuntimeSnapshot.model_validate_json(first.save_state().model_dump_json())
    second = runtime(source)
    second.load_state(saved)
    assert second.resume().output == runtime(source).execute().output == 20
    whole = runtime(source)
    whole.execute()
    assert second.energy_used == whole.energy_used


def test_a_snapshot_keeps_references_and_observations() -> None:
    """What JSON has no form for comes back as it was."""
    source = "delegate nobody look\nstore task\npush 1\nstore x\nobserve x"
    first = runtime(source)
    first.execute()
    second = runtime(source)
    second.load_state(first.save_state())
    assert second.memory == {"task": Reference("nobody:look"), "x": 1}
    assert second.save_state().observations == first.save_state().observations
    assert second.abstraction_level() == 1


def test_reset_clears_the_execution_alone() -> None:
    """Counter and stack go; variables and used energy stay."""
    made = runtime("push 1\nstore x\npush 2")
    made.execute()
    made.reset()
    assert (made.counter, made.stack, made.memory, made.energy_used) == (0, [], {"x": 1}, 0.3)


def test_compiling_raises_the_level_up_to_three() -> None:
    """And clears what the program before stored; a source that does not compile changes nothing."""
    made = runtime("push 1\nstore x")
    made.execute()
    for expected in (2, 3, 3):
        made.compile("push 2")
        assert made.abstraction_level() == expected
    assert made.memory == {}
    with pytest.raises(InvalidProgram):
        made.compile("explode")
    assert made.execute().output == 2
