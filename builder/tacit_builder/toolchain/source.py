"""What an author may hand in: Rust files alone, few and small, at plain paths.

No `Cargo.toml`, no `build.rs`, no procedural macro, nothing that is not Rust, and no path that leads out of the
folder. Whether the Rust compiles is the compiler's business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tacit.building.protocol import MAX_SOURCE_BYTES, MAX_SOURCE_FILES
from tacit.errors import BuildRefused

ROOT = "main.rs"
_PATH = re.compile(r"(?:[A-Za-z0-9_-]{1,100}/){0,8}[A-Za-z0-9_-]{1,97}\.rs\Z")


def checked_source(source: Mapping[str, str]) -> dict[str, str]:
    """Return the files by their paths below `src/`, where `src/main.rs` and `main.rs` mean the same.

    Raises `BuildRefused` at the stage `request` for anything that is not such a set of Rust files.
    """
    files: dict[str, str] = {}
    for given, text in source.items():
        path = checked_path(given)
        if path in files:
            raise _refused(f"{path!r} is given twice")
        if "\0" in text:
            raise _refused(f"{path!r} is not text")
        files[path] = text
    if not files.get(ROOT, "").strip():
        raise _refused(f"There is no {ROOT!r}")
    check_size(files)
    return files


def checked_path(given: str) -> str:
    """Return the path below `src/` of one file; raises `BuildRefused("request")`."""
    path = given.removeprefix("src/")
    if not _PATH.match(path) or len(path) > 200:
        raise _refused(f"{given[:200]!a} is not a path such as 'main.rs' or 'parse/row.rs'")
    if path == "build.rs":
        raise _refused("A build script, 'build.rs', is not allowed")
    return path


def check_size(files: Mapping[str, str]) -> None:
    """Raise `BuildRefused("request")` when there are too many files, or too large ones."""
    if len(files) > MAX_SOURCE_FILES:
        raise _refused(f"{len(files)} files are more than the {MAX_SOURCE_FILES} that are allowed")
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in files.values())
    if size > MAX_SOURCE_BYTES:
        raise _refused(f"{size} bytes of source are more than the {MAX_SOURCE_BYTES} that are allowed")


def write_source(files: Mapping[str, str], folder: Path) -> None:
    """Write checked files below `folder`."""
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def _refused(what: str) -> BuildRefused:
    return BuildRefused(
        "request",
        f"{what}.",
        hint=f"Give {ROOT!r}, and further Rust files that it names with `mod` if needed; crates come from the SDK. "
        'A program goes with language: "program".',
    )
