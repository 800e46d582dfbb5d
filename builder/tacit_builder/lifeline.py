"""What ties the builder's process to its server: its own stdout, bounded resources, and an end when stdin ends.

A server that is killed cannot kill its builders, but its end of their stdin closes; a thread waits for that, and
takes the builder, its children and their groups down. The lines that come until then are the server's answers.
"""

from __future__ import annotations

import os
import resource
import select
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from tacit.building.descendants import kill_children
from tacit.building.protocol import FOLDER_PREFIX, MAX_REQUEST_BYTES

MAX_FILE_BYTES = 256 << 20
MAX_DATA_BYTES = 3 << 30
"""What a process of a build may have in memory besides a guest's; a small module can take Wasmtime any amount."""
_STDIN = 0
_CHUNK = 1 << 16


def claim_stdout() -> int:
    """Return a descriptor of the real stdout, and send everything that others print there to stderr."""
    answers = os.dup(sys.__stdout__.fileno() if sys.__stdout__ else 1)
    os.dup2(2, 1)
    return answers


def bound_resources() -> None:
    """Allow no core dumps and no huge files, here and in the compiler."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_FSIZE, MAX_FILE_BYTES)


def bound_memory(guest_bytes: int) -> None:
    """Allow this process, and each that it starts, a bounded memory of which guests may have `guest_bytes`.

    So the server, which compiles what was built once more, never meets a module that took all memory to compile.
    """
    _lower(resource.RLIMIT_DATA, MAX_DATA_BYTES + guest_bytes)


def read_line(limit: int, seconds: float) -> bytes | None:
    """Return the line on stdin, or None when it ends, exceeds `limit` bytes, or does not begin in `seconds`."""
    if not select.select([_STDIN], [], [], seconds)[0]:
        return None
    line = bytearray()
    while len(line) <= limit:
        data = os.read(_STDIN, _CHUNK)
        line += data
        if data.endswith(b"\n"):
            return bytes(line)
        if not data:
            break
    return None


def die_with_stdin(hear: Callable[[bytes], None] | None = None) -> None:
    """From now on, end this process and its group as soon as stdin ends; `hear` gets each line until then.

    `hear` is called on another thread and must not raise. A line that is longer than any may be ends the process too.
    """
    threading.Thread(target=_wait_for_end, args=(hear,), name="lifeline", daemon=True).start()


def remove_folder() -> None:
    """Remove the working folder if the client made it for this builder alone, since the client may be gone."""
    folder = Path.cwd()
    if folder.name.startswith(FOLDER_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)


def _lower(kind: int, limit: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = limit if hard == resource.RLIM_INFINITY else min(hard, limit)
    resource.setrlimit(kind, (limit, limit))


def _wait_for_end(hear: Callable[[bytes], None] | None) -> None:
    unread = bytearray()
    while len(unread) <= MAX_REQUEST_BYTES and (data := os.read(_STDIN, _CHUNK)):
        *lines, rest = data.split(b"\n")
        for line in lines:
            unread += line
            if hear:
                hear(bytes(unread))
            unread.clear()
        unread += rest
    _end()


def _end() -> None:
    kill_children(os.getpid())
    remove_folder()
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
