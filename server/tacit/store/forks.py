"""What a process that was forked from one with an open database must not do: use it, or open it again.

SQLite notes in memory which locks its process holds. A forked process has those notes without the locks, so it would
take none itself; another process could then remove the log from under it. To close what was inherited is no way out:
the process that it came from may be writing through it. So it says what to do instead, and stays as it is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol
from weakref import WeakSet

from tacit.errors import ServiceClosed


class Forkable(Protocol):
    """An open database, of which a forked process has a copy."""

    @property
    def place(self) -> tuple[int, int] | None:
        """What tells its file from any other."""
        ...

    def disown(self) -> None:
        """Refuse every use from now on, and touch nothing."""
        ...


_open: WeakSet[Forkable] = WeakSet()
_inherited: list[Forkable] = []
"""Kept for ever, since to be collected would close their connections."""


def watch(database: Forkable) -> None:
    """Have a database disowned in processes that are forked from now on; `unwatch` it when it is closed."""
    _open.add(database)


def unwatch(database: Forkable) -> None:
    """Forget a database that was closed: a forked process inherits nothing of it."""
    _open.discard(database)


def refuse_inherited(path: Path, place: tuple[int, int] | None) -> None:
    """Raise `ServiceClosed` where the database at `path` was open in the process that this one was forked from."""
    if any(database.place == place for database in _inherited):
        raise inherited(path)


def inherited(path: Path) -> ServiceClosed:
    """Return the error for what a forked process may not use."""
    return ServiceClosed(
        f"The database {path} was open in the process that this one was forked from.",
        hint="Fork first and open Tacit in each process, or start processes with 'spawn' instead of 'fork'.",
        details={"path": str(path)},
    )


def _disown() -> None:
    _inherited.extend(_open)
    for database in _inherited:
        database.disown()


os.register_at_fork(after_in_child=_disown)
