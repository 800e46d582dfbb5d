"""Rows of figures, medians, and the table that `benchmarks/results.md` holds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, in which unit, and the bound that it is held to, if any."""

    name: str
    value: float
    unit: str
    bound: str = ""
    note: str = ""

    def kept(self) -> bool | None:
        """Whether the figure keeps its bound (`<= 1.5`, `>= 300`); None without one."""
        if not self.bound:
            return None
        sign, limit = self.bound.split()
        return self.value <= float(limit) if sign == "<=" else self.value >= float(limit)

    def cells(self) -> tuple[str, ...]:
        """Return the row as text cells."""
        mark = {None: "", True: "kept", False: "**missed**"}[self.kept()]
        return self.name, f"{self.value:.4g} {self.unit}".strip(), self.bound, mark, self.note


def interleaved(subjects: Mapping[str, Callable[[], object]], rounds: int, batch: int = 1) -> dict[str, float]:
    """Return each subject's median seconds a call.

    The subjects take turns, so that a change of the machine's speed hits all of them alike; each turn is the
    mean of `batch` calls.
    """
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for subject in subjects.values():
        subject()
    for _ in range(rounds):
        for name, subject in subjects.items():
            started = time.perf_counter()
            for _ in range(batch):
                subject()
            times[name].append((time.perf_counter() - started) / batch)
    return {name: statistics.median(values) for name, values in times.items()}


def markdown(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| what | figure | bound | | note |", "|---|---|---|---|---|"]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    return "\n".join(lines)
