"""Ctrl-C while something goes on: that is cancelled, and nothing else."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import anyio

T = TypeVar("T")


async def interruptible(work: Callable[[], Awaitable[T]]) -> T:
    """Return what `work` does; raises `KeyboardInterrupt` once a Ctrl-C has cancelled it and it has wound down."""
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:
        with suppress(NotImplementedError):  # on Windows: there Ctrl-C ends the program
            loop.add_signal_handler(signal.SIGINT, scope.cancel)
        try:
            return await work()
        finally:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(signal.SIGINT)
    raise KeyboardInterrupt
