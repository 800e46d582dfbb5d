"""Taking secrets out of what is kept or shown: the keys that are known, and what looks like one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

REMOVED = "[removed]"
"""What stands where a secret was."""

_SHORTEST = 6
"""Characters of a known secret that is looked for; a shorter one would take ordinary words out."""

_PATTERNS = (
    re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    re.compile(r"\bsk-[A-Za-z0-9_-]{8,}"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"(?<=bearer )[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE),
    re.compile(r"(?<=api_key=)[^\s&\"']{4,}", re.IGNORECASE),
)


def redacted(value: Any, secrets: Iterable[str] = ()) -> Any:
    """Return a JSON value with the `secrets`, and all that looks like a key, replaced by `[removed]`."""
    known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True)
    return _redacted(value, known)


def _redacted(value: Any, known: list[str]) -> Any:
    if isinstance(value, str):
        return _redact_text(value, known)
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return {_redact_text(name, known): _redacted(item, known) for name, item in pairs}
    if isinstance(value, list | tuple):
        return [_redacted(item, known) for item in cast("list[Any]", value)]
    return value


def _redact_text(text: str, known: list[str]) -> str:
    for secret in known:
        text = text.replace(secret, REMOVED)
    for pattern in _PATTERNS:
        text = pattern.sub(REMOVED, text)
    return text
