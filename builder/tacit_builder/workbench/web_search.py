"""Searching the web for an author, through the service that the operator set: SearXNG or Brave's.

The service's address is the operator's, so it may be a private one; nothing but it is asked. The key is sent to it
alone and shown to nobody, and what it answers is a stranger's text.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from pydantic import BaseModel, ValidationError

from tacit import strict_json
from tacit.building.orders import Web
from tacit.errors import BuildRefused, PermissionDenied
from tacit.models import Permissions
from tacit.plain_text import one_line
from tacit.sandbox.grants import Allowance
from tacit.sandbox.http.addresses import parse_url
from tacit.sandbox.http.gateway import HttpGateway
from tacit.sandbox.world import FailureCode, HostFailure

BRAVE = "https://api.search.brave.com/res/v1/web/search"
MAX_RESULTS = 8
_MAX_QUERY = 400
_MAX_TEXT = 400
_MAX_READ = 4000
_STATUS = re.compile(r"HTTP (\d{3})\b")
_MARKUP = re.compile(r"<[^>]{0,200}>")
_REASONS = {
    401: "it refuses the key; the operator sets TACIT_WEB_SEARCH_API_KEY",
    403: "it refuses the request; a SearXNG needs the format json in its settings, Brave a key that holds",
    422: "it refuses the key or the query; the operator sets TACIT_WEB_SEARCH_API_KEY",
    429: "it was asked too often; do without it, or try later",
}


class _Result(BaseModel):
    """What both services say of a page; SearXNG has its text as `content`, Brave as `description`."""

    title: str | None = None
    url: str | None = None
    content: str | None = None
    description: str | None = None


class _Listed(BaseModel):
    """SearXNG's answer, and Brave's list of pages."""

    results: list[_Result]


class _Brave(BaseModel):
    """Brave's answer; `web` is missing where nothing was found."""

    web: _Listed = _Listed(results=[])


def search_web(query: str, web: Web, gateway: HttpGateway) -> str:
    """Return titles, URLs and snippets; raises `BuildRefused("implementation")` with why there are none."""
    words = one_line(query)[:_MAX_QUERY]
    if not words:
        raise _refused("The query is empty.")
    try:
        found = _results(_ask(words, web, gateway), web)
    except HostFailure as failure:
        raise _refused(_without_key(f"The web search failed: {_reason(failure)}.", web)) from failure
    except PermissionDenied as denial:
        raise _refused("The web search failed: its service redirects to another host.") from denial
    return _without_key("\n\n".join(found), web) or "Nothing was found."


def _ask(query: str, web: Web, gateway: HttpGateway) -> bytes:
    address, parameters, headers = _service(query, web)
    parsed = parse_url(address)
    only_it = Allowance(Permissions(http=(f"{parsed.host}:{parsed.port}",)))
    joined = f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"
    return gateway.get(joined, only_it, headers=headers)


def _service(query: str, web: Web) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return the address, the parameters and the headers of the request."""
    if web.search == "brave":
        if not (web.search_key.isascii() and web.search_key.isprintable() and web.search_key):
            raise _refused("The web search failed: it has no valid key; the operator sets TACIT_WEB_SEARCH_API_KEY.")
        return (
            web.search_url or BRAVE,
            {"q": query, "count": str(MAX_RESULTS)},
            {"X-Subscription-Token": web.search_key},
        )
    if not web.search_url:
        raise _refused("The web search failed: it has no address; the operator sets TACIT_WEB_SEARCH_URL.")
    base = web.search_url.rstrip("/")
    return base if base.endswith("/search") else f"{base}/search", {"q": query, "format": "json"}, {}


def _results(body: bytes, web: Web) -> list[str]:
    """Return each result as a few lines."""
    try:
        strict_json.parse(body)
    except ValueError as error:
        raise HostFailure(FailureCode.FAILED, "it does not answer JSON; a SearXNG needs the format json") from error
    try:
        listed = _Brave.model_validate_json(body).web if web.search == "brave" else _Listed.model_validate_json(body)
    except ValidationError as error:
        raise HostFailure(FailureCode.FAILED, "it answers JSON that is no list of results") from error
    return [_shown(each) for each in listed.results[:MAX_RESULTS]]


def _shown(result: _Result) -> str:
    texts = (result.title, result.url, result.content or result.description)
    # Cut first: taking markup out of a vast text takes long.
    lines = (" ".join(_MARKUP.sub("", (text or "")[:_MAX_READ]).split())[:_MAX_TEXT] for text in texts)
    return "\n".join(line for line in lines if line)


def _reason(failure: HostFailure) -> str:
    status = _STATUS.match(failure.message)
    if status is None:
        return failure.message
    return _REASONS.get(int(status[1]), f"it answers HTTP {status[1]}")


def _without_key(text: str, web: Web) -> str:
    return text.replace(web.search_key, "…") if web.search_key else text


def _refused(message: str) -> BuildRefused:
    return BuildRefused("implementation", message)
