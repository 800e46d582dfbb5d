"""One fetch: its deadline over all redirects, the resolving of names, and the socket that a cancellation cuts."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from tacit.errors import RunCancelled
from tacit.sandbox.cancellation import Cancellation
from tacit.sandbox.world import FailureCode, HostFailure

Resolver = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host; raises OSError when there are none."""


class Connector(Protocol):
    """Connects to an address; `opened` gets the socket first, so that it can be interrupted."""

    def __call__(
        self, address: str, port: int, seconds: float, opened: Callable[[socket.socket], None]
    ) -> socket.socket:
        """Return the connected socket; raises OSError."""
        ...


class Fetch:
    """The deadline of one fetch, redirects included, and the socket that a cancellation shuts down."""

    def __init__(self, seconds: float, cancellation: Cancellation | None) -> None:
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._cancellation = cancellation
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._interrupted = threading.Event()
        self._answers: queue.SimpleQueue[Sequence[str] | OSError | None] = queue.SimpleQueue()
        if cancellation is not None:
            cancellation.on_cancel(self._interrupt)

    def remaining(self) -> float:
        """Return the seconds that are left; raises `HostFailure(TIMED_OUT)` or `RunCancelled`."""
        if self._cancellation is not None and self._cancellation.cancelled:
            raise RunCancelled("The run was cancelled while it fetched a URL.")
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise HostFailure(FailureCode.TIMED_OUT, f"the URL took longer than {self._seconds:g} seconds")
        return left

    def resolve(self, resolver: Resolver, host: str, port: int) -> Sequence[str]:
        """Return the host's addresses, asked for once, on a thread of its own since resolving has no time limit."""

        def ask() -> None:
            try:
                self._answers.put(resolver(host, port))
            except OSError as error:
                self._answers.put(error)

        threading.Thread(target=ask, name="tacit-resolver", daemon=True).start()
        try:
            answer = self._answers.get(timeout=self.remaining())
        except queue.Empty:
            raise HostFailure(FailureCode.TIMED_OUT, f"resolving {host!r} took too long") from None
        self.remaining()
        if answer is None or isinstance(answer, OSError) or not answer:
            raise HostFailure(FailureCode.NOT_FOUND, f"the host {host!r} has no address")
        return answer

    def use(self, opened: socket.socket) -> None:
        """Make this the socket that a cancellation shuts down."""
        with self._lock:
            self._socket = opened
        if self._interrupted.is_set():
            self._interrupt()

    def finish(self) -> None:
        """Let go of the socket."""
        with self._lock:
            self._socket = None

    def _interrupt(self) -> None:
        self._interrupted.set()
        self._answers.put(None)
        with self._lock, suppress(OSError):
            if self._socket is not None:  # not SSLSocket's own shutdown, which would pull TLS from under a reader
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def connect(address: str, port: int, seconds: float, opened: Callable[[socket.socket], None]) -> socket.socket:
    """Connect to a literal address; the `Connector` of real fetches."""
    connected = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        opened(connected)
        connected.settimeout(seconds)
        connected.connect((address, port))
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        connected.close()
        raise
    return connected
