"""A short run beside long ones that hold every worker and queue for them: with the same run alone, and a place free.

The long guests burn energy until they are cancelled. On a machine of two cores they leave a short run little of the
processors, queue or no queue: what that costs is the floor, measured beside as many as leave one worker free.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import tacit
from benchmarks.guests import wasm
from benchmarks.table import Row
from tacit.app import App
from tacit.config import Limits, Settings
from tacit.errors import RunCancelled
from tacit.models import Expectation, Manifest, TestCase
from tacit.sandbox import Cancellation, effects_of

WORKERS = 8
LOOP = '(module (memory (export "memory") 1) (func (export "_start") (loop $again (br $again))))'
SUBJECTS = {"alone": 0, "free": WORKERS - 1, "eight": WORKERS, "forty": 40}
LIMITS = Limits(energy=1 << 60, wall_seconds=600)


def _register(app: App) -> None:
    module = wasm(LOOP)
    manifest = Manifest(id="loop_for_ever", summary="Computes until it is stopped.")
    test = TestCase(name="never ends", expect=Expectation(output=1))
    app.catalog.register(
        manifest, {"main.wat": LOOP}, module, (test,), effects=effects_of(module), author="bench", toolchain="wat"
    )


@contextmanager
def _long_runs(app: App, count: int) -> Generator[None]:
    """Have so many runs under way or waiting, all of one session."""
    cancellation = Cancellation()

    def burn() -> None:
        with suppress(RunCancelled):
            app.service.run("loop_for_ever", {}, fresh=True, session="long", cancellation=cancellation)

    threads = [threading.Thread(target=burn) for _ in range(count)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    try:
        yield
    finally:
        cancellation.cancel()
        for thread in threads:
            thread.join()


def _short_run(app: App) -> float:
    started = time.perf_counter()
    app.service.run("get_car_details", {"employee_id": "E001"}, session="short")
    return time.perf_counter() - started


def measure(rounds: int = 10, batch: int = 5) -> list[Row]:
    """Return the rows of fairness."""
    times: dict[str, list[float]] = {name: [] for name in SUBJECTS}
    with (
        tempfile.TemporaryDirectory() as folder,
        tacit.open(Settings.load(data=Path(folder), embedder="none", limits=LIMITS, workers=WORKERS)) as app,
    ):
        _register(app)
        for _ in range(20):
            _short_run(app)
        for _ in range(rounds):
            for name, count in SUBJECTS.items():
                with _long_runs(app, count):
                    times[name] += [_short_run(app) for _ in range(batch)]
    took = {name: statistics.median(values) for name, values in times.items()}
    slowest = max(times["forty"])
    return [
        Row("a run that reads a file, alone", 1e3 * took["alone"], "ms"),
        Row("floor: beside seven long runs of eight workers", 1e3 * took["free"], "ms", note="a worker is free"),
        Row("beside eight long runs", 1e3 * took["eight"], "ms"),
        Row("beside eight / alone", took["eight"] / took["alone"], "×", "<= 10"),
        Row("beside eight / floor", took["eight"] / took["free"], "×", "<= 3"),
        Row(
            "beside forty long runs, all but eight waiting", 1e3 * took["forty"], "ms", note=f"slowest {slowest:.2g} s"
        ),
        Row("beside forty / alone", took["forty"] / took["alone"], "×", "<= 10"),
        Row("beside forty / floor", took["forty"] / took["free"], "×", "<= 3"),
    ]
