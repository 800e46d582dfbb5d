"""The HTTP server: one port for `/mcp` (streamable HTTP), `/sse` with `/messages/`, and `/healthz`.

The chosen address is printed on stderr in one line, `tacit: listening on http://HOST:PORT`. SIGTERM and SIGINT
end it gracefully: open streams get a few seconds, the App is closed, then the signal takes its usual effect.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

import tacit
from tacit.config import MIB, Settings
from tacit.errors import InvalidSettings
from tacit.web.access import Guard, check_exposure, readable_elsewhere
from tacit.web.departures import Departures

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from tacit.tools.opening import Opening
    from tacit.tools.server import TacitServer

GRACE_SECONDS = 3
"""How long open streams may go on after the server was told to stop."""


def build_app(server: TacitServer, settings: Settings) -> ASGIApp:
    """Return the ASGI app that serves `server` under `settings`' tokens, hosts and limits."""
    # The guard checks `Host` and `Origin` for all routes; the SDK's own check takes names that only begin like them.
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    # Twice the limit of an input: JSON within a JSON string takes more room, and the service names its limit.
    limit = 2 * settings.limits.input_bytes + MIB
    streamable = server.streamable_http_app(transport_security=security, max_request_body_size=limit)
    events = server.sse_app(transport_security=security, max_request_body_size=limit)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        server.opening.hold()
        server.opening.start()
        try:
            async with server.session_manager.run():
                yield
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(server.opening.release)

    routes = [*streamable.routes, *events.routes, Route("/healthz", _health)]
    served = Departures(Starlette(routes=routes, lifespan=lifespan), "/messages/")
    guarded = Guard(_SingleResponse(served), settings)
    return readable_elsewhere(guarded, settings)


class _SingleResponse:
    """Ends a response where a second one begins, or where nothing follows.

    The SDK's SSE endpoint answers once more after its stream, and streams that a shutdown cuts off have no end.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        started = ended = False

        async def send_one(message: Message) -> None:
            nonlocal started, ended
            if ended:
                return
            if started and message["type"] == "http.response.start":
                message = {"type": "http.response.body"}
            started = True
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        await self._app(scope, receive, send if scope["type"] == "lifespan" else send_one)
        if started and not ended:
            await send({"type": "http.response.body"})


async def _health(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok", "version": tacit.__version__})


def serve(server: TacitServer, settings: Settings) -> None:
    """Serve until a signal comes; raises `InvalidSettings` where it may not or cannot listen."""
    check_exposure(settings)
    listener = _listen(settings.host, settings.port)
    config = uvicorn.Config(
        build_app(server, settings),
        log_config=None,  # uvicorn's own would write to stdout
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    anyio.run(_Server(config, server.opening).serve, [listener])


class _Server(uvicorn.Server):
    """Prints the address once it answers there, and at the end has the calls under way answered before it waits."""

    def __init__(self, config: uvicorn.Config, opening: Opening) -> None:
        super().__init__(config)
        self._opening = opening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, then say so."""
        await super().startup(sockets)
        for listener in sockets if self.started and sockets else ():
            host, port = listener.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            sys.stderr.write(f"tacit: listening on http://{shown}:{port}\n")
            sys.stderr.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, stop builds and runs, so that their callers hear of it, and end the streams."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, self._opening.close)
            await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with ExitStack() as unbound:
            listener = unbound.enter_context(socket.socket(family, kind, protocol))
            # Without it a restart would have to wait for the old connections' time-out.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            unbound.pop_all()
    except OSError as error:
        raise _cannot_listen(error, host, port) from error
    return listener


def _cannot_listen(error: OSError, host: str, port: int) -> InvalidSettings:
    if error.errno == errno.EADDRINUSE:
        return InvalidSettings(
            f"Port {port} on {host} is in use.", hint="Stop what uses it, or choose another with --port (0: any)."
        )
    return InvalidSettings(f"Cannot listen on {host} port {port}: {error.strerror}.", hint="Check --host and --port.")
