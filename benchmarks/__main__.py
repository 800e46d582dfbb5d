"""Runs the benchmarks, prints their table and writes it to `benchmarks/results.md`.

    python -m benchmarks [--only sandbox,search] [--retrieval FOLDER] [--no-write]

`--retrieval` names a folder with an `evaluate.py` and its sets; without it, those rows are left out.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.table import Row, markdown

AREAS = (
    "sandbox",
    "fairness",
    "restart",
    "protocol",
    "search",
    "scale",
    "building",
    "authoring",
    "programs",
    "memory",
)
RESULTS = Path(__file__).parent / "results.md"


def machine() -> str:
    """Return the machine and the versions that the figures depend on, in a line."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    cpu = f"{len(names)} × {names[0]}" if names else platform.processor()
    memory = Path("/proc/meminfo").read_text().split()[1]
    return (
        f"{cpu}, {int(memory) / 2**20:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, wasmtime-py {version('wasmtime')}"
    )


def main() -> int:
    """Run what was asked for; exit code 1 when a bound was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Tacit beside peers and floors.")
    parser.add_argument("--only", default=",".join(AREAS), help="areas, separated by commas")
    parser.add_argument("--retrieval", type=Path, help="folder with evaluate.py and its sets")
    parser.add_argument("--no-write", action="store_true", help="print only")
    options = parser.parse_args()
    parts: list[str] = []
    rows: list[Row] = []
    for area in options.only.split(","):
        started = time.perf_counter()
        module = importlib.import_module(f"benchmarks.{area}")
        found: list[Row] = module.measure()
        if area == "search" and options.retrieval:
            found += module.quality(options.retrieval)
        rows += found
        parts.append(f"## {area.capitalize()}\n\n{markdown(found)}\n")
        print(f"{parts[-1]}\n({time.perf_counter() - started:.0f} s)\n", flush=True)
    head = f"# Results\n\nMeasured {datetime.now(UTC):%Y-%m-%d} on {machine()}. Medians; ratios within one run.\n"
    if not options.no_write:
        RESULTS.write_text("\n".join([head, *parts]))
    missed = [row.name for row in rows if row.kept() is False]
    print(f"{len(rows)} figures, {len(missed)} over their bound{': ' + '; '.join(missed) if missed else ''}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
