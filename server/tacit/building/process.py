"""One builder subprocess: started in a session of its own, talked with, and killed with its children.

It does not read what the lines say. A builder whose server dies ends by itself, because its stdin ends:
`PR_SET_PDEATHSIG` would be tied to the thread that started it, and servers start builders from worker threads.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from tacit.building.descendants import kill_children
from tacit.building.protocol import FOLDER_PREFIX
from tacit.errors import BuilderFailed
from tacit.held_folders import HeldFolder, remove_unheld

COMMAND = (sys.executable, "-P", "-s", "-m", "tacit_builder")
MAX_STDERR_BYTES = 16 * 1024
_CHUNK = 1 << 16
_FOLDERS = re.compile(r"(?:/[^\s/:\"']+)+/(?=[^\s/:\"'])")


class BuilderProcess:
    """A builder that serves one request; `close` it whatever happened.

    `lines` belongs to one thread; `send` and `kill` may be called from any.
    """

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self.started = time.monotonic()
        self._lock = threading.Lock()
        self._reaped = False
        self._stderr = bytearray()
        self._unsent = bytearray()
        with contextlib.ExitStack() as undone, _as_builder_failed():
            self._folder = _working_folder()
            undone.callback(self._folder.remove)
            self._woken, self._waking = os.pipe()
            undone.callback(os.close, self._woken)
            undone.callback(os.close, self._waking)
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=self._folder.path,
                env=clean_environment(self._folder.path),
                start_new_session=True,
            )
            undone.pop_all()
        self._streams = [each for each in (self._process.stdin, self._process.stdout, self._process.stderr) if each]
        for pipe in (*(stream.fileno() for stream in self._streams), self._woken, self._waking):
            os.set_blocking(pipe, False)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        with self._lock:
            if self._reaped:
                return False
            # WNOWAIT: as long as it is not reaped, its id cannot name another process, so killing stays safe.
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def send(self, line: bytes) -> None:
        """Have `lines` send a line once the builder takes it; what comes after `close` is dropped."""
        with self._lock:
            if not self._reaped:
                self._unsent += line
                with contextlib.suppress(BlockingIOError):  # it is full of calls already
                    os.write(self._waking, b"\0")

    def lines(self, deadline: float, limit: int) -> Iterator[bytes]:
        """Send what there is to send, and yield each line that the builder writes until it closes its stdout.

        `deadline` is on the monotonic clock; past it `TimeoutError` is raised. A line over `limit` bytes is a
        `BuilderFailed`. stdin stays open until `close`.
        """
        stdin, stdout, stderr = (stream.fileno() for stream in self._streams)
        unread = bytearray()
        with selectors.DefaultSelector() as selector:
            for pipe in (stdout, stderr, self._woken):
                selector.register(pipe, selectors.EVENT_READ)
            while stdout in selector.get_map():
                for pipe in _ready(selector, deadline):
                    if pipe == self._woken:
                        os.read(pipe, _CHUNK)
                        _watch(selector, stdin, wanted=True)
                    elif pipe == stdin:
                        _watch(selector, stdin, wanted=self._send_more(stdin))
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
            if not self._reaped:
                os.close(self._woken)
                os.close(self._waking)
                self._folder.remove()
            self._reaped = True
        for stream in self._streams:
            stream.close()
        return status

    def _send_more(self, stdin: int) -> bool:
        """Send what stdin takes now; return whether something is left."""
        with self._lock:
            try:
                del self._unsent[: os.write(stdin, self._unsent[:_CHUNK])]
            except BrokenPipeError:  # it ended without reading; its stdout and status say why
                self._unsent.clear()
            except BlockingIOError:
                pass
            return bool(self._unsent)

    def _keep_stderr(self, data: bytes) -> None:
        self._stderr += data
        del self._stderr[:-MAX_STDERR_BYTES]


@contextlib.contextmanager
def _as_builder_failed() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise BuilderFailed(
            f"The builder could not be started: {error.strerror}.",
            hint="Check the limits on open files and processes, and the space for temporary files.",
        ) from error


def _working_folder() -> HeldFolder:
    """Return a new one, after those were removed that builders left which were killed at once with their servers."""
    remove_unheld(Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"))
    return HeldFolder(lambda: Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX)))


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


def _watch(selector: selectors.BaseSelector, stdin: int, *, wanted: bool) -> None:
    """Have the selector say when stdin takes something, or no longer."""
    watched = stdin in selector.get_map()
    if wanted and not watched:
        selector.register(stdin, selectors.EVENT_WRITE)
    elif watched and not wanted:
        selector.unregister(stdin)


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
