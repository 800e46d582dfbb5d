"""Taking secrets out of what is kept or shown: the keys that are known, and what looks like one.

It knows forms, not meanings: a password in a sentence stays, unless it is among the known secrets.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

REMOVED = "[removed]"
"""What stands where a secret was."""

_SHORTEST = 6
"""Characters of a known secret that is looked for; a shorter one would take ordinary words out."""

_RANDOM = r"(?=[\w.~+/=*-]{0,200}\d)[\w.~+/=*-]{8,}|[\w.~+/=*-]{20,}"
"""What no word looks like: eight characters with a digit among them, or twenty."""

_NAMES = r"(?:api[_-]?key|authorization|access[_-]?token|client[_-]?secret|secret[_-]?key|password|passwd|secret)"

# Every repetition has a bound, or consumes what it looks at: the text may be made to be slow to search.
_PATTERNS = (
    re.compile(
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
    ),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,1024}\.[A-Za-z0-9_-]{8,16384}(?:\.[A-Za-z0-9_-]*)?"),
    re.compile(rf"\bsk-(?:{_RANDOM})"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(rf"(?<=\bbearer )(?:{_RANDOM})", re.IGNORECASE),
    re.compile(r"(?<=://)[^\s/:@]{1,200}:[^\s/@]{1,200}(?=@)"),
)
_NAMED = re.compile(rf"(\b{_NAMES}[\"']?\s{{0,4}}[=:]\s{{0,4}}[\"']?)(?:{_RANDOM})", re.IGNORECASE)
_NAME = re.compile(_NAMES, re.IGNORECASE)


def redacted(value: Any, secrets: Iterable[str] = ()) -> Any:
    """Return a JSON value with the `secrets`, and all that looks like a key, replaced by `[removed]`.

    A text under a name such as `api_key` goes whole. Tuples come back as lists.
    """
    known = {form for secret in secrets if len(secret) >= _SHORTEST for form in (secret, quote(secret, safe=""))}
    return _redacted(value, sorted(known, key=len, reverse=True))


def _redacted(value: Any, known: list[str]) -> Any:
    if isinstance(value, str):
        return _redact_text(value, known)
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return {_redact_text(name, known): _redact_field(name, item, known) for name, item in pairs}
    if isinstance(value, list | tuple):
        return [_redacted(item, known) for item in cast("list[Any]", value)]
    return value


def _redact_field(name: str, item: Any, known: list[str]) -> Any:
    if isinstance(item, str) and item and _NAME.fullmatch(name):
        return REMOVED
    return _redacted(item, known)


def _redact_text(text: str, known: list[str]) -> str:
    for secret in known:
        text = text.replace(secret, REMOVED)
    for pattern in _PATTERNS:
        text = pattern.sub(REMOVED, text)
    return _NAMED.sub(rf"\1{REMOVED}", text)
