"""What tests see of processes, through /proc."""

from __future__ import annotations

from pathlib import Path

from tacit.building.descendants import children


def running(pid: int) -> bool:
    """Return whether the process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def descendants(pid: int) -> set[int]:
    """Return the processes below one."""
    below = set(children(pid))
    return below.union(*map(descendants, below))


def name_of(pid: int) -> str:
    """Return the name of the process's program, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
