"""Stdin and stdout as pipes that the event loop waits for itself.

The SDK reads and writes them on threads, three hand-overs a call, which cost more than most runs. Streams that
cannot be waited for (files, Windows' pipes) are left to it.
"""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import anyio
import anyio.lowlevel

from tacit.tools.exact_numbers import noted

READ_BYTES = 1 << 16
WRITE_BYTES = select.PIPE_BUF
"""A pipe that is ready for writing takes this much without blocking (POSIX, `write`)."""
_GONE = select.POLLERR | select.POLLHUP | select.POLLNVAL


class LineReader:
    """The lines of a pipe, as text, for the SDK to iterate over; what is not UTF-8 becomes U+FFFD."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._unread = bytearray()
        self._searched = 0

    def __aiter__(self) -> LineReader:
        return self

    async def __anext__(self) -> str:
        while (end := self._unread.find(b"\n", self._searched)) < 0:
            self._searched = len(self._unread)
            await anyio.wait_readable(self._descriptor)
            try:
                data = os.read(self._descriptor, READ_BYTES)
            except BlockingIOError:  # the other side made it non-blocking, and somebody else has read it
                continue
            except ConnectionResetError:  # the client was gone before it had read all
                data = b""
            if not data:
                if not self._unread:
                    raise StopAsyncIteration
                end = len(self._unread)
                break
            self._unread += data
        line = noted(bytes(self._unread[: end + 1])).decode("utf-8", "replace")
        del self._unread[: end + 1]
        self._searched = 0
        return line


class LineWriter:
    """A pipe that text is written to without ever blocking the event loop."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)

    async def write(self, text: str) -> None:
        """Write all of a text; raises `BrokenResourceError` when nobody reads any more."""
        unsent = memoryview(text.encode())
        try:
            while unsent:
                if not self._room.poll(0):
                    await anyio.wait_writable(self._descriptor)
                try:
                    unsent = unsent[os.write(self._descriptor, unsent[:WRITE_BYTES]) :]
                except BlockingIOError:  # a non-blocking socket that had less room than it said
                    await anyio.lowlevel.checkpoint()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise anyio.BrokenResourceError from error

    async def flush(self) -> None:
        """Do nothing: what is written is with the reader already."""

    def is_read(self) -> bool:
        """Return whether anybody may still read what is written."""
        return not any(event & _GONE for _, event in self._room.poll(0))


@contextmanager
def standard_pipes() -> Generator[tuple[LineReader | None, LineWriter | None]]:
    """Take stdin and stdout for the protocol alone; None stands for one that is no pipe.

    Meanwhile descriptor 0 is the null device and descriptor 1 is stderr, so that nothing else in this process,
    nor a child of it, reads or writes what belongs to the protocol.
    """
    with ExitStack() as taken:
        reader = writer = None
        if _is_pipe(0):
            nothing = os.open(os.devnull, os.O_RDONLY)
            taken.callback(os.close, nothing)
            reader = LineReader(taken.enter_context(_moved(0, nothing)))
        if _is_pipe(1):
            sys.stdout.flush()
            writer = LineWriter(taken.enter_context(_moved(1, 2)))
        yield reader, writer


@contextmanager
def _moved(descriptor: int, stand_in: int) -> Generator[int]:
    """Return another descriptor of the same stream, and put a stand-in in its place meanwhile."""
    moved = os.dup(descriptor)
    try:
        os.dup2(stand_in, descriptor)
        yield moved
    finally:
        os.dup2(moved, descriptor)
        os.close(moved)


def _is_pipe(descriptor: int) -> bool:
    if sys.platform == "win32":
        return False
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
