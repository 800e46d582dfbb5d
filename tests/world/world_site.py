"""A real HTTP server on loopback that tests point names at."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pytest

from tacit.config import Limits
from tacit.models import Permissions
from tacit.sandbox.grants import Allowance
from tacit.sandbox.http.fetch import connect
from tacit.sandbox.http.gateway import HttpGateway
from tacit.sandbox.world import HostFailure

PUBLIC = "93.184.216.34"
LIMITS = Limits(http_bytes=20_000, http_seconds=20)


@dataclass
class Site:
    """A server on loopback: `routes` maps a path to what handles it, `seen` has the requests' hosts and paths."""

    port: int = 0
    routes: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when the site closes, so that slow handlers end."""

    def answers(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> None:
        """Let a path answer with this body, status and headers (`_` for `-`)."""

        def handle(request: BaseHTTPRequestHandler) -> None:
            request.send_response(status)
            for name, value in headers.items():
                request.send_header(name.replace("_", "-"), value)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)

        self.routes[path] = handle


def allow(*hosts: str) -> Allowance:
    both = Permissions(http=hosts)
    return Allowance(both, both)


def pointed(site: Site, **names: list[str]) -> HttpGateway:
    """A gateway whose resolver knows these names (`_` for `.`) and whose public addresses all lead to the site."""
    known = {name.replace("_", "."): addresses for name, addresses in names.items()}

    def to_site(address: str, port: int, seconds: float, opened: Callable[[socket.socket], None]) -> socket.socket:
        assert address == PUBLIC
        return connect("127.0.0.1", site.port, seconds, opened)

    return HttpGateway(LIMITS, resolver=lambda host, _: known[host], connector=to_site)


def failure_of(gateway: HttpGateway, url: str, allowance: Allowance) -> HostFailure:
    with pytest.raises(HostFailure) as caught:
        gateway.get(url, allowance)
    return caught.value
