"""Clients that are gone in the middle of something: what they asked for ends, without a traceback in the log.

Where a client leaves before its request is whole, or posts to a session whose stream it has left, the SDK raises what
looks like a defect of this server. Whatever else is raised goes on to the log as it is.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)


class Departures:
    """Serves an app, and ends what it does for a client that left before its request was whole."""

    def __init__(self, app: ASGIApp, messages: str) -> None:
        """Take the app, and the path below which messages are posted to sessions."""
        self._app = app
        self._messages = messages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        unasked = anyio.CancelScope()
        try:
            with unasked:
                await self._app(scope, _whole(receive, unasked), send)
        except ClientDisconnect:
            _log.info("A client left %s before it was answered.", scope["path"])
        except (anyio.ClosedResourceError, anyio.BrokenResourceError):
            if not scope["path"].startswith(self._messages):
                raise
            _log.info("A client left its session before a message to it was read.")
        if unasked.cancelled_caught:
            _log.info("A client left %s before its request was whole.", scope["path"])


def _whole(receive: Receive, unasked: anyio.CancelScope) -> Receive:
    """Return `receive` so that it cancels a scope where the client leaves before its request is whole."""
    whole = False

    async def receive_all() -> Message:
        nonlocal whole
        message = await receive()
        if message["type"] == "http.disconnect" and not whole:
            unasked.cancel()
            await anyio.lowlevel.checkpoint()
        whole = whole or not message.get("more_body", False)
        return message

    return receive_all
