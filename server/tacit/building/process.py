"""One builder subprocess: started in a session of its own, fed, listened to, and killed with its children.

It does not read what the lines say. A builder whose server dies ends by itself, because its stdin ends:
`PR_SET_PDEATHSIG` would be tied to the thread that started it, and servers start builders from worker threads.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tacit.building.descendants import kill_children
from tacit.building.protocol import FOLDER_PREFIX
from tacit.errors import BuilderFailed

COMMAND = (sys.executable, "-P", "-s", "-m", "tacit_builder")
MAX_STDERR_BYTES = 16 * 1024
_CHUNK = 1 << 16
_FOLDERS = re.compile(r"(?:/[^\s/:\"']+)+/(?=[^\s/:\"'])")


class BuilderProcess:
    """A builder that serves one request; `close` it whatever happened.

    `lines` belongs to one thread; `kill` may be called from any.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self.started = time.monotonic()
        self._folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        self._lock = threading.Lock()
        self._reaped = False
        self._stderr = bytearray()
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=self._folder,
                env=clean_environment(self._folder),
                start_new_session=True,
            )
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise BuilderFailed(f"The builder could not be started: {error.strerror}.") from error
        self._streams = [each for each in (self._process.stdin, self._process.stdout, self._process.stderr) if each]
        for stream in self._streams:
            os.set_blocking(stream.fileno(), False)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        with self._lock:
            if self._reaped:
                return False
            # WNOWAIT: as long as it is not reaped, its id cannot name another process, so killing stays safe.
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def lines(self, request: bytes, deadline: float, limit: int) -> Iterator[bytes]:
        """Send the request and yield each line of the answer until the builder closes its stdout.

        `deadline` is on the monotonic clock; past it `TimeoutError` is raised. A line over `limit` bytes is a
        `BuilderFailed`. stdin stays open until `close`.
        """
        stdin, stdout, stderr = (stream.fileno() for stream in self._streams)
        unsent, unread = memoryview(request), bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(stdin, selectors.EVENT_WRITE)
            selector.register(stdout, selectors.EVENT_READ)
            selector.register(stderr, selectors.EVENT_READ)
            while stdout in selector.get_map():
                for pipe in _ready(selector, deadline):
                    if pipe == stdin:
                        unsent = _send(selector, pipe, unsent)
                    elif pipe == stderr:
                        self._keep_stderr(_receive(selector, pipe))
                    else:
                        yield from _split(unread, _receive(selector, pipe), limit)

    def stderr_tail(self) -> str:
        """Return the end of what the builder wrote to stderr, without this machine's folders; before `close`."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._streams[-1].fileno(), _CHUNK):
                self._keep_stderr(data)
        return without_folders(self._stderr.decode(errors="replace"))

    def kill(self) -> None:
        """Kill the builder, its group and its children's groups at once."""
        with self._lock:
            if not self._reaped:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(self._process.pid, signal.SIGSTOP)  # it starts no child while they are counted
                    kill_children(self._process.pid)
                    os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> int:
        """Kill what is left, reap it, remove its folder, and return its exit status (negative: a signal)."""
        self.kill()
        with self._lock:
            status = self._process.wait()
            self._reaped = True
        for stream in self._streams:
            stream.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        return status

    def _keep_stderr(self, data: bytes) -> None:
        self._stderr += data
        del self._stderr[:-MAX_STDERR_BYTES]


def without_folders(text: str) -> str:
    """Return the text with each absolute path cut down to its last part."""
    return _FOLDERS.sub("", text)


def clean_environment(folder: Path) -> dict[str, str]:
    """Return all that a builder with that home inherits: no secret of the server, but its Python installation."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry),
    }


def _ready(selector: selectors.BaseSelector, deadline: float) -> Iterator[int]:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    for key, _ in selector.select(remaining):
        yield key.fd


def _send(selector: selectors.BaseSelector, pipe: int, unsent: memoryview) -> memoryview:
    try:
        unsent = unsent[os.write(pipe, unsent[:_CHUNK]) :]
    except BrokenPipeError:  # it ended without reading; its stdout and status say why
        unsent = unsent[:0]
    except BlockingIOError:
        return unsent
    if not unsent:
        selector.unregister(pipe)
    return unsent


def _receive(selector: selectors.BaseSelector, pipe: int) -> bytes:
    data = os.read(pipe, _CHUNK)
    if not data:
        selector.unregister(pipe)
    return data


def _split(unread: bytearray, data: bytes, limit: int) -> Iterator[bytes]:
    """Yield the whole lines of `unread` + `data`, and keep the rest in `unread`."""
    unread += data
    while (end := data.find(b"\n")) >= 0:
        cut = len(unread) - len(data) + end
        line = bytes(unread[:cut])
        del unread[: cut + 1]
        data = data[end + 1 :]
        yield line
    if len(unread) > limit:
        raise BuilderFailed(f"The builder answered a line of over {limit} bytes.")
