"""Short runs beside long ones, through the Python API: which count as short, and that they need not wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import wasmtime
from service_samples import OpenApp

from tacit.app import App
from tacit.config import Limits
from tacit.errors import EnergyExhausted, RunCancelled, RunTimedOut, TacitError
from tacit.models import Expectation, Manifest, RunAnswer, TestCase
from tacit.places import SHORT_SECONDS
from tacit.sandbox import Cancellation, Execution, effects_of
from tacit.service.paces import FIRST_PENALTY, Paces

LOOP = '(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))'
SLOW = """
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "1")
  (func (export "_start") (local $left i32)
    (local.set $left (i32.const 5000000))
    (loop $next (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 1))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
"""
"""Answers 1, after more energy than a run at once gets."""
ENDLESS = Limits(energy=1 << 60, wall_seconds=120)
EMPLOYEE = {"employee_id": "E001"}
TEXT = {"text": "abc"}


def run_of(seconds: float, failure: TacitError | None = None) -> Execution:
    return Execution(b"", None, "", 0, seconds, failure)


def test_one_short_run_makes_a_closure_short() -> None:
    """What never ran is not known to be short; what ran is known by its closure."""
    paces = Paces()
    before = paces.is_short("a")
    paces.note("a", run_of(0.001))
    assert (before, paces.is_short("a"), paces.is_short("b")) == (False, True, False)


def test_who_is_short_and_long_by_turns_has_to_be_short_for_longer_each_time() -> None:
    """After the first long run it takes eight short ones in a row, after the second one sixteen."""
    paces = Paces()
    taken: list[int] = []
    for _ in range(3):
        paces.note("a", run_of(SHORT_SECONDS))
        taken.append(0)
        while not paces.is_short("a"):
            paces.note("a", run_of(0.001))
            taken[-1] += 1
    assert taken == [FIRST_PENALTY, 2 * FIRST_PENALTY, 4 * FIRST_PENALTY]


@pytest.mark.parametrize("failure", [EnergyExhausted("No."), RunCancelled("No."), RunTimedOut("No.")])
def test_what_was_cut_off_says_nothing(failure: TacitError) -> None:
    """A run that was given little energy, was cancelled or never began would make any version short."""
    paces = Paces()
    paces.note("a", run_of(0.0, failure))
    paces.note("a", run_of(0.001, failure))
    assert not paces.is_short("a")


def register(app: App, name: str, text: str) -> None:
    """Register a pure capability from a WebAssembly text."""
    wasm = bytes(wasmtime.wat2wasm(text))
    manifest = Manifest(id=name, summary="Computes for a while.")
    test = TestCase(name="none", expect=Expectation(output=1))
    app.catalog.register(
        manifest, {"main.wat": text}, wasm, (test,), effects=effects_of(wasm), author="test", toolchain="wat"
    )


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app with limits that let `loop_for_ever` burn energy until it is cancelled."""
    opened = open_app(limits=ENDLESS, workers=8)
    register(opened, "loop_for_ever", LOOP)
    return opened


@contextmanager
def long_runs(app: App, count: int) -> Generator[list[Future[RunAnswer]]]:
    """Have long runs of one session on every worker, and the others waiting."""
    stop = Cancellation()
    with ThreadPoolExecutor(count) as pool:
        runs = [
            pool.submit(app.service.run, "loop_for_ever", {}, session="long", cancellation=stop) for _ in range(count)
        ]
        places = app.service._runner._sandbox._places  # pyright: ignore[reportPrivateUsage]
        while places._free or len(places._ordinary.all()) < count - 8:  # pyright: ignore[reportPrivateUsage]
            threading.Event().wait(0.01)
        try:
            yield runs
            assert not any(run.done() for run in runs)
        finally:
            stop.cancel()


@pytest.mark.parametrize("count", [8, 40])
@pytest.mark.parametrize("session", ["short", "long", None])
def test_a_run_with_files_that_is_known_to_be_short_ends_beside_long_ones(
    app: App, count: int, session: str | None
) -> None:
    """Whichever session it is of, and however many wait."""
    expected = app.service.run("get_car_details", EMPLOYEE).output
    with long_runs(app, count):
        assert app.service.run("get_car_details", EMPLOYEE, session=session).output == expected


@pytest.mark.usefixtures("unhurried")
def test_a_pure_run_is_tried_at_once_beside_long_ones(app: App) -> None:
    """What is tried at once is bounded, so that it may have a kept place."""
    app.service.run("reverse_string", TEXT)
    with long_runs(app, 8):
        answer = app.service.run_at_once("reverse_string", TEXT)
    assert answer is not None
    assert answer.output == {"reversed": "cba"}


def test_a_known_answer_of_a_long_run_is_given_at_once(app: App) -> None:
    """It takes no place at all; with `fresh` it would, so then it is left to a thread."""
    register(app, "compute_one", SLOW)
    first = app.service.run("compute_one", {})
    assert app.service.run_at_once("compute_one", {"another": "input"}) is None
    with long_runs(app, 8):
        again = app.service.run_at_once("compute_one", {})
        fresh = app.service.run_at_once("compute_one", {}, fresh=True)
    assert again is not None
    assert (again.cached, again.run_id, fresh) == (True, first.run_id, None)


def test_a_second_sessions_run_is_next(app: App) -> None:
    """Eight workers are one session's, and more of its runs wait: the next to begin is the other session's."""
    stops = [Cancellation() for _ in range(21)]
    began: list[str | None] = []
    sandbox = app.service._runner._sandbox  # pyright: ignore[reportPrivateUsage]
    run_on: Callable[..., Execution] = sandbox._run_on  # pyright: ignore[reportPrivateUsage]

    def noted(lane: object, *rest: object) -> Execution:
        began.append(lane.session)  # type: ignore[attr-defined]
        return run_on(lane, *rest)

    sandbox._run_on = noted  # type: ignore[method-assign]
    places = sandbox._places  # pyright: ignore[reportPrivateUsage]
    with ThreadPoolExecutor(21) as pool:
        for number, stop in enumerate(stops):
            pool.submit(app.service.run, "loop_for_ever", {}, session="a" if number < 20 else "b", cancellation=stop)
            while len(began) < min(number + 1, 8) or len(places._ordinary.all()) < number - 7:
                threading.Event().wait(0.01)
        stops[0].cancel()
        while len(began) < 9:
            threading.Event().wait(0.01)
        for stop in stops:
            stop.cancel()
    assert began == ["a"] * 8 + ["b"] + began[9:]
