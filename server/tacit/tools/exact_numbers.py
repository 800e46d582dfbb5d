"""Numbers of calls that would lose digits, found in the text that a client sent.

The SDK hands over what it parsed, where 0.1234567890123456789 is a float already. So over stdio the line is looked at
before the SDK is, and what is found is written into the request's own `_meta`; over HTTP the request has its body.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any, cast

from tacit.strict_json import InexactNumber, inexact_in

NOTE = f"tacit/inexact-{secrets.token_hex(8)}"
"""The name of the note in `_meta`, which no client can know."""
_ARGUMENTS = ("params", "arguments")


def noted(line: bytes) -> bytes:
    """Return the line of a message, with a note where a number in the arguments of its call would lose digits."""
    found = _in_arguments(line)
    if found is None:
        return line
    message: dict[str, Any] = json.loads(line.decode("utf-8", "replace"))
    meta = message["params"].get("_meta")
    note = {NOTE: [list(found.path), found.written]}
    message["params"]["_meta"] = {**cast("dict[str, Any]", meta), **note} if isinstance(meta, dict) else note
    return json.dumps(message).encode() + b"\n"


def inexact_argument(params: Mapping[str, Any] | None, request: object) -> InexactNumber | None:
    """Return the number in the arguments of a call that would lose digits, its path beginning at the arguments.

    `params` are the request's own; `request` is what the SDK keeps of an HTTP request, with the body that it has read.
    """
    meta = (params or {}).get("_meta")
    note = cast("dict[str, Any]", meta).get(NOTE) if isinstance(meta, Mapping) else None
    if note is not None:
        return InexactNumber(*note)
    body = getattr(request, "_body", None)
    return _in_arguments(body) if isinstance(body, bytes) else None


def _in_arguments(text: bytes) -> InexactNumber | None:
    found = inexact_in(text)
    if found is None or found.path[:2] != _ARGUMENTS:
        return None
    return InexactNumber(found.path[2:], found.written)
