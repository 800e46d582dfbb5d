"""A number that the processes on a data folder share through memory: read in a fraction of a microsecond.

It is a hint, not a truth: the database has that. See `meta.Meta.generation` for why the hint is safe.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

_NUMBER = struct.Struct("<q")


class SharedCounter:
    """Eight bytes of a file, mapped into memory; an aligned number of that size is read and written at once."""

    def __init__(self, path: Path) -> None:
        """Map the file, making it where it is missing; raises `OSError`."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if os.fstat(descriptor).st_size != _NUMBER.size:
                os.ftruncate(descriptor, _NUMBER.size)
            self._memory = mmap.mmap(descriptor, _NUMBER.size)
        finally:
            os.close(descriptor)

    def get(self) -> int:
        """Return the number as any process wrote it last; 0 in a new file."""
        return _NUMBER.unpack_from(self._memory)[0]

    def set(self, number: int) -> None:
        """Show the number to every process."""
        _NUMBER.pack_into(self._memory, 0, number)
