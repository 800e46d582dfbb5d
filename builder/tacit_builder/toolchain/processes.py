"""Running one job to its end, its deadline or the most output that is worth reading."""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Literal

_CHUNK = 1 << 16
_DYING_SECONDS = 5.0
Ending = Literal["exited", "timed_out", "flooded"]


@dataclass(frozen=True, slots=True)
class Finished:
    """How a job ended, what it printed (cut where it flooded), and its exit code, negative for a signal."""

    ending: Ending
    code: int
    output: bytes


def run_job(command: Sequence[str], environment: Mapping[str, str], *, seconds: float, most_bytes: int) -> Finished:
    """Run a command in a process group of its own and return what it printed; the whole group is dead by then."""
    process = subprocess.Popen(
        command,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101  # a pipe was asked for
    stream, deadline = process.stdout, time.monotonic() + seconds
    try:
        ending, output = _read(stream, deadline, most_bytes)
        if ending == "exited" and not _exits_before(process.pid, deadline):
            ending = "timed_out"
    finally:
        _kill_group(process.pid)
        # Bubblewrap's processes die a moment after it; each of them holds the stream open until it is dead.
        _read(stream, time.monotonic() + _DYING_SECONDS)
        stream.close()
        code = process.wait()
    return Finished(ending, code, output)


def _read(stream: IO[bytes], deadline: float, most_bytes: int | None = None) -> tuple[Ending, bytes]:
    """Read until the end, the deadline, or more than `most_bytes`; without that limit, keep nothing."""
    output = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            chunk = os.read(stream.fileno(), _CHUNK)
            if not chunk:
                return "exited", bytes(output)
            if most_bytes is not None:
                output += chunk
                if len(output) > most_bytes:
                    return "flooded", bytes(output[:most_bytes])
    return "timed_out", bytes(output)


def _exits_before(pid: int, deadline: float) -> bool:
    """Wait for a process to exit, without taking its exit code: its number is its own until then."""
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
    finally:
        os.close(descriptor)


def _kill_group(pid: int) -> None:
    """Kill every process of the group of that number, whose first has not been waited for."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
