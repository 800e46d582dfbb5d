"""A number that the processes on a data folder share through memory: read in a fraction of a microsecond.

It is a hint, not a truth: the database has that. See `meta.Meta.generation` for why the hint is safe.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

_BYTES = 8


class SharedCounter:
    """Eight bytes of a file, mapped into memory; read and written at once, so that no torn number is ever seen."""

    def __init__(self, path: Path) -> None:
        """Map the file, making it where it is missing; raises `OSError`, also when the disk is full."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size < _BYTES:  # written, not only extended: storing to a hole kills the process when the disk is full
                os.pwrite(descriptor, bytes(_BYTES - size), size)
            self._memory = mmap.mmap(descriptor, _BYTES)
        finally:
            os.close(descriptor)
        self._number = memoryview(self._memory).cast("q")

    def get(self) -> int:
        """Return the number as any process wrote it last; 0 in a new file. Raises ValueError once closed."""
        return self._number[0]

    def set(self, number: int) -> None:
        """Show the number to every process."""
        self._number[0] = number

    def close(self) -> None:
        """Unmap the file; it stays for the other processes."""
        self._number.release()
        self._memory.close()
