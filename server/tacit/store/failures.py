"""What SQLite complains about, translated once into the errors of Tacit.

Whatever is not listed here (a broken constraint, wrong SQL) is a mistake in this program and passes as it is.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from tacit.errors import ServiceClosed, StoreBusy, StoreDamaged, StoreReadOnly, TacitError

_MEND = (
    "Move it away and start again: the shipped capabilities come back by themselves, exported ones with `tacit import`."
)
_UNWRITABLE = {
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_PERM: "permission is denied",
    sqlite3.SQLITE_AUTH: "permission is denied",
    sqlite3.SQLITE_CANTOPEN: "its folder cannot be opened for writing",
}
_WRITE_FAILURES = {
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_DIR_FSYNC,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMOPEN,
}


_LONGEST_PATH = 512 - len("-journal")
"""SQLite puts the names of its other files together in 512 bytes."""


@contextmanager
def translated(path: Path) -> Generator[None]:
    """Turn what SQLite raises about the database at `path` inside the block into errors of Tacit."""
    try:
        yield
    except DBAPIError as error:
        raise explained(error.orig, path) or error from error
    except sqlite3.Error as error:
        raise explained(error, path) or error from error


def explained(error: BaseException | None, path: Path) -> TacitError | None:
    """Return the error of Tacit that says what happened to the database at `path`; None for a mistake of ours."""
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return closed()
    extended: int | None = getattr(error, "sqlite_errorcode", None)
    if extended is None:
        return damaged(path, str(error)) if _is_damage(error) else None
    code = extended & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return busy(path)
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}:
        return damaged(path, str(error))
    return _write_failure(code, extended, path, str(error))


def _write_failure(code: int, extended: int, path: Path, problem: str) -> TacitError | None:
    if code == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_SHMSIZE:
        return StoreReadOnly(f"The disk of {path} is full.", hint="Free some space; nothing was changed.")
    if code == sqlite3.SQLITE_CANTOPEN and len(os.fsencode(path)) > _LONGEST_PATH:
        return read_only(path, f"its path has more than the {_LONGEST_PATH} bytes that SQLite takes")
    if code in _UNWRITABLE:
        return read_only(path, _UNWRITABLE[code])
    if extended in _WRITE_FAILURES:
        return read_only(path, f"the disk refuses it ({problem})")
    return damaged(path, problem) if code == sqlite3.SQLITE_IOERR else None


def damaged(path: Path, problem: str) -> StoreDamaged:
    """Return the error for a database that cannot be read; it is never deleted or repaired by itself."""
    return StoreDamaged(f"The database {path} is damaged ({problem}).", hint=_MEND, details={"path": str(path)})


def moved(path: Path) -> StoreDamaged:
    """Return the error for a database whose file is another one by now, or gone, while it is open."""
    return StoreDamaged(
        f"The database {path} is no longer the one that was opened: its folder was moved, deleted or replaced.",
        hint="Put it back, or start what uses it again.",
        details={"path": str(path)},
    )


def read_only(path: Path, problem: str) -> StoreReadOnly:
    """Return the error for a database that cannot be written."""
    return StoreReadOnly(
        f"The database {path} cannot be written: {problem}.",
        hint="Make the data folder writable, or name another with --data or TACIT_DATA.",
        details={"path": str(path)},
    )


def busy(path: Path) -> StoreBusy:
    """Return the error for a database that others kept locked for too long."""
    return StoreBusy(f"The database {path} stayed locked by another process for too long.", hint="Try again.")


def closed() -> ServiceClosed:
    """Return the error for what is asked of a store after its end."""
    return ServiceClosed("The store has been closed.")


def _is_damage(error: BaseException | None) -> bool:
    """Whether the module sqlite3 itself could not make sense of a value, such as a text that is not UTF-8."""
    return isinstance(error, sqlite3.OperationalError) and "decode" in str(error)
