"""The one module with SQLite's own words: how to connect, what to set, and its dialect of `INSERT`.

Everything else is SQLAlchemy Core. A PostgreSQL store would need its own version of this module.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Insert,
    Integer,
    QueuePool,
    Select,
    Table,
    create_engine,
    event,
    func,
    literal_column,
)
from sqlalchemy.dialects.sqlite import insert

from tacit.store.failures import read_only

CHECKPOINT_PAGES = 8000
"""At this size of the log (32 MB) the write that meets it copies it into the database; `retention` does it earlier."""

_LOG_BYTES = 64 << 20
_WRITES = "tacit_writes"
_CREATING = threading.Lock()


def open_engine(path: Path, *, writable: bool, busy_seconds: float) -> Engine:
    """Return an engine for the database at `path`; a lock is waited for `busy_seconds`.

    Raises `StoreReadOnly` when a read-only database cannot even be read.
    """
    uri = f"{_uri(path)}?mode=rw" if writable else _read_only_uri(path)  # never made anew: tables would be missing

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA foreign_keys=ON")
        # Read, not mapped, whatever SQLite was built with: what is mapped and cannot be read ends the process. Only the
        # index of its log is mapped, of which it writes each page before, so that a full disk is an error.
        connection.execute("PRAGMA mmap_size=0")
        if writable:
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit={_LOG_BYTES}")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=8, max_overflow=-1)
    event.listen(engine, "begin", _begin)
    return engine


def for_writing(connection: Connection) -> Connection:
    """Return the connection with its transactions taking the write lock when they begin."""
    return connection.execution_options(**{_WRITES: True})


def prepare_file(path: Path, busy_seconds: float) -> None:
    """Make a missing database file, readable by its owner alone, and turn its write-ahead log on.

    The log's mode is kept in the file. Raises `sqlite3.Error` or OSError.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    # One that is there is left to SQLite: closing a file drops all locks that this process has on it, those of other
    # connections included, and then another process that closes the database damages it.
    with _CREATING, suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(f"{_uri(path)}?mode=rw", uri=True, timeout=busy_seconds, isolation_level=None)
    try:
        _turn_log_on(connection, time.monotonic() + busy_seconds)
    finally:
        connection.close()


def set_durable(connection: Any, durable: bool) -> None:
    """Make commits wait for the disk, or not; a killed process loses nothing either way, a power cut may."""
    connection.execute("PRAGMA synchronous=FULL" if durable else "PRAGMA synchronous=NORMAL")


def begin_writing(connection: Any) -> None:
    """Begin a transaction with the write lock; `with connection` ends it."""
    connection.execute("BEGIN IMMEDIATE")


def set_patience(connection: Any, seconds: float) -> None:
    """Set how long statements wait for other processes."""
    connection.execute(f"PRAGMA busy_timeout={int(seconds * 1000)}")


def checkpoint(connection: Any) -> None:
    """Copy as much of the log into the database as is possible without waiting for anyone."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def used_bytes(connection: Connection) -> int:
    """Return how many bytes of the database hold something."""
    pages, free, size = (
        connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def insert_missing(table: Table) -> Insert:
    """Return an INSERT that leaves rows as they are whose key exists."""
    return insert(table).on_conflict_do_nothing()


def insert_or_replace(table: Table, *columns: str) -> Insert:
    """Return an INSERT that updates `columns` of rows whose key exists."""
    statement = insert(table)
    changed = {name: statement.excluded[name] for name in columns}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed)


def insert_or_merge(table: Table, rows: Select[*tuple[Any, ...]], *, summed: str, least: tuple[str, ...]) -> Insert:
    """Return an INSERT of selected rows; where a key exists, one column becomes the sum, others the lesser value."""
    statement = insert(table).from_select(list(table.c), rows)
    before, added = table.c, statement.excluded
    merged = {summed: before[summed] + added[summed], **{name: func.min(before[name], added[name]) for name in least}}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=merged)


def insert_or_raise(table: Table, column: str) -> Insert:
    """Return an INSERT that raises `column` of rows whose key exists, and never lowers it."""
    statement = insert(table)
    greater = func.max(table.c[column], statement.excluded[column])  # of two arguments, SQLite's `max` is no aggregate
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_={column: greater})


def insertion_order(table: Table) -> ColumnElement[int]:
    """Return what rows of a table with a key of text are ordered by to stand as they were added, whatever the clock."""
    return literal_column(f"{table.name}.rowid", Integer)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _turn_log_on(connection: sqlite3.Connection, deadline: float) -> None:
    """Retry by hand: a process that does the same just now makes this fail at once, time-out or not."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _uri(path: Path) -> str:
    return f"file:{quote(os.fsencode(path.absolute()))}"


def _read_only_uri(path: Path) -> str:
    """Choose how to read a database whose folder cannot be written.

    With its log and the log's index beside it, another process may be writing: both are honoured. Without a
    log nobody is, and SQLite has to be told so, since it cannot make the index.
    """
    log, index = Path(f"{path}-wal"), Path(f"{path}-shm")
    if log.exists() and index.exists():
        return f"{_uri(path)}?mode=ro"
    if log.exists() and log.stat().st_size:
        raise read_only(path, "it has changes in its log that have to be merged by opening it once writable")
    return f"{_uri(path)}?mode=ro&immutable=1"
