"""A number that the processes on a data folder share through eight bytes of a file: read in half a microsecond.

It is a hint, not a truth: the database has that. See `meta.Meta.generation` for why the hint is safe. It is read and
written by calls, not mapped into memory: where a mapped file is truncated, or its disk is full, a signal ends the
process, and here there is an error.
"""

from __future__ import annotations

import os
import weakref
from pathlib import Path

_BYTES = 8


class SharedCounter:
    """Eight bytes of a file; read and written at once, so that no torn number is ever seen."""

    def __init__(self, path: Path) -> None:
        """Open the file, making it where it is missing; raises `OSError`, also when the disk is full."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        weakref.finalize(self, os.close, self._descriptor)
        size = os.fstat(self._descriptor).st_size
        if size < _BYTES:
            os.pwrite(self._descriptor, bytes(_BYTES - size), size)
        if len(self.get()) < _BYTES:
            raise OSError("it is no file that keeps a number")

    def get(self) -> bytes:
        """Return the number as any process wrote it last, in its bytes (see `bytes_of`); others where it is damaged."""
        try:
            return os.pread(self._descriptor, _BYTES, 0)
        except OSError:
            return b""

    def set(self, number: int) -> None:
        """Show the number to every process; raises `OSError`."""
        os.pwrite(self._descriptor, bytes_of(number), 0)


def bytes_of(number: int) -> bytes:
    """Return a number as it is shared: to compare bytes is quicker than to read the number of them each time."""
    return number.to_bytes(_BYTES, "little", signed=True)
