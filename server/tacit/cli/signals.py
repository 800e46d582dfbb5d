"""Signals of a command that waits for a person: what ends it lets it tidy up, and Ctrl-C reaches its work alone."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGHUP)
SIGNALLED = 128
"""What is added to a signal's number to make the exit code of what it ended."""


@contextmanager
def ending_tidily() -> Generator[None]:
    """Raise `SystemExit` at the first SIGTERM or SIGHUP, so that the terminal and the store are left in order.

    What is ignored, as under `nohup`, stays so. A second signal ends the process at once.
    """
    taken = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, _: FrameType | None) -> None:
        _give_back(taken)
        raise SystemExit(SIGNALLED + number)

    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        _give_back(taken)


@contextmanager
def ctrl_c_passed_over() -> Generator[None]:
    """Let Ctrl-C do nothing, but within `ctrl_c_heard`."""
    before = signal.signal(signal.SIGINT, _pass_over)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def ctrl_c_heard() -> Generator[None]:
    """Let Ctrl-C raise `KeyboardInterrupt`."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _pass_over(_number: int, _frame: FrameType | None) -> None:
    """Do nothing; unlike `SIG_IGN`, processes that are started do not inherit it."""


def _give_back(taken: list[signal.Signals]) -> None:
    for number in taken:
        signal.signal(number, signal.SIG_DFL)
