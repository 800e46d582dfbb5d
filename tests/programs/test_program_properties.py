"""Random programs: step by step equals at once, resumed equals uninterrupted, energy is conserved."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tacit.errors import InvalidProgram, TacitError
from tacit.programs import MiniRuntime, RuntimeSnapshot
from tacit.programs.builtins import BUILTINS
from tacit.programs.compiler import compile_source
from tacit.programs.values import equal, from_json, to_json

NAMES = st.sampled_from(["a", "b", "total"])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
LINES = st.one_of(
    JSON.map(lambda value: f"push {json.dumps(value)}"),
    st.just("pop"),
    st.tuples(st.sampled_from([*BUILTINS, "input", "missing"]), st.integers(0, 3)).map(
        lambda each: f"call {each[0]} {each[1]}"
    ),
    NAMES.map(lambda name: f"store {name}"),
    NAMES.map(lambda name: f"load {name}"),
    st.integers(0, 12).map(lambda address: f"jump_if {address}"),
    st.just("return"),
    st.floats(0, 60).map(lambda threshold: f"energy_check {threshold:.2f}"),
    NAMES.map(lambda name: f"delegate someone {name}"),
    NAMES.map(lambda name: f"observe {name}"),
    NAMES.map(lambda name: f"assert {name} holds"),
)
SOURCES = st.lists(LINES, max_size=25).map("\n".join)


def ready(source: str, budget: float, data: Any) -> MiniRuntime | None:
    """Return a runtime for a source; None where it does not compile, as with a jump out of it."""
    runtime = MiniRuntime("test", budget=budget, given=data)
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
    state = runtime.save_state().model_dump(exclude={"timestamp"})
    return output, state


def stepped(runtime: MiniRuntime, steps: int) -> bool:
    """Carry out so many steps; return whether one failed."""
    for _ in range(steps):
        try:
            runtime.step()
        except TacitError:
            return True
    return False


@settings(deadline=None, max_examples=200)
@given(SOURCES, st.floats(0, 100), JSON)
def test_energy_is_conserved_at_every_step(source: str, budget: float, data: Any) -> None:
    """What is used never decreases, and never passes the budget, however the program ends."""
    runtime = ready(source, budget, data)
    used = 0.0
    while runtime is not None and not runtime.done and not stepped(runtime, 1):
        assert used <= runtime.energy_used <= budget
        assert runtime.is_conserved()
        used = runtime.energy_used


@settings(deadline=None, max_examples=200)
@given(SOURCES, st.floats(0, 100), JSON)
def test_step_by_step_equals_all_at_once(source: str, budget: float, data: Any) -> None:
    """The same output or error, and the same state."""
    whole, single = ready(source, budget, data), ready(source, budget, data)
    if whole is None or single is None:
        return
    failed = False
    while not single.done and not failed:
        failed = stepped(single, 1)
    output, state = ending(whole)
    assert single.save_state().model_dump(exclude={"timestamp"}) == state
    assert failed == isinstance(output, tuple)


@settings(deadline=None, max_examples=200)
@given(SOURCES, st.floats(0, 100), JSON, st.integers(0, 40))
def test_resumed_equals_uninterrupted(source: str, budget: float, data: Any, steps: int) -> None:
    """Saved anywhere, through JSON, and resumed in another runtime."""
    whole, first, second = (ready(source, budget, data) for _ in range(3))
    if whole is None or first is None or second is None or stepped(first, steps):
        return
    second.load_state(RuntimeSnapshot.model_validate_json(first.save_state().model_dump_json()))
    assert ending(second) == ending(whole)


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
