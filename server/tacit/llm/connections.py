"""A client's open connections, kept so that another thread can end what waits on them.

Closing a socket does not wake who reads from it, nor tell the endpoint, until the reading ends; shutting it down does.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any
from weakref import WeakSet

_OPENED = ("connection.connect_tcp.complete", "connection.start_tls.complete")


class Connections:
    """The sockets that are open; give `watch` to each request as its `trace` extension."""

    def __init__(self) -> None:
        self._sockets: WeakSet[socket.socket] = WeakSet()

    def watch(self, event: str, info: dict[str, Any]) -> None:
        """Keep the socket of a connection that was just opened."""
        if event in _OPENED:
            self._sockets.add(info["return_value"].get_extra_info("socket"))

    def hang_up(self) -> None:
        """End every connection at once, whoever is using it."""
        for opened in list(self._sockets):
            with suppress(OSError):  # it is closed by now
                socket.socket.shutdown(opened, socket.SHUT_RDWR)
