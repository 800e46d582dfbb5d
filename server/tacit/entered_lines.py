"""The lines that a person entered in earlier sessions: in a file that stays small and that only its owner may read.

The file is prompt_toolkit's own: for each entry an empty line, a comment with the time, and its lines after a `+`.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prompt_toolkit.history import History

MOST_BYTES = 256 * 1024
"""From this size on the file is cut, to the newest entries of half as much: thousands of lines."""
_NEXT_ENTRY = b"\n# "


def kept_history(path: Path) -> History:
    """Return the history kept in a file, made where it is missing; in memory where it cannot be kept."""
    from prompt_toolkit.history import FileHistory, InMemoryHistory  # slow to import, and only sessions need it

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
        if path.stat().st_size > MOST_BYTES:
            _cut(path)
    except OSError:
        return InMemoryHistory()
    return FileHistory(path)


def _cut(path: Path) -> None:
    """Replace the file by its newest entries, whole or not at all."""
    with path.open("rb") as file:
        file.seek(-MOST_BYTES // 2, os.SEEK_END)
        tail = file.read()
    first = tail.find(_NEXT_ENTRY)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        part.touch(mode=0o600)
        part.write_bytes(tail[first:] if first >= 0 else b"")
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
