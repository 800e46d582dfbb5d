"""A thread that works off a backlog in steps, only while there is one."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_STOP_SECONDS = 5.0
_log = logging.getLogger(__name__)


class Backfill:
    """Calls `step` on a daemon thread, again and again until it returns False; `start` begins anew."""

    def __init__(self, step: Callable[[], bool]) -> None:
        self._step = step
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._again = False
        self._stopped = False
        self._idle = threading.Event()
        self._idle.set()

    def start(self) -> None:
        """See to it that `step` is called at least once from now on; does nothing after `stop`."""
        with self._lock:
            if self._stopped:
                return
            self._again = True
            if self._idle.is_set():
                self._idle.clear()
                self._thread = threading.Thread(target=self._run, name="tacit-embedding", daemon=True)
                self._thread.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until there is nothing to do, at most that long; return whether there is nothing."""
        return self._idle.wait(seconds)

    def stop(self) -> None:
        """End after the step that is under way, and wait for it, at most 5 s: a service may take its time."""
        with self._lock:
            self._stopped = True
            thread = self._thread
        if thread is not None:
            thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        try:
            while self._continues():
                while not self._stopped and self._step():
                    pass
        except Exception:
            _log.exception("Embedding in the background ended unexpectedly.")
            self._idle.set()

    def _continues(self) -> bool:
        with self._lock:
            again, self._again = self._again and not self._stopped, False
            if not again:
                self._idle.set()
            return again
