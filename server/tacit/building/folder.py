"""The working folder of a builder: its server holds a lock on it, so that nobody else takes it for one left behind.

A builder whose server is killed removes its folder itself. Where both are killed at once it stays, until somebody
starts the next builder: the kernel has let go of the lock by then.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from tacit.building.protocol import FOLDER_PREFIX

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class WorkingFolder:
    """A temporary folder for one builder; to be removed whatever happened."""

    def __init__(self) -> None:
        """Make and lock it, after those that killed servers left were removed; raises OSError."""
        _sweep()
        while not self._make():  # somebody swept it before it was locked
            pass

    def remove(self) -> None:
        """Remove it with all that is in it, and let go of it; to be called once."""
        _remove(self.path)
        _let_go(self._lock)

    def _make(self) -> bool:
        """Make and lock a folder; return whether it is there."""
        self.path = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        try:
            self._lock = os.open(self.path, _FOLDER)
        except FileNotFoundError:
            return False
        except OSError:
            _remove(self.path)
            raise
        try:
            _lock(self._lock)
            kept = self.path.exists()
        except BlockingIOError:
            kept = False
        except OSError:  # a file system without such locks, on which nobody sweeps either
            kept = True
        if not kept:
            _let_go(self._lock)
        return kept


def _sweep() -> None:
    """Remove the folders of this user's builders that no living server holds."""
    with suppress(OSError):
        for path in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
            with suppress(OSError):
                _remove_unheld(path)


def _remove_unheld(path: Path) -> None:
    """Remove a folder of this user's; raises OSError, where somebody holds it as well."""
    descriptor = os.open(path, _FOLDER)
    try:
        if os.fstat(descriptor).st_uid == os.getuid():
            _lock(descriptor)
            _remove(path)
    finally:
        _let_go(descriptor)


def _lock(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove(path: Path) -> None:
    try:
        path.rmdir()  # to look into it may take one file too many
    except OSError:
        shutil.rmtree(path, ignore_errors=True)


def _let_go(descriptor: int) -> None:
    """Release a lock and close its file: closing alone would leave it to a process that was forked meanwhile."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
