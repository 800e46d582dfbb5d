"""The first run after a restart: it loads compiled code, and compiles nothing."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import tacit
from benchmarks.table import Row
from tacit.app import App
from tacit.config import Limits, Settings
from tacit.sandbox import Sandbox

CAPABILITY = "reverse_string"
DATA = {"text": "hello"}


def _timed(app: App) -> float:
    started = time.perf_counter()
    app.service.run(CAPABILITY, DATA, fresh=True)
    return time.perf_counter() - started


def _load_seconds(settings: Settings) -> float:
    """Return the seconds that loading the compiled module alone takes in a fresh sandbox."""
    with tacit.open(settings) as app:
        digest = app.service.show(CAPABILITY)["digest"]
    sandbox = Sandbox(Limits(), settings.data / "compiled")
    started = time.perf_counter()
    sandbox.load(digest, _not_compiled)
    took = time.perf_counter() - started
    sandbox.close()
    return took


def _not_compiled() -> bytes:
    raise AssertionError("the compiled code should have been in the cache")


def measure(rounds: int = 15) -> list[Row]:
    """Return the rows of a restart."""
    first: list[float] = []
    warm: list[float] = []
    loads: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(data=Path(folder), embedder="none")
        with tacit.open(settings) as app:
            _timed(app)
        for _ in range(rounds):
            with tacit.open(settings) as app:
                first.append(_timed(app))
                _timed(app)
                warm.append(statistics.median(_timed(app) for _ in range(20)))
            loads.append(_load_seconds(settings))
    one, other, load = (statistics.median(values) for values in (first, warm, loads))
    return [
        Row("warm run", 1e6 * other, "µs"),
        Row("load of compiled code", 1e6 * load, "µs"),
        Row("first run after a restart", 1e6 * one, "µs"),
        Row("first run / (2 × warm + load)", one / (2 * other + load), "×", "<= 1"),
    ]
