"""rustc's JSON messages as text that an LLM can use: errors first, few and short, and nothing of this machine.

The text quotes the author's source, so whoever shows it must treat it as untrusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tacit.plain_text import made_plain

MOST_CHARACTERS = 6000
_MOST_ERRORS = 12
_MOST_OF_ONE = 2000
_MORE = "\n…"
_LINKING = "linking with"
# Under Landlock these tell files that exist from those that do not.
_TELLING = re.compile(r"(?:Permission denied|Not a directory|Is a directory) \(os error \d+\)")
_ABSENT = "No such file or directory (os error 2)"


def readable_errors(output: bytes, hidden: Mapping[str, str]) -> str:
    """Return the first errors, each cut to what matters; empty when rustc reported none.

    `hidden` maps paths of this machine, or of the compiler's own root, to what is shown instead.
    """
    errors = [_rendered(message) for message in _messages(output) if _is_error(message)]
    shown: list[str] = []
    left = MOST_CHARACTERS
    for error in errors[:_MOST_ERRORS]:
        text = _shorten(clean(error, hidden), min(left, _MOST_OF_ONE))
        shown.append(text)
        left -= len(text) + 2
        if left <= 0:
            break
    if len(errors) > len(shown):
        shown.append(f"… and {len(errors) - len(shown)} more errors")
    return "\n\n".join(shown)


def last_words(output: bytes, hidden: Mapping[str, str]) -> str:
    """Return the end of what was printed beside the JSON messages, in one line."""
    lines = (line for line in output.decode(errors="replace").splitlines() if not line.startswith("{"))
    return clean(" ".join(lines), hidden)[-500:]


def clean(text: str, hidden: Mapping[str, str]) -> str:
    """Return the text without the hidden paths, without control characters, and without what files there are."""
    for path in sorted(hidden, key=len, reverse=True):
        text = text.replace(path, hidden[path])
    return made_plain(_TELLING.sub(_ABSENT, text))


def _is_error(message: dict[str, Any]) -> bool:
    """Whether this is an error of its own, and not the count of errors that rustc ends with."""
    if not str(message.get("level", "")).startswith("error"):
        return False
    return not (_is_rustcs_own(message) and str(message.get("message", "")).startswith("aborting due to"))


def _rendered(message: dict[str, Any]) -> str:
    if _is_rustcs_own(message) and str(message.get("message", "")).startswith(_LINKING) and message.get("children"):
        # Its first note is the linker's whole command line; what the linker said comes last.
        return f"error: linking failed\n{message['children'][-1]['message']}"
    return str(message.get("rendered") or message.get("message") or "").rstrip()


def _is_rustcs_own(message: dict[str, Any]) -> bool:
    """Whether it points at no source, as `compile_error!` does, whose words are the author's."""
    return not message.get("spans")


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - len(_MORE)] + _MORE


def _messages(output: bytes) -> Iterator[dict[str, Any]]:
    for line in output.splitlines():
        if line.startswith(b"{"):
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if isinstance(message, dict):
                yield message
