"""Apps with a scripted language model, and what tests see of the processes that they start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from processes_seen import running

from tacit.building.descendants import children
from tacit.service import Service

SECONDS = 60.0


def below(pid: int) -> set[int]:
    """Return the processes below one that are no zombies."""
    found = {child for child in children(pid) if running(child)}
    return found.union(*map(below, found))


def await_that(condition: Callable[[], Any], what: str, seconds: float = SECONDS) -> None:
    """Return once the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for: {what}"
        threading.Event().wait(0.01)


def running_job(service: Service) -> str:
    """Return the job of the newest build, which has to be running."""
    newest = service.builds(1)[0]
    assert newest["status"] == "running"
    return newest["job"]
