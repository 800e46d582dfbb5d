"""Which paths a source file may have: relative, plain, and the same file on every system that exports it."""

from __future__ import annotations

import re
from collections.abc import Mapping

MAX_SOURCE_FILES = 64
MAX_SOURCE_BYTES = 1 << 20
_SEGMENT = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,100}(?<!\.)")


def is_source_path(path: str) -> bool:
    """Return whether a path such as `parsing/dates.rs` may be written below a `src` folder."""
    return len(path) <= 400 and all(_SEGMENT.fullmatch(segment) for segment in path.split("/"))


def source_problems(source: Mapping[str, str]) -> list[dict[str, str]]:
    """Return `{path, message}` for everything about a source that could not be kept and exported."""
    problems = [
        {"path": f"src/{path[:100]!r}", "message": "is not a plain relative path"}
        for path in source
        if not is_source_path(path)
    ]
    if not source:
        problems.append({"path": "src", "message": "holds no source"})
    if len(source) > MAX_SOURCE_FILES:
        problems.append({"path": "src", "message": f"holds more than {MAX_SOURCE_FILES} files"})
    try:
        size = sum(len(text.encode()) for text in source.values())
    except UnicodeEncodeError:
        problems.append({"path": "src", "message": "holds characters that are not valid Unicode"})
    else:
        if size > MAX_SOURCE_BYTES:
            problems.append({"path": "src", "message": f"holds more than {MAX_SOURCE_BYTES} bytes"})
    return problems
