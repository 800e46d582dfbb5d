"""Work in pieces on two cores: BLAS gives up the GIL, and has one thread, so two of Python's take half the time."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


def share(work: Callable[[T], None], pieces: Sequence[T]) -> None:
    """Do the work on every piece, on this thread and, where there are two cores, on one more; raises what it raises."""
    left = deque(pieces)
    failures: list[BaseException] = []

    def drain() -> None:
        while left and not failures:
            try:
                piece = left.popleft()
            except IndexError:  # the other one was quicker
                return
            try:
                work(piece)
            except BaseException as error:  # raised again below, on the caller's thread
                failures.append(error)

    helper = None
    if len(pieces) > 1 and _cores() > 1:
        helper = threading.Thread(target=drain, name="tacit-embedding-too", daemon=True)
        helper.start()
    drain()
    if helper is not None:
        helper.join()
    if failures:
        raise failures[0]


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
