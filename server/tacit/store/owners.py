"""Which process works on something, and whether it still lives; a process id alone may have been given anew.

A process is known by a folder that it holds in the data folder, which is told from a container to the next, and after
a restart of the machine. Where folders cannot be held, and in records of an earlier Tacit, it is known by its id.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from pathlib import Path

from tacit.held_folders import HeldFolder, is_held, remove_unheld

_PARTS = 2
"""Colons in the name of a process alone; one that holds a folder has a token besides."""


class Owners:
    """The processes that work in a data folder, this one among them; thread-safe."""

    def __init__(self, folder: Path) -> None:
        """Take where they hold their folders; it is made when it is needed."""
        self._folder = folder
        self._own: HeldFolder | None = None
        self._taking = threading.Lock()

    def this_process(self) -> str:
        """Return a name of this process, which lives until `close` or the process's end."""
        with self._taking:
            try:
                self._own = self._own or HeldFolder(self._make)
            except OSError:  # on a full disk it is known by its id
                return this_process()
            return self._own.path.name

    def is_alive(self, owner: str) -> bool:
        """Return whether the process of that name still works in the data folder."""
        named = owner.count(":") > _PARTS
        try:
            held = is_held(self._folder / owner) if named else None
        except FileNotFoundError:
            return False
        return is_alive(owner.rpartition(":")[0] if named else owner) if held is None else held

    def sweep(self) -> None:
        """Remove what killed processes left."""
        remove_unheld(self._folder.glob("*:*"))

    def close(self) -> None:
        """Work no more."""
        with self._taking:
            own, self._own = self._own, None
        if own is not None:
            own.remove()

    def _make(self) -> Path:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / f"{this_process()}:{secrets.token_hex(4)}"
        path.mkdir(mode=0o700)
        return path


def this_process() -> str:
    """Return the name of this process: host, process id, and when the kernel says that it started."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_start_time(pid)}"


def is_alive(owner: str) -> bool:
    """Return whether the process of that name still runs.

    One of another host does not: a data folder is shared within one machine alone, by containers at most, and what an
    ended container left would seem to live for ever.
    """
    host, _, rest = owner.rpartition(":")
    host, _, pid = host.rpartition(":")
    if host != socket.gethostname():
        return False
    if not pid.isdecimal() or not _exists(int(pid)):
        return False
    return rest == _start_time(int(pid))


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _start_time(pid: int) -> str:
    """Return the start time in ticks since boot; empty where there is no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces
    return "" if fields[0] in {"Z", "X"} else fields[19]
