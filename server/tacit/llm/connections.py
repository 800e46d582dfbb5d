"""A client's connections, each for one exchange at a time, so that another thread can end what waits on one.

The transport's timeouts bound each piece that is read, and an endpoint that drips them, or that sends `100 Continue`
again and again, would hold a caller for ever. So a timer ends the connection of an exchange that takes too long.
Closing a socket does not wake who reads from it, nor tell the endpoint, until the reading ends; shutting it down does.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

import httpx2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OPENED = ("connection.connect_tcp.complete", "connection.start_tls.complete")


class Connections(httpx2.BaseTransport):
    """Carries requests out, each within `seconds` from its start to the end of its answer; thread-safe.

    Raises the transport's own errors, and `httpx2.ReadTimeout` for what took longer.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._security = httpx2.create_ssl_context(trust_env=False)  # slow to make, so made once
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._all: WeakSet[_Connection] = WeakSet()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request on a connection of its own; it is used again once the answer is closed."""
        with self._lock:
            connection = self._idle.pop() if self._idle else _Connection(self._security)
            self._all.add(connection)
        exchange = _Exchange(connection, self._seconds, lambda: self._idle.append(connection))
        try:
            response = connection.send(request)
        except BaseException as error:
            exchange.end()
            exchange.require_in_time(error)
            raise
        response.stream = _Answer(cast("httpx2.SyncByteStream", response.stream), exchange)
        return response

    def close(self) -> None:
        """End every connection at once, whoever is using it."""
        with self._lock:
            connections = list(self._all)
        for connection in connections:
            connection.hang_up()
            connection.close()


class _Connection:
    """One connection, opened again where the endpoint closed it."""

    def __init__(self, security: Any) -> None:
        self._transport = httpx2.HTTPTransport(verify=security, trust_env=False)
        self._sockets: WeakSet[socket.socket] = WeakSet()

    def send(self, request: httpx2.Request) -> httpx2.Response:
        """Carry the request out, up to the headers of its answer."""
        request.extensions["trace"] = self._watch
        return self._transport.handle_request(request)

    def hang_up(self) -> None:
        """End it, whoever is using it."""
        for opened in list(self._sockets):
            with suppress(OSError):  # it is closed by now
                socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def close(self) -> None:
        """Let the transport go."""
        self._transport.close()

    def _watch(self, event: str, info: dict[str, Any]) -> None:
        """Keep the socket of a connection that was just opened."""
        if event in _OPENED:
            self._sockets.add(info["return_value"].get_extra_info("socket"))


class _Exchange:
    """One use of a connection, which is cut off after `seconds`, and given back by `free` once it has ended."""

    def __init__(self, connection: _Connection, seconds: float, free: Callable[[], None]) -> None:
        self._connection = connection
        self._free = free
        self._lock = threading.Lock()
        self._ended = False
        self._late = False
        self._timer = threading.Timer(seconds, self._cut_off)
        self._timer.daemon = True
        self._timer.start()

    def require_in_time(self, error: BaseException | None = None) -> None:
        """Raise `httpx2.ReadTimeout` where the exchange was cut off, which was why it failed with `error`."""
        if self._late:
            raise httpx2.ReadTimeout("The answer took too long.") from error

    def end(self) -> None:
        """Give the connection back; from then on it is not cut off."""
        self._timer.cancel()
        with self._lock:
            ended, self._ended = self._ended, True
        if not ended:
            self._free()

    def _cut_off(self) -> None:
        with self._lock:
            if not self._ended:
                self._late = True
                self._connection.hang_up()


class _Answer(httpx2.SyncByteStream):
    """The bytes of an answer, until its exchange is cut off."""

    def __init__(self, inner: httpx2.SyncByteStream, exchange: _Exchange) -> None:
        self._inner = inner
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._inner
        except httpx2.TransportError as error:
            self._exchange.require_in_time(error)
            raise
        self._exchange.require_in_time()  # an answer without a length ends where its connection does

    def close(self) -> None:
        """Let the connection go."""
        self._inner.close()
        self._exchange.end()
