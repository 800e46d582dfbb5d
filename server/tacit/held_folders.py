"""Folders that are being worked in: locked meanwhile, so that what killed processes left can be told and removed.

The kernel lets go of a killed process's locks; ages would not tell a slow process from a dead one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class HeldFolder:
    """A new folder at `path` that this process holds; to be removed, or renamed and let go of, whatever happened."""

    def __init__(self, make: Callable[[], Path]) -> None:
        """Hold what `make` makes, a new folder each time; raises OSError."""
        while not self._hold(make()):  # somebody swept it before it was locked
            pass

    def remove(self) -> None:
        """Remove what is left at its path, and let go of it; to be called once."""
        _remove(self.path)
        _let_go(self._lock)

    def _hold(self, path: Path) -> bool:
        """Lock a folder; return whether it is there."""
        self.path = path
        try:
            self._lock = os.open(path, _FOLDER)
        except FileNotFoundError:
            return False
        except OSError:
            _remove(path)
            raise
        try:
            _try_lock(self._lock)
            there = path.exists()
        except BlockingIOError:
            there = False
        except OSError:  # a file system without such locks, on which nobody sweeps either
            there = True
        if not there:
            _let_go(self._lock)
        return there


def is_held(path: Path) -> bool | None:
    """Return whether a living process holds a folder; None where that cannot be told. Raises `FileNotFoundError`."""
    try:
        descriptor = os.open(path, _FOLDER)
    except FileNotFoundError:
        raise
    except OSError:
        return None
    try:
        _try_lock(descriptor)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        _let_go(descriptor)
    return False


def remove_unheld(folders: Iterable[Path]) -> None:
    """Remove those of these folders that are this user's and that no living process holds."""
    with suppress(OSError):
        for path in folders:
            with suppress(OSError):
                _remove_unheld(path)


def _remove_unheld(path: Path) -> None:
    descriptor = os.open(path, _FOLDER)
    try:
        if os.fstat(descriptor).st_uid == os.getuid():
            _try_lock(descriptor)
            _remove(path)
    finally:
        _let_go(descriptor)


def _try_lock(descriptor: int) -> None:
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
