"""Fetching a page for an author: by the rules that guests fetch by, from the hosts that the operator grants.

What comes back is a stranger's text: cut, plain, and to be treated as data.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from typing_extensions import override

from tacit.errors import BuildRefused, PermissionDenied
from tacit.models import Permissions
from tacit.sandbox.grants import Allowance
from tacit.sandbox.http import HttpGateway
from tacit.sandbox.world import HostFailure

MAX_PAGE = 20_000
"""Characters of a page that are shown."""
_MAX_READ = 1 << 20
_HTML = re.compile(r"\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_BLANKS = re.compile(r"[ \t\r\f\v]*\n\s*")
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
    shown = text_of(text) if _HTML.match(text[:4096]) else text
    if len(shown) <= MAX_PAGE and len(body) <= _MAX_READ:
        return shown
    return f"{shown[:MAX_PAGE]}\n… (cut: the page has {len(body)} bytes)"


def text_of(html: str) -> str:
    """Return what a page shows, roughly: no markup, no scripts, no empty lines."""
    reader = _TextReader()
    reader.feed(html)
    reader.close()
    return _BLANKS.sub("\n", "".join(reader.parts)).strip()


class _TextReader(HTMLParser):
    """Collects a page's text in `parts`."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._unseen = 0

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in _UNSEEN
        if tag not in _INLINE:
            self.parts.append("\n")

    @override
    def handle_endtag(self, tag: str) -> None:
        self._unseen = max(0, self._unseen - (tag in _UNSEEN))

    @override
    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data)


def _denied(denial: PermissionDenied, hosts: tuple[str, ...]) -> str:
    asked = denial.details.get("requested", "that host")
    if denial.details.get("reason") == "private_address":
        return f"{asked} leads to an address that is not public; the operator has not granted it by its name."
    return f"The operator does not grant {asked}. Granted are: {', '.join(hosts)}."


def _refused(message: str) -> BuildRefused:
    return BuildRefused("implementation", message)
