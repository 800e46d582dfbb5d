"""Making a capability from source, beside rustc alone on the same file."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

import tacit
from benchmarks.table import Row
from tacit.app import App
from tacit.config import Settings
from tacit.models import MutateRequest
from tacit_builder.toolchain import Confinement, compile_source, find_confinement, find_sdk, find_toolchain
from tacit_builder.toolchain.confinement import unconfined

EXAMPLE = Path(__file__).parents[1] / "examples" / "get_salary_in_currency"
SOURCE = (EXAMPLE / "main.rs").read_text()
TESTS = json.loads((EXAMPLE / "tests.json").read_text())
SUMMARIES = (
    "Measures how far two points on a globe lie apart.",
    "Sorts the chapters of a novel by their titles.",
    "Predicts the tides of a harbour from the moon's phase.",
    "Checks whether a chess move is legal on a given board.",
    "Plans the watering of a greenhouse for the coming week.",
    "Transposes a melody into another musical key.",
    "Counts the calories of a recipe's ingredients.",
)
"""Unlike each other, so that none is refused as a duplicate of another and the check itself is measured too."""


def _compile(settings: Settings, confinement: Confinement, number: int) -> float:
    toolchain = find_toolchain(settings)
    started = time.perf_counter()
    compile_source(
        toolchain,
        find_sdk(settings, toolchain),
        {"main.rs": f"{SOURCE}\n// {number}\n"},
        confinement=confinement,
        seconds=60,
    )
    return time.perf_counter() - started


def _mutate(app: App, number: int) -> float:
    request = MutateRequest.model_validate(
        {
            "id": f"measured_{number}",
            "summary": SUMMARIES[number],
            "source": f"{SOURCE}\n// {number}\n",
            "tests": TESTS,
            "permissions": {"read": ["employee_database.json"]},
        }
    )
    started = time.perf_counter()
    answer = app.service.mutate(request, wait_seconds=60)
    took = time.perf_counter() - started
    assert answer.status == "registered", answer
    return took


def measure() -> list[Row]:
    """Return the rows of building."""
    bare: list[float] = []
    confined: list[float] = []
    whole: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(data=Path(folder))
        with tacit.open(settings) as app:
            for number in range(len(SUMMARIES)):
                bare.append(_compile(settings, unconfined(), number))
                confined.append(_compile(settings, find_confinement(settings), number))
                whole.append(_mutate(app, number))
    alone, inside, all_of_it = (statistics.median(times[1:]) for times in (bare, confined, whole))
    return [
        Row("floor: rustc alone", alone, "s"),
        Row("rustc confined", inside, "s"),
        Row("mutate with source, warm", all_of_it, "s", note="compile, imports, tests, registration, indexing"),
        Row("mutate / rustc alone", all_of_it / alone, "×", "<= 2"),
    ]
