"""The clock that interrupts guests: it moves Wasmtime's epoch on while anything runs."""

from __future__ import annotations

import threading
from typing import Any

import wasmtime

INTERVAL = 0.01
"""Seconds between two ticks: how late a deadline or a cancellation may be noticed."""
_IDLE_TICKS = 100


class Ticker:
    """One daemon thread that ticks while there are runs and sleeps when there are none.

    It stays awake for a second after the last run, so that short runs one after another need not wake it.
    """

    def __init__(self, engine: wasmtime.Engine) -> None:
        self._engine = engine
        self._runs: set[Any] = set()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._asleep = False
        self._thread = threading.Thread(target=self._tick, name="tacit-ticker", daemon=True)
        self._thread.start()

    def enter(self, run: object) -> None:
        """Tick until `leave` is called with the same object."""
        self._runs.add(run)
        if self._asleep:
            self._wake.set()

    def leave(self, run: object) -> None:
        """Take a run off the list."""
        self._runs.discard(run)

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._wake.set()
        self._thread.join()

    def _tick(self) -> None:
        idle = 0
        while not self._stop.wait(INTERVAL):
            if self._runs:
                idle = 0
                self._engine.increment_epoch()
                continue
            idle += 1
            if idle > _IDLE_TICKS:
                idle = 0
                self._sleep()

    def _sleep(self) -> None:
        self._asleep = True
        # A run that came before it could see that it has to wake the thread is in the set by now.
        if not self._runs:
            self._wake.wait()
        self._asleep = False
        self._wake.clear()
