"""Running one job to its end, its deadline, its caller's cancellation or the most output that is worth reading."""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Literal

from tacit.sandbox.cancellation import Cancellation

_CHUNK = 1 << 16
_DYING_SECONDS = 5.0
Ending = Literal["exited", "timed_out", "cancelled", "flooded"]


@dataclass(frozen=True, slots=True)
class Finished:
    """How a job ended, what it printed (cut where it flooded), and its exit code, negative for a signal."""

    ending: Ending
    code: int
    output: bytes


def run_job(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    seconds: float,
    most_bytes: int,
    cancellation: Cancellation | None = None,
) -> Finished:
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
    group, stream = _Group(process), process.stdout
    deadline = time.monotonic() + seconds
    try:
        if cancellation is not None:
            cancellation.on_cancel(group.kill)
        ending, output = _read(stream, deadline, most_bytes)
        if ending == "exited" and not group.exits_before(deadline):
            ending = "timed_out"
    finally:
        group.kill()
        # Bubblewrap's processes die a moment after it; each of them holds the stream open until it is dead.
        _read(stream, time.monotonic() + _DYING_SECONDS)
        stream.close()
        code = group.end()
    if cancellation is not None and cancellation.cancelled:
        ending = "cancelled"
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


class _Group:
    """A process and its group; killing it never reaches a stranger that was given the same number later."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lock = threading.Lock()

    def kill(self) -> None:
        """Kill every process of the group, unless the first has been waited for."""
        with self._lock:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def exits_before(self, deadline: float) -> bool:
        """Wait for the first process to exit, without taking its exit code, which frees its number."""
        descriptor = os.pidfd_open(self._process.pid)
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
        finally:
            os.close(descriptor)

    def end(self) -> int:
        """Return the first process's exit code, which frees its number."""
        with self._lock:
            return self._process.wait()
