"""Random programs: step by step equals at once, resumed equals uninterrupted, energy is conserved, text is code."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_programs import JSON, Echo, programs

from tacit.errors import InvalidProgram, TacitError
from tacit.programs import MiniRuntime, RuntimeResult, RuntimeSnapshot
from tacit.programs.builtins import BUILTINS
from tacit.programs.compiler import compile_source
from tacit.programs.energy import hundredths
from tacit.programs.instructions import KINDS, Call, instruction_from_json
from tacit.programs.machine import Machine
from tacit.programs.sizes import sized
from tacit.programs.values import equal, from_json, to_json

PROGRAMS = programs()
BUDGETS = st.sampled_from([2000.0, 2000.0, 300.0]) | st.floats(0, 300)
LARGE = [HealthCheck.too_slow, HealthCheck.data_too_large]
MANY = settings(deadline=None, max_examples=80, suppress_health_check=LARGE)


def ready(source: str, budget: float, data: Any, cost: int = 37) -> MiniRuntime | None:
    """Return a runtime for a source; None where it does not compile, as with a jump out of it."""
    runtime = MiniRuntime("test", budget=budget, given=data, outside=Echo(cost))
    try:
        runtime.compile(source)
    except InvalidProgram:
        return None
    return runtime


def ending(runtime: MiniRuntime) -> tuple[Any, ...]:
    """Run to the end, whatever that is; return all that can be seen afterwards."""
    try:
        output: Any = runtime.resume().output
    except TacitError as error:
        output = (error.code, error.details)
    return output, state(runtime)


def state(runtime: MiniRuntime) -> dict[str, Any]:
    """Return the whole state but the time at which it was taken."""
    return runtime.save_state().model_dump(exclude={"timestamp"})


def stepped(runtime: MiniRuntime, steps: int) -> bool:
    """Carry out so many steps; return whether one failed."""
    for _ in range(steps):
        try:
            runtime.step()
        except TacitError:
            return True
    return False


def resumed(runtime: MiniRuntime, source: str, budget: float, data: Any, cost: int = 37) -> MiniRuntime:
    """Return another runtime in the state of one, which went through JSON."""
    other = ready(source, budget, data, cost)
    assert other is not None
    other.load_state(RuntimeSnapshot.model_validate_json(runtime.save_state().model_dump_json()))
    return other


@MANY
@given(PROGRAMS, BUDGETS, JSON)
def test_energy_is_conserved_at_every_step(source: str, budget: float, data: Any) -> None:
    """What is used never decreases, and never passes the budget, however the program ends."""
    runtime = ready(source, budget, data)
    used = 0.0
    failed = runtime is None
    while runtime is not None and not runtime.done and not failed:
        failed = stepped(runtime, 1)
        assert used <= runtime.energy_used <= budget
        assert runtime.is_conserved()
        used = runtime.energy_used


@MANY
@given(PROGRAMS, BUDGETS, JSON)
def test_step_by_step_equals_all_at_once(source: str, budget: float, data: Any) -> None:
    """The same output or error, and the same state."""
    whole, single = ready(source, budget, data), ready(source, budget, data)
    if whole is None or single is None:
        return
    failed = False
    while not single.done and not failed:
        failed = stepped(single, 1)
    output, reached = ending(whole)
    assert state(single) == reached
    assert failed == isinstance(output, tuple)


@MANY
@given(PROGRAMS, BUDGETS, JSON, st.integers(0, 200))
def test_resumed_equals_uninterrupted(source: str, budget: float, data: Any, steps: int) -> None:
    """Saved anywhere, through JSON, and resumed in another runtime."""
    whole, first = ready(source, budget, data), ready(source, budget, data)
    if whole is None or first is None or stepped(first, steps):
        return
    assert ending(resumed(first, source, budget, data)) == ending(whole)


@MANY
@given(PROGRAMS, BUDGETS, JSON)
def test_resumed_after_an_error_equals_tried_again(source: str, budget: float, data: Any) -> None:
    """A state in the middle of an error is one as any other: the instruction that failed is tried once more."""
    runtime = ready(source, budget, data)
    if runtime is None:
        return
    ending(runtime)
    other = resumed(runtime, source, budget, data)
    assert state(other) == state(runtime)
    assert ending(other) == ending(runtime)


@MANY
@given(PROGRAMS, st.floats(0, 60), JSON)
def test_resumed_with_more_energy_equals_begun_with_it(source: str, budget: float, data: Any) -> None:
    """An instruction whose cost is not left is not begun; where it ends otherwise than by that, it did so before."""
    source = "\n".join(line for line in source.split("\n") if not line.startswith("energy_check"))
    whole, first = ready(source, 10_000, data, 0), ready(source, budget, data, 0)
    if whole is None or first is None:
        return
    output, _ = ending(first)
    if isinstance(output, tuple) and output[0] == "energy_exhausted":
        assert ending(resumed(first, source, 10_000, data, 0)) == ending(whole)


@MANY
@given(PROGRAMS, BUDGETS, JSON)
def test_values_weigh_what_they_hold(source: str, budget: float, data: Any) -> None:
    """At every step each value carries what measuring it anew gives: no program outgrows a limit unseen."""
    machine = Machine(hundredths(budget), sized(data), Echo())
    try:
        machine.program = compile_source(source)
        machine.restart()
        while not machine.done:
            machine.step()
            assert all(each == sized(each.value) for each in (*machine.stack[-2:], machine.last))
    except TacitError:
        pass
    assert all(each == sized(each.value) for each in (*machine.stack, *machine.memory.values()))


@MANY
@given(PROGRAMS)
def test_instructions_are_written_as_they_are_read(source: str) -> None:
    """A listing compiles to the program that it lists; JSON of an instruction gives it back."""
    try:
        program = compile_source(source)
    except InvalidProgram:
        return
    listing = "\n".join(map(str, program.instructions))
    assert compile_source(listing).instructions == program.instructions
    for each in program.instructions:
        assert instruction_from_json(json.loads(json.dumps(each.to_json()))) == each


@MANY
@given(PROGRAMS, JSON)
def test_results_survive_json(source: str, data: Any) -> None:
    """Of every execution that ends well."""
    runtime = ready(source, 2000, data)
    try:
        result = runtime.execute() if runtime else None
    except TacitError:
        return
    if result is not None:
        assert RuntimeResult.model_validate_json(result.model_dump_json()) == result
        assert RuntimeResult.model_validate(json.loads(json.dumps(result.model_dump(mode="json")))) == result


def test_random_programs_run_deep() -> None:
    """They reach nearly all of the language: each instruction, the built-ins, loops, and errors of many kinds.

    What is drawn depends on the modules that are loaded, whose constants Hypothesis tries; so there are many.
    """
    done: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    lengths: list[int] = []
    repeated = 0

    @settings(MANY, max_examples=500, derandomize=True, database=None, phases=[Phase.generate])
    @given(PROGRAMS, BUDGETS, JSON)
    def run(source: str, budget: float, data: Any) -> None:
        nonlocal repeated
        runtime = ready(source, budget, data)
        visited: Counter[int] = Counter()
        try:
            while runtime is not None and not runtime.done:
                address = runtime.counter
                runtime.step()
                visited[address] += 1
                instruction = runtime.program.instructions[address]
                done[instruction.callee if isinstance(instruction, Call) else instruction.name] += 1
        except TacitError as error:
            ends[error.code] += 1
        lengths.append(visited.total())
        repeated += max(visited.values(), default=0) > 2

    run()
    assert KINDS.keys() - {"call"} <= done.keys()
    assert len(BUILTINS.keys() & done.keys()) > 0.9 * len(BUILTINS)
    assert done["echo"]
    assert {"energy_exhausted", "out_of_range", "wrong_type", "capability_error"} <= ends.keys()
    assert ends.total() < 0.6 * len(lengths)
    assert sorted(lengths)[len(lengths) // 2] > 15
    assert repeated > 20


@settings(deadline=None, max_examples=200)
@given(st.text())
def test_any_text_compiles_or_is_refused_with_lines(text: str) -> None:
    """Never an error of Python's; every problem has a line of the source."""
    lines: list[int] = []
    try:
        lines.extend(compile_source(text).lines)
    except InvalidProgram as refused:
        lines.extend(each["line"] for each in refused.details["problems"])
    assert all(1 <= line <= len(text.splitlines()) for line in lines)


@settings(deadline=None)
@given(JSON)
def test_values_survive_json_and_programs(data: Any) -> None:
    """A literal, and an input, come out as they went in."""
    assert equal(from_json(json.loads(json.dumps(to_json(data)))), data)
    for source in (f"push {json.dumps(data)}", "call input 0"):
        runtime = ready(source, 10, data)
        assert runtime is not None
        assert equal(runtime.execute().output, data)
