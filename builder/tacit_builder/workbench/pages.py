"""Fetching a page for an author: by the rules that guests fetch by, from the hosts that the operator grants.

What comes back is a stranger's text: cut, plain, and to be treated as data.
"""

from __future__ import annotations

import re
from html import unescape

from tacit.errors import BuildRefused, PermissionDenied
from tacit.models import Permissions
from tacit.sandbox.grants import Allowance
from tacit.sandbox.http.gateway import HttpGateway
from tacit.sandbox.world import HostFailure

MAX_PAGE = 20_000
"""Characters of a page that are shown."""
_MAX_READ = 1 << 20
_HTML = re.compile(r"<(?:!doctype html|html|head|body)\b", re.IGNORECASE)
_TOKEN = re.compile(r"<[^<>]*>|[^<]+|<")
"""A tag, what stands between tags, or a loose `<`; in time linear in the page, as Python's own parser is not."""
_NAME = re.compile(r"</?([a-z0-9]+)", re.IGNORECASE)
_UNSEEN = frozenset({"script", "style", "template", "noscript", "svg"})
_INLINE = frozenset({"a", "abbr", "b", "code", "em", "i", "kbd", "mark", "small", "span", "strong", "sub", "sup", "u"})


def fetch_page(url: str, hosts: tuple[str, ...], gateway: HttpGateway) -> str:
    """Return the text of what a GET answers; raises `BuildRefused("implementation")` with why there is none."""
    try:
        body = gateway.get(url, Allowance(Permissions(http=hosts)))
    except HostFailure as failure:
        raise _refused(f"Nothing was fetched: {failure.message}.") from failure
    except PermissionDenied as denial:
        raise _refused(_denied(denial, hosts)) from denial
    if b"\0" in body[:1024]:
        raise _refused(f"It answers {len(body)} bytes that are no text.")
    text = body[:_MAX_READ].decode("utf-8", "replace")
    shown = text_of(text) if text.lstrip().startswith("<") and _HTML.search(text[:4096]) else text
    if len(shown) <= MAX_PAGE and len(body) <= _MAX_READ:
        return shown
    return f"{shown[:MAX_PAGE]}\n… (cut: the page has {len(body)} bytes)"


def text_of(page: str) -> str:
    """Return what a page shows, roughly: no markup, no scripts, no empty lines."""
    parts: list[str] = []
    unseen = ""
    for token in _TOKEN.findall(page):
        named = _NAME.match(token)
        name = named[1].lower() if named else ""
        if unseen:
            unseen = "" if name == unseen and token.startswith("</") else unseen
        elif name in _UNSEEN:
            unseen = name
        elif not (len(token) > 1 and token.startswith("<")):
            parts.append(token)
        elif name not in _INLINE:
            parts.append("\n")
    lines = (line.strip() for line in unescape("".join(parts)).splitlines())
    return "\n".join(line for line in lines if line)


def _denied(denial: PermissionDenied, hosts: tuple[str, ...]) -> str:
    asked = denial.details.get("requested", "that host")
    if denial.details.get("reason") == "private_address":
        return f"{asked} leads to an address that is not public; the operator has not granted it by its name."
    return f"The operator does not grant {asked}. Granted are: {', '.join(hosts)}."


def _refused(message: str) -> BuildRefused:
    return BuildRefused("implementation", message)
