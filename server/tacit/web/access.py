"""Who may reach the HTTP server: bearer tokens, `Host` and `Origin` checks, and where it may listen at all.

Covers: requests without a token where tokens are set, guessing tokens by timing, web pages that reach a local
server through a rebound DNS name. Does not cover: encryption (put a TLS proxy in front) and rate limits.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from typing import TYPE_CHECKING

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse

from tacit.config import Settings
from tacit.errors import InvalidSettings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
OPEN_PATHS = frozenset({"/healthz"})
"""What is answered without a token; it says nothing that a token protects."""
_NAME_AND_PORT = re.compile(r"((?:[a-z][a-z0-9+.-]*://)?(?:\[[0-9a-f:.]+\]|[^\s:/?#@\[\]]+))(?::([0-9]{1,5}|\*))?")
"""A host, or an origin, in lower case, and its port; what a header may say and what a pattern may."""


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


class Names:
    """The `Host` and `Origin` headers to accept: the settings' own and, on loopback, this machine's.

    A pattern is `name`, `name:port` or `name:*`, for an origin behind its scheme; without a port any is meant. Headers
    are parsed (RFC 9110, section 7.2; RFC 6454, section 7) before they are compared, so that nothing that only begins
    like an accepted name passes. An origin of another form, such as `null`, has to be named as it is.
    """

    def __init__(self, settings: Settings) -> None:
        local = LOOPBACK if is_loopback(settings.host) else ()
        self._literal = frozenset(settings.allowed_origins)
        self._hosts = frozenset(_pattern(name) for name in (*local, *settings.allowed_hosts))
        self._pages = frozenset(_pattern(origin) for origin in settings.allowed_origins)
        self._origins = self._pages | {_pattern(f"http://{name}") for name in local}

    def refusal(self, headers: Headers) -> JSONResponse | None:
        """Return the answer to a request whose headers are not accepted: 421 for its host, 403 for its origin."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if not _is_among(self._hosts, host):
            return _refused(
                421, "host_not_allowed", "This server is not asked for by that name.", "TACIT_ALLOWED_HOSTS"
            )
        if origin and origin not in self._literal and not _is_among(self._origins, origin):
            return _refused(403, "origin_not_allowed", "Pages of that origin may not call.", "TACIT_ALLOWED_ORIGINS")
        return None

    def may_read(self, origin: str) -> bool:
        """Return whether pages of an origin may read answers: those of this machine's own names may only call."""
        return origin in self._literal or _is_among(self._pages, origin)


class _Pages(CORSMiddleware):
    """Answers what browsers ask before pages of the accepted origins may call (CORS)."""

    def __init__(self, app: ASGIApp, names: Names) -> None:
        super().__init__(
            app,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=("*",),
            allow_private_network=True,
            expose_headers=("Mcp-Session-Id", "WWW-Authenticate"),
        )
        self._names = names

    def is_allowed_origin(self, origin: str) -> bool:
        """Return whether pages of the origin may call and read the answers."""
        return self._names.may_read(origin)


def readable_elsewhere(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Return the app with what browsers ask before pages of `settings.allowed_origins` may call it (CORS).

    A browser asks without a token, so this stands before the guard. Pages of this machine's own names are served,
    but not named here: any page that a development server shows would read what tools answer.
    """
    return _Pages(app, Names(settings)) if settings.allowed_origins else app


def _pattern(text: str) -> tuple[str, str | None] | None:
    """Return the name and the port that a pattern means, None for any port; None where it means nothing."""
    found = _NAME_AND_PORT.fullmatch(text.lower())
    return (found[1], None if found[2] in (None, "*") else found[2]) if found else None


def _is_among(patterns: frozenset[tuple[str, str | None] | None], text: str) -> bool:
    found = _NAME_AND_PORT.fullmatch(text.lower())
    return bool(found) and found[2] != "*" and not patterns.isdisjoint({(found[1], found[2]), (found[1], None)})


class Guard:
    """Lets a request through to the app when its `Host`, `Origin` and bearer token are right.

    Answers 421 or 403 for the headers, and 401 with `WWW-Authenticate` for the token. Every token is compared,
    each in constant time. An MCP session then belongs to the token that opened it.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._tokens = tuple(token.get_secret_value().encode() for token in settings.tokens)
        self._names = Names(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._names.refusal(Headers(scope=scope)) if scope["type"] == "http" else _unauthorized()
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


def _refused(status: int, code: str, message: str, setting: str) -> JSONResponse:
    hint = f"{setting} names what is accepted."
    return JSONResponse({"error": {"code": code, "message": message, "hint": hint}}, status_code=status)


def _unauthorized() -> JSONResponse:
    error = {"code": "unauthorized", "message": "This server wants a bearer token: Authorization: Bearer <token>."}
    return JSONResponse({"error": error}, status_code=401, headers={"WWW-Authenticate": 'Bearer realm="tacit"'})
