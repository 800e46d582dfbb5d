"""Runs to record, and programs on a store that end badly."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tacit.store import RunRecord, new_run_id


def run_record(**changes: Any) -> RunRecord:
    """Return a small run that ended well, with some fields changed."""
    values: dict[str, Any] = {
        "run_id": new_run_id(),
        "capability": "get_salary_details",
        "version": 3,
        "input": b'{"employee_id": "E001"}',
        "output": b'{"salary": 95000}',
        "error": None,
        "calls": b"",
        "energy": 1234,
        "energy_limit": 5_000_000_000,
        "seconds": 0.0001,
        "now_millis": 1_700_000_000_000,
    }
    return RunRecord(**{**values, **changes})


def run_script(script: str, *arguments: str | Path, wrapper: tuple[str, ...] = ()) -> str:
    """Run Python code in a process of its own, perhaps inside another command, and return what it printed."""
    command = [*wrapper, sys.executable, "-c", script, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def _mounts() -> bool:
    if shutil.which("bwrap") is None:
        return False
    tried = subprocess.run(["bwrap", "--dev-bind", "/", "/", "true"], capture_output=True, check=False)
    return tried.returncode == 0


needs_mounts = pytest.mark.skipif(not _mounts(), reason="bubblewrap cannot make mounts here")


def read_only(folder: Path) -> tuple[str, ...]:
    """Return the command that runs another with `folder` mounted read-only."""
    return ("bwrap", "--dev-bind", "/", "/", "--ro-bind", str(folder), str(folder), "--")


def tiny_disk(folder: Path, size: int) -> tuple[str, ...]:
    """Return the command that runs another with an empty disk of `size` bytes mounted at `folder`."""
    return ("bwrap", "--dev-bind", "/", "/", "--size", str(size), "--tmpfs", str(folder), "--")
