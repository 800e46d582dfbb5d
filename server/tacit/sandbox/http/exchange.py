"""One request and its answer over a connection to an address that was checked; the only module that knows httpcore.

The host's name serves TLS and the Host header, the socket goes to the checked address, so a name that resolves
differently a moment later changes nothing. Bodies are unpacked here, never further than the limit.
"""

from __future__ import annotations

import socket
import ssl
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpcore2
from httpcore2 import (
    ConnectError,
    ConnectTimeout,
    NetworkBackend,
    NetworkStream,
    ReadError,
    ReadTimeout,
    WriteError,
    WriteTimeout,
)
from typing_extensions import override

from tacit.sandbox.http.addresses import Url
from tacit.sandbox.http.fetch import Connector, Fetch
from tacit.sandbox.world import FailureCode, HostFailure

LONGEST_CONNECT = 5.0
"""Seconds that one of several addresses of a host may take before the next is tried."""
ERROR_BYTES = 2048
"""How much of the body of an answer that is not 2xx is read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: `location` is empty unless it names one; `whole` says whether the body was within the limit."""

    status: int
    location: str
    body: bytes
    whole: bool


def exchange(
    url: Url,
    addresses: Sequence[str],
    fetch: Fetch,
    *,
    connector: Connector,
    limit: int,
    ssl_context: ssl.SSLContext | None,
    headers: Mapping[str, str],
) -> Answer:
    """GET the URL from one of the addresses with further headers, reading at most `limit` bytes of the body.

    Raises `HostFailure` (TIMED_OUT, FAILED) and `RunCancelled`.
    """
    origin = httpcore2.Origin(url.scheme.encode(), url.host.strip("[]").encode(), url.port)
    target = httpcore2.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=url.target.encode())
    context = (ssl_context or _default_context()) if url.scheme == "https" else None
    backend = _CheckedBackend(addresses, connector, fetch)
    connection = httpcore2.HTTPConnection(origin, ssl_context=context, network_backend=backend)
    sent = [*_headers(url), *((name.encode("ascii"), value.encode("ascii")) for name, value in headers.items())]
    try:
        return _answer(connection.handle_request(httpcore2.Request("GET", target, headers=sent)), limit)
    except httpcore2.TimeoutException as error:
        fetch.remaining()
        raise HostFailure(FailureCode.TIMED_OUT, f"{url}: {error}") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        fetch.remaining()
        raise HostFailure(FailureCode.FAILED, f"{url}: {error}") from error
    finally:
        connection.close()


def _headers(url: Url) -> list[tuple[bytes, bytes]]:
    return [
        (b"Host", url.authority.encode()),
        (b"User-Agent", b"tacit"),
        (b"Accept", b"*/*"),
        (b"Accept-Encoding", b"gzip"),
        (b"Connection", b"close"),
    ]


def _answer(response: httpcore2.Response, limit: int) -> Answer:
    headers = {name.lower().decode("latin-1"): value.decode("utf-8", "replace") for name, value in response.headers}
    if 300 <= response.status < 400 and "location" in headers:
        return Answer(response.status, headers["location"], b"", True)
    if not 200 <= response.status < 300:
        limit = min(limit, ERROR_BYTES)
    elif int(length if (length := headers.get("content-length", "0")).isdecimal() else 0) > limit:
        return Answer(response.status, "", b"", False)
    body, whole = _read(response.iter_stream(), headers.get("content-encoding", ""), limit)
    return Answer(response.status, "", body, whole)


@lru_cache(maxsize=1)
def _default_context() -> ssl.SSLContext:
    return httpcore2.default_ssl_context()


class _CheckedBackend(NetworkBackend):
    """Connects to the first of the checked addresses that answers, whatever host it is asked for."""

    def __init__(self, addresses: Sequence[str], connector: Connector, fetch: Fetch) -> None:
        self._addresses = addresses
        self._connector = connector
        self._fetch = fetch

    @override
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        """Return the stream; raises `ConnectError` with the last failure when no address answers."""
        problem = OSError("no address")
        for number, address in enumerate(self._addresses):
            seconds = self._fetch.remaining()
            if number + 1 < len(self._addresses):
                seconds = min(seconds, LONGEST_CONNECT)
            try:
                connected = self._connector(address, port, seconds, self._fetch.use)
            except OSError as error:
                problem = error
                continue
            return _Stream(connected, self._fetch)
        self._fetch.remaining()
        raise ConnectError(f"no connection to {host}: {problem.strerror or problem}")


class _Stream(NetworkStream):
    """A socket, or TLS over it, each of whose steps ends at the fetch's deadline."""

    def __init__(self, connected: socket.socket, fetch: Fetch) -> None:
        self._socket = connected
        self._fetch = fetch

    @override
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._socket.settimeout(self._fetch.remaining())
        try:
            return self._socket.recv(max_bytes)
        except TimeoutError as error:
            raise ReadTimeout("reading took too long") from error
        except OSError as error:
            raise ReadError(error.strerror or "reading failed") from error

    @override
    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._socket.settimeout(self._fetch.remaining())
        try:
            self._socket.sendall(buffer)
        except TimeoutError as error:
            raise WriteTimeout("sending took too long") from error
        except OSError as error:
            raise WriteError(error.strerror or "sending failed") from error

    @override
    def close(self) -> None:
        self._fetch.finish()
        self._socket.close()

    @override
    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        self._socket.settimeout(self._fetch.remaining())
        try:
            secured = ssl_context.wrap_socket(
                self._socket, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            self._socket = secured
            self._fetch.use(secured)
            secured.do_handshake()
        except TimeoutError as error:
            self.close()
            raise ConnectTimeout("the TLS handshake took too long") from error
        except OSError as error:
            self.close()
            raise ConnectError(f"TLS: {getattr(error, 'verify_message', '') or error.strerror or error}") from error
        return self

    @override
    def get_extra_info(self, info: str) -> Any:
        return self._socket if info == "socket" else None


def _read(pieces: Iterable[bytes], encoding: str, limit: int) -> tuple[bytes, bool]:
    """Return at most `limit` bytes of the unpacked body, and whether that is all of it."""
    encoding = encoding.strip().lower()
    if encoding not in {"identity", "", "gzip", "x-gzip", "deflate"}:
        raise HostFailure(FailureCode.FAILED, f"the body is packed as {encoding[:40]!r}, which was not asked for")
    unpacker = None if encoding in {"identity", ""} else _Unpacker()
    body, received = bytearray(), 0
    for piece in pieces:
        received += len(piece)
        body += piece if unpacker is None else unpacker.unpack(piece, limit + 1 - len(body))
        if len(body) > limit or received > limit:
            return bytes(body[:limit]), False
    if unpacker is not None and not unpacker.complete:
        raise HostFailure(FailureCode.FAILED, "the packed body ends in its middle")
    return bytes(body), True


class _Unpacker:
    """gzip (also several members) or zlib, never more than is asked for at once."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=47)
        self.complete = True

    def unpack(self, piece: bytes, room: int) -> bytes:
        """Return at most `room` bytes of what the piece unpacks to."""
        unpacked = bytearray()
        self.complete = False
        try:
            while piece and len(unpacked) < room:
                unpacked += self._stream.decompress(piece, room - len(unpacked))
                piece = self._stream.unconsumed_tail
                if self._stream.eof:
                    piece = self._stream.unused_data
                    self.complete = not piece
                    self._stream = zlib.decompressobj(wbits=47)
        except zlib.error as error:
            raise HostFailure(FailureCode.FAILED, "the packed body is damaged") from error
        return bytes(unpacked)
