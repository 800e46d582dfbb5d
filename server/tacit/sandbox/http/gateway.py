"""Fetching a URL for a guest: GET only, hosts that are allowed, addresses that are public, sizes and times capped.

Every hop is checked: the host against the allowance, then every address that its name leads to, once, and the
connection goes to one of the checked addresses. A host that the operator granted by its exact name may have any
address. No proxies, cookies, credentials or environment; at most `MAX_REDIRECTS` redirects, none from https to
http. Bodies are cut off at `limits.http_bytes`, on the wire and unpacked; the whole fetch at `http_seconds`.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence

from tacit.config import Limits
from tacit.errors import RunCancelled
from tacit.sandbox.cancellation import Cancellation
from tacit.sandbox.grants import Allowance
from tacit.sandbox.http import addresses
from tacit.sandbox.http.addresses import Url, follow_reference, kind_of, parse_url
from tacit.sandbox.http.fetch import Connector, Fetch, Resolver, connect
from tacit.sandbox.world import FailureCode, HostFailure

MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}


class HttpGateway:
    """Fetches for all runs of a process; thread-safe, keeps no connection and no state between fetches."""

    def __init__(
        self,
        limits: Limits,
        resolver: Resolver = addresses.resolve,
        connector: Connector = connect,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits
        self._resolver = resolver
        self._connector = connector
        self._ssl_context = ssl_context

    def get(
        self,
        url: str,
        allowance: Allowance,
        cancellation: Cancellation | None = None,
        seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return the body that a GET answers with a 2xx status, unpacked.

        `seconds` may shorten the limit, as when the run has less time left. `headers` are sent to the URL itself,
        never to what it redirects to.
        Raises `PermissionDenied`, `HostFailure` (FAILED with "HTTP 404 …" and the start of the body, NOT_FOUND,
        TOO_LARGE, TIMED_OUT, INVALID), and `RunCancelled` at once when cancelled.
        """
        limit = self._limits.http_seconds
        fetch = Fetch(limit if seconds is None else min(limit, seconds), cancellation)
        try:
            body = self._follow(parse_url(url), allowance, fetch, headers or {})
            fetch.remaining()  # a body without a length also ends where a cancellation cut it
        except HostFailure:
            if cancellation is not None and cancellation.cancelled:
                raise RunCancelled("The run was cancelled while it fetched a URL.") from None
            raise
        return body

    def _follow(self, url: Url, allowance: Allowance, fetch: Fetch, headers: Mapping[str, str]) -> bytes:
        for number in range(MAX_REDIRECTS + 1):
            answer = self._hop(url, allowance, fetch, headers if number == 0 else {})
            if isinstance(answer, bytes):
                return answer
            if url.scheme == "https" and answer.scheme == "http":
                raise HostFailure(FailureCode.FAILED, f"{url} redirects from https to http, which is not followed")
            url = answer
        raise HostFailure(FailureCode.FAILED, f"more than {MAX_REDIRECTS} redirects")

    def _hop(self, url: Url, allowance: Allowance, fetch: Fetch, headers: Mapping[str, str]) -> bytes | Url:
        """Return the body, or the URL that it redirects to."""
        from tacit.sandbox.http.exchange import exchange  # takes 130 ms that most processes never need

        allowance.require_http(url.host, url.port)
        answer = exchange(
            url,
            self._checked_addresses(url, allowance, fetch),
            fetch,
            connector=self._connector,
            limit=self._limits.http_bytes,
            ssl_context=self._ssl_context,
            headers=headers,
        )
        if answer.location and answer.status in _REDIRECTS:
            return follow_reference(url, answer.location)
        if not 200 <= answer.status < 300:
            start = " ".join(answer.body.decode("utf-8", "replace").split())[:200]
            raise HostFailure(FailureCode.FAILED, f"HTTP {answer.status} {start}".rstrip())
        if not answer.whole:
            more = f"more than {self._limits.http_bytes} bytes (TACIT_LIMITS__HTTP_BYTES); ask it for a part"
            raise HostFailure(FailureCode.TOO_LARGE, f"{url} answers {more}")
        return answer.body

    def _checked_addresses(self, url: Url, allowance: Allowance, fetch: Fetch) -> Sequence[str]:
        literal = url.literal_address
        found = [literal] if literal else fetch.resolve(self._resolver, url.host, url.port)
        if not allowance.http_by_name(url.host, url.port):
            for address in found:
                kind = kind_of(address)
                if kind is not None:
                    raise allowance.deny_private(url.host, url.port, address, kind)
        return found
