"""One database: reading on pooled connections, writing on one connection under one lock.

A single writing connection costs nothing (SQLite has one writer anyway) and spares this process from waiting
for itself by polling. Other processes are waited for by SQLite.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, PoolProxiedConnection

from tacit.errors import ServiceClosed, StoreReadOnly
from tacit.store import sqlite
from tacit.store.failures import busy, closed, moved, read_only, translated
from tacit.store.forks import inherited, refuse_inherited, unwatch, watch

FILE_NAME = "tacit.db"


class Database:
    """The open database of a data folder; thread-safe."""

    def __init__(self, path: Path, engine: Engine, *, writable: bool, busy_seconds: float) -> None:
        self.path = path
        self.writable = writable
        self.busy_seconds = busy_seconds
        self._engine = engine
        self._lock = threading.Lock()
        self.closed = False
        self.disowned = False
        self.place = place_of(path)
        self._writer = sqlite.for_writing(engine.connect()) if writable else None

    @classmethod
    def open(cls, folder: Path, busy_seconds: float) -> Self:
        """Open the database in `folder`, making both where they are missing; read-only where it has to be.

        Raises `StoreReadOnly` when there is neither a database nor a way to make one, or `StoreDamaged`.
        """
        path = folder.absolute() / FILE_NAME  # the current folder may change while it is open
        refuse_inherited(path, place_of(path))
        writable = _prepare_folder(folder, path)
        with translated(path):
            if writable:
                _prepare_file(path, busy_seconds)
            engine = sqlite.open_engine(path, writable=writable, busy_seconds=busy_seconds)
            try:
                database = cls(path, engine, writable=writable, busy_seconds=busy_seconds)
            except BaseException:
                engine.dispose()
                raise
        watch(database)
        return database

    @property
    def engine(self) -> Engine:
        """The engine, to compile statements for."""
        return self._engine

    @contextmanager
    def read(self) -> Generator[Connection]:
        """Give a connection for reading one consistent state."""
        self._check_open()
        self.check_place()
        with translated(self.path), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, durable: bool = False) -> Generator[Connection]:
        """Give the writing connection in a transaction that is committed at the end, or undone by an exception.

        A `durable` one has reached the disk when the block ends. Raises `StoreReadOnly` or `StoreBusy`.
        """
        self.check_place()
        with translated(self.path), self.turn() as raw:
            assert self._writer is not None  # noqa: S101  # turn() has refused otherwise
            if durable:
                sqlite.set_durable(raw, True)
            try:
                with self._writer.begin():
                    yield self._writer
            finally:
                if raw.in_transaction:  # a commit that failed leaves it open
                    raw.rollback()
                if durable:
                    sqlite.set_durable(raw, False)

    @contextmanager
    def turn(self, *, wait: bool = True) -> Generator[Any]:
        """Give the raw writing connection to this thread alone, in no transaction.

        Without `wait`, neither threads nor other processes are waited for: `StoreBusy`, or SQLite's own error.
        """
        if self._writer is None:
            raise read_only(self.path, "its folder is read-only")
        self._check_open()
        if not self._lock.acquire(timeout=self.busy_seconds if wait else 0):
            raise busy(self.path)
        try:
            self._check_open()
            raw = self._writer.connection.driver_connection
            if wait:
                yield raw
                return
            sqlite.set_patience(raw, 0)
            try:
                yield raw
            finally:
                sqlite.set_patience(raw, self.busy_seconds)
        finally:
            self._lock.release()

    def checkpoint(self) -> None:
        """Copy as much of the log into the database as is possible without waiting for anyone."""
        with translated(self.path), closing(self.raw_connection()) as connection:
            sqlite.checkpoint(connection.driver_connection)

    def raw_connection(self) -> PoolProxiedConnection:
        """Return a raw connection, outside transactions, that the caller closes."""
        self._check_open()
        self.check_place()
        with translated(self.path):
            return self._engine.raw_connection()

    def close(self) -> None:
        """Close every connection; what is asked afterwards raises `ServiceClosed`."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            if self._writer is not None:
                self._writer.close()
            self._engine.dispose()
        unwatch(self)

    def disown(self) -> None:
        """Refuse every use from now on, in a process that was forked from the one that opened it."""
        self.closed = self.disowned = True

    def refusal(self) -> ServiceClosed:
        """Return why it cannot be used any more."""
        return inherited(self.path) if self.disowned else closed()

    def _check_open(self) -> None:
        if self.closed:
            raise self.refusal()

    def check_place(self) -> None:
        """Refuse to go on where the file is gone: half would be done in the old one, half in what is there now."""
        if place_of(self.path) != self.place:
            raise moved(self.path)


def place_of(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from any other that takes its name; None where there is none to be seen."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    return found.st_dev, found.st_ino


def _prepare_file(path: Path, busy_seconds: float) -> None:
    try:
        sqlite.prepare_file(path, busy_seconds)
    except OSError as error:
        raise read_only(path, error.strerror or str(error)) from error


def _prepare_folder(folder: Path, path: Path) -> bool:
    """Make the folder, for its owner alone, if it is missing; return whether the database can be written."""
    try:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreReadOnly(
            f"The data folder {folder} cannot be made: {error.strerror}.",
            hint="Name another with --data or TACIT_DATA.",
        ) from error
    there = place_of(path) is not None
    if os.access(folder, os.W_OK | os.X_OK) and (not there or os.access(path, os.W_OK)):
        return True
    if there and os.access(path, os.R_OK):
        return False
    raise StoreReadOnly(
        f"The data folder {folder} cannot be written and has no database to read.",
        hint="Make it writable, or name another with --data or TACIT_DATA.",
    )
