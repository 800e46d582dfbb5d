"""Signals of a command that waits for a person: what ends it lets it tidy up, and Ctrl-C reaches its work alone."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tacit.sandbox.cancellation import Cancellation

ENDING = tuple(number for number in signal.Signals if number.name in ("SIGTERM", "SIGHUP"))
"""Windows has no SIGHUP."""
SIGNALLED = 128
"""What is added to a signal's number to make the exit code of what it ended."""


class Ending:
    """The first SIGTERM or SIGHUP of a command: its exit code once it has come, and how to wake what waits."""

    def __init__(self) -> None:
        self.code: int | None = None
        self._wake: Callable[[], None] | None = None

    def came(self, number: int) -> None:
        """Raise `SystemExit`, or wake what waits."""
        self.code = SIGNALLED + number
        if self._wake is None:
            raise SystemExit(self.code)
        self._wake()

    def require_none(self) -> None:
        """Raise `SystemExit` where a signal has come."""
        if self.code is not None:
            raise SystemExit(self.code)

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Generator[None]:
        """Call `wake` for a signal instead of raising, and look afterwards: an exception may come at any place."""
        self._wake = wake
        try:
            yield
        finally:
            self._wake = None


@contextmanager
def ending_tidily() -> Generator[Ending]:
    """Raise `SystemExit` at the first SIGTERM or SIGHUP, so that the terminal and the store are left in order.

    What is ignored, as under `nohup`, stays so. A second signal ends the process at once.
    """
    taken = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
    ending = Ending()

    def end(number: int, _: FrameType | None) -> None:
        _give_back(taken)
        ending.came(number)

    for number in taken:
        signal.signal(number, end)
    try:
        yield ending
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


@contextmanager
def cancelled_by_signals(cancellation: Cancellation) -> Generator[None]:
    """Let signals that Python handles cancel, and nothing else; at the end the first one has its effect.

    An exception could come at any place, also where the one before it is being handled.
    """
    seen: list[signal.Signals] = []
    handlers = {number: handler for number in (signal.SIGINT, *ENDING) if callable(handler := signal.getsignal(number))}

    def stop(number: int, _: FrameType | None) -> None:
        if not seen:  # else this one may have come within the handling of the first, which holds a lock
            seen.append(signal.Signals(number))
            cancellation.cancel()

    if threading.current_thread() is not threading.main_thread():
        handlers.clear()
    for number in handlers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if seen:
        handlers[seen[0]](seen[0], None)


def _pass_over(_number: int, _frame: FrameType | None) -> None:
    """Do nothing; unlike `SIG_IGN`, processes that are started do not inherit it."""


def _give_back(taken: list[signal.Signals]) -> None:
    for number in taken:
        signal.signal(number, signal.SIG_DFL)
