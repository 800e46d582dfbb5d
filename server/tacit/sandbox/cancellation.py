"""Cancelling a run from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Cancellation:
    """A flag that a caller sets once and that a run looks at; thread-safe.

    `on_cancel` registers what must happen at once, such as closing a socket that a host function waits on.
    """

    def __init__(self) -> None:
        self._cancelled = False
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """Set the flag and run the callbacks, once."""
        with self._lock:
            if self._cancelled:
                return
            self._cancelled = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call `callback` when cancelled; at once if that has already happened."""
        with self._lock:
            if not self._cancelled:
                self._callbacks.append(callback)
                return
        callback()

    def wait(self, seconds: float) -> bool:
        """Sleep for at most `seconds`; return whether it was cancelled."""
        event = threading.Event()  # made here, since most runs never wait and an event costs them 3 µs
        self.on_cancel(event.set)
        return event.wait(seconds)
