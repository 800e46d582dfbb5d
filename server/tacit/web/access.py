"""Who may reach the HTTP server: bearer tokens, `Host` and `Origin` checks, and where it may listen at all.

Covers: requests without a token where tokens are set, guessing tokens by timing, web pages that reach a local
server through a rebound DNS name. Does not cover: encryption (put a TLS proxy in front) and rate limits.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse

from tacit.config import Settings
from tacit.errors import InvalidSettings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
OPEN_PATHS = frozenset({"/healthz"})
"""What is answered without a token; it says nothing that a token protects."""


def check_exposure(settings: Settings) -> None:
    """Raise `InvalidSettings` where the server would be reachable from elsewhere without being guarded."""
    if any(not token.get_secret_value().strip() or not token.get_secret_value().isascii() for token in settings.tokens):
        raise InvalidSettings("A token in TACIT_TOKENS is empty or not ASCII.", hint="Use a long random one.")
    if is_loopback(settings.host):
        return
    missing = [
        name
        for name, value in (("TACIT_TOKENS", settings.tokens), ("TACIT_ALLOWED_HOSTS", settings.allowed_hosts))
        if not value
    ]
    if missing:
        raise InvalidSettings(
            f"Listening on {settings.host} lets other machines in, and {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set.",
            hint="Set TACIT_TOKENS='[\"a long random token\"]' and TACIT_ALLOWED_HOSTS='[\"name.example.com\"]', "
            "the names that clients reach it by; or listen on 127.0.0.1.",
        )


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def transport_security(settings: Settings) -> TransportSecuritySettings:
    """Return the `Host` and `Origin` headers to accept: the settings' own and, on loopback, this machine's."""
    local = LOOPBACK if is_loopback(settings.host) else ()
    hosts = [*local, *settings.allowed_hosts]
    origins = [*(f"http://{name}" for name in local), *settings.allowed_origins]
    return TransportSecuritySettings(allowed_hosts=_with_any_port(hosts), allowed_origins=_with_any_port(origins))


def readable_elsewhere(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Return the app with what browsers ask before pages of `settings.allowed_origins` may call it (CORS).

    A browser asks without a token, so this stands before the guard. Pages of this machine's own names are served,
    but not named here: any page that a development server shows would read what tools answer.
    """
    if not settings.allowed_origins:
        return app
    origins = "|".join(re.escape(origin.removesuffix(":*")) for origin in settings.allowed_origins)
    return CORSMiddleware(
        app,
        allow_origin_regex=rf"(?:{origins})(?::\d+)?",
        allow_methods=("GET", "POST", "DELETE"),
        allow_headers=("*",),
        allow_private_network=True,
        expose_headers=("Mcp-Session-Id", "WWW-Authenticate"),
    )


def _with_any_port(names: Iterable[str]) -> list[str]:
    return [form for name in names for form in (name, f"{name}:*")]


class Guard:
    """Lets a request through to the app when its `Host`, `Origin` and bearer token are right.

    Answers 421 or 403 for the headers, and 401 with `WWW-Authenticate` for the token. Every token is compared,
    each in constant time. An MCP session then belongs to the token that opened it.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._tokens = tuple(token.get_secret_value().encode() for token in settings.tokens)
        self._headers = TransportSecurityMiddleware(transport_security(settings))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = await self._headers.validate_request(Request(scope)) if scope["type"] == "http" else _unauthorized()
        if refusal is None and self._tokens and scope["path"] not in OPEN_PATHS:
            holder = self._holder(Headers(scope=scope).get("authorization", ""))
            refusal = _unauthorized() if holder is None else None
            scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=f"token-{holder}", scopes=[]))
        await (refusal or self._app)(scope, receive, send)

    def _holder(self, header: str) -> int | None:
        scheme, _, given = header.partition(" ")
        secret = given.strip().encode()
        matches = [hmac.compare_digest(secret, token) for token in self._tokens]
        return matches.index(True) if scheme.lower() == "bearer" and True in matches else None


def _unauthorized() -> JSONResponse:
    error = {"code": "unauthorized", "message": "This server wants a bearer token: Authorization: Bearer <token>."}
    return JSONResponse({"error": error}, status_code=401, headers={"WWW-Authenticate": 'Bearer realm="tacit"'})
