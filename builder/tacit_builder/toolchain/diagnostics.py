"""rustc's JSON messages as text that an LLM can use: errors first, few and short, and nothing of this machine.

The text quotes the author's source, so whoever shows it must treat it as untrusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MOST_CHARACTERS = 6000
_MOST_ERRORS = 12
_MOST_OF_ONE = 2000
_MARGIN = "\n…"
# A path of this machine: the compiler names one where it names a file that is not the author's.
_ABSOLUTE = re.compile(r"(?<![\w/.])/(?:[\w.+@-]+/)+([\w.+@-]*)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def readable_diagnostics(output: bytes) -> str:
    """Return the first errors, each cut to what matters; without errors, the end of what else was printed."""
    messages = list(_messages(output))
    errors = [message for message in messages if str(message.get("level", "")).startswith("error")]
    shown: list[str] = []
    left = MOST_CHARACTERS
    for message in errors[:_MOST_ERRORS]:
        text = clean(_rendered(message))[: min(left, _MOST_OF_ONE)].rstrip()
        shown.append(text)
        left -= len(text) + 2
        if left <= 0:
            break
    if len(errors) > len(shown):
        shown.append(f"… and {len(errors) - len(shown)} more errors")
    return "\n\n".join(shown) or clean(_plain(output))[-MOST_CHARACTERS:]


def clean(text: str) -> str:
    """Return the text with absolute paths shortened to their last part and without control characters."""
    return _CONTROL.sub("", _ABSOLUTE.sub(r"\1", text))


def _rendered(message: dict[str, Any]) -> str:
    text = str(message.get("rendered") or message.get("message") or "")
    return text if len(text) <= _MOST_OF_ONE else text[: _MOST_OF_ONE - len(_MARGIN)] + _MARGIN


def _messages(output: bytes) -> Iterator[dict[str, Any]]:
    for line in output.splitlines():
        if line.startswith(b"{"):
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict):
                yield message


def _plain(output: bytes) -> str:
    lines = (line for line in output.decode(errors="replace").splitlines() if not line.startswith("{"))
    return "\n".join(lines)
