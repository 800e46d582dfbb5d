"""Locks on the files that a run writes, between threads and between processes.

A run that names its files holds the folder's lock shared and one exclusive lock per file, taken in sorted order;
a run with a wildcard holds the folder's lock exclusively. They are flocks on files of the state folder, each on
a file description of its own, so that threads exclude each other too and a killed process lets go at once.
Waiting is polling, since a flock that blocks can neither be cancelled nor timed. Readers take no lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import time
from collections.abc import Iterable
from pathlib import Path

from tacit.errors import FileConflict, FilesUnwritable, RunCancelled
from tacit.sandbox.cancellation import Cancellation

FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.02


class FileLocks:
    """The locks that one run holds; not thread-safe, released by `release` or when the process ends."""

    def __init__(self, folder: Path, cancellation: Cancellation | None, wait_seconds: float) -> None:
        self._folder = folder
        self._cancellation = cancellation
        self._wait_seconds = wait_seconds
        self._held: list[int] = []
        self._paths: set[str] = set()
        self._whole = False

    def holds(self, path: str) -> bool:
        """Return whether the file is locked, by itself or with the whole folder."""
        return self._whole or path in self._paths

    def acquire(self, paths: Iterable[str], *, whole: bool) -> None:
        """Lock these files, or with `whole` the folder; to be called once.

        Raises `FileConflict` after waiting too long, `RunCancelled`, and `FilesUnwritable` where there can be no
        locks; then `release` lets go of the rest.
        """
        wanted = [] if whole else sorted(paths)
        if not (wanted or whole):
            return
        try:
            self._acquire(wanted, whole=whole)
        except OSError as error:
            raise FilesUnwritable(
                f"Files cannot be locked for writing: {os.strerror(error.errno or 0)}.",
                hint=f"Check the free space and the owner of {self._folder}.",
            ) from error

    def release(self) -> None:
        """Let go of everything."""
        while self._held:
            let_go(self._held.pop())
        self._paths.clear()
        self._whole = False

    def _acquire(self, wanted: list[str], *, whole: bool) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + self._wait_seconds
        self._lock_folder(deadline, exclusive=whole)
        self._whole = whole
        for path in wanted:
            self._held.append(self._lock(f"file-{hashlib.sha256(path.encode()).hexdigest()}", deadline, fcntl.LOCK_EX))
            self._paths.add(path)

    def _lock_folder(self, deadline: float, *, exclusive: bool) -> None:
        """Lock the folder through a turnstile, so that one exclusive run is not passed by shared ones for ever."""
        turnstile = self._lock("turnstile", deadline, fcntl.LOCK_EX)
        try:
            self._held.append(self._lock("folder", deadline, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH))
        finally:
            let_go(turnstile)

    def _lock(self, name: str, deadline: float, kind: int) -> int:
        descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            pause = FIRST_PAUSE
            while not _try_lock(descriptor, kind):
                self._wait(min(pause, max(deadline - time.monotonic(), 0)), deadline)
                pause = min(pause * (1 + random.random()), LONGEST_PAUSE)  # noqa: S311  # spreads the pollers
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _wait(self, seconds: float, deadline: float) -> None:
        if seconds <= 0 and time.monotonic() >= deadline:
            raise FileConflict(
                f"Another run has held the files that this one writes for {self._wait_seconds:g} seconds.",
                hint="Run it again; nothing was written.",
            )
        if self._cancellation is None:
            time.sleep(seconds)
        elif self._cancellation.wait(seconds):
            raise RunCancelled("The run was cancelled while it waited for files that another run writes.")


def let_go(descriptor: int) -> None:
    """Release a flock and close its file.

    Closing alone would leave it to a process that was forked meanwhile, until that ends.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
