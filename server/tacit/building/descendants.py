"""Killing what a builder started: compilers run in process groups of their own, which its group's end misses.

They ask the kernel to die with the builder, but only once they have got that far; this closes the gap.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


def kill_children(pid: int) -> None:
    """Kill every child of the process `pid`, with the group that it leads; does nothing where /proc is missing.

    The caller sees to it that `pid` starts and reaps none meanwhile, or can live with it.
    """
    for child in children(pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)


def children(pid: int) -> list[int]:
    """Return the process ids of the children that any thread of the process `pid` started."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):  # it has just ended, and the others still have theirs
                found += map(int, (thread / "children").read_text().split())
    return found
