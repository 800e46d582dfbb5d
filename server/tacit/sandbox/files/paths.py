"""Paths as guests name them, and the globs that grant them.

A path is relative to the files folder, with `/` between its segments, and is compared byte for byte: no Unicode
normalisation, no case folding, so what a glob allows is what the file system is asked for. In a glob `*` and
`?` stay within a segment and a segment `**` stands for any number of segments, also none; inside a segment
`**` means `*`. Matching takes time linear in the path: segments are consumed by a set of states, and within a
segment each `*` takes the shortest match for good (an atomic group), which decides globs without backtracking.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from tacit.errors import PermissionDenied
from tacit.sandbox.world import FailureCode, HostFailure

RESERVED_PREFIX = ".tacit-"
"""Names in the files folder that are Tacit's own (staged writes); no guest may name or see them."""

MAX_PATH_BYTES = 1024
MAX_SEGMENT_BYTES = 255
MAX_SEGMENTS = 32
"""Folders and name of a path; a thousand files in as many folders as fit into a path would take a minute to make."""


def segments_of(path: str, function: str) -> tuple[str, ...]:
    """Return the segments of a guest's path; a trailing `/`, `""` and `"."` name a folder (`()` is the root).

    What tries to leave the folder raises `PermissionDenied` for `function`; what is malformed (an empty or `.`
    segment, over-long or too deep, not Unicode) raises `HostFailure(INVALID)`.
    """
    try:
        encoded = path.encode()
    except UnicodeEncodeError as error:
        raise HostFailure(FailureCode.INVALID, f"the path {path!a} is not valid Unicode") from error
    if path in {"", "."}:
        return ()
    segments = tuple(path.removesuffix("/").split("/"))
    if path.startswith("/") or "\\" in path or "\0" in path or ".." in segments:
        raise outside(path, function)
    if any(segment.lower().startswith(RESERVED_PREFIX) for segment in segments):
        raise outside(path, function)
    if len(encoded) > MAX_PATH_BYTES or any(len(segment.encode()) > MAX_SEGMENT_BYTES for segment in segments):
        raise HostFailure(FailureCode.INVALID, f"the path has {len(encoded)} bytes; at most {MAX_PATH_BYTES} are taken")
    if len(segments) > MAX_SEGMENTS:
        raise HostFailure(
            FailureCode.INVALID, f"the path has {len(segments)} segments; at most {MAX_SEGMENTS} are taken"
        )
    if "" in segments or "." in segments:
        raise HostFailure(FailureCode.INVALID, f"the path {path!r} has an empty or '.' segment; write it without")
    return segments


def file_segments(path: str, function: str, hidden: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the segments of a path that names a file which guests can reach; raises as `segments_of` does.

    `hidden` is where Tacit keeps its own data, as `refuse_hidden` says.
    """
    segments = segments_of(path, function)
    if names_folder(path):
        raise HostFailure(FailureCode.INVALID, f"{path!r} names a folder; a file's path ends in its name")
    refuse_hidden(path, segments, function, hidden)
    return segments


def refuse_hidden(path: str, segments: tuple[str, ...], function: str, hidden: tuple[str, ...] | None) -> None:
    """Refuse what lies in Tacit's own folder, whatever is granted.

    Reading the database would do worse than show it: SQLite's locks on it belong to the process and end with the
    first file that it closes there.
    """
    if hidden is not None and segments[: len(hidden)] == hidden:
        raise outside(path, function, "it is in the folder where Tacit keeps its own data")


def names_folder(path: str) -> bool:
    """Return whether a guest's path asks for a folder's listing instead of a file."""
    return path in {"", "."} or path.endswith("/")


def outside(
    path: str, function: str, why: str = "only plain paths in the files folder can be granted"
) -> PermissionDenied:
    """Return the denial of a path that no grant can allow."""
    return PermissionDenied(
        f"{function} was asked for {path[:200]!r}: {why}.",
        hint="Use a path relative to the files folder, such as 'reports/2024.csv', without '..', '\\' or links.",
        details={"function": function, "requested": path[:200], "reason": "outside_folder"},
    )


class PathGlob:
    """A compiled glob; immutable. `literal` says whether it names exactly one path."""

    __slots__ = ("_segments", "literal", "pattern")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.literal = "*" not in pattern and "?" not in pattern
        parts = pattern.split("/")
        # A `**` behind another means nothing more, and each would make every look at a path longer.
        distinct = [part for before, part in zip(["", *parts], parts, strict=False) if not before == part == "**"]
        self._segments = [None if part == "**" else _segment(part) for part in distinct]

    def matches(self, path: str) -> bool:
        """Return whether the path of a file is one that the glob means."""
        if self.literal:
            return path == self.pattern
        return len(self._segments) in self._after(path.split("/"))

    def reaches_into(self, folder: Iterable[str]) -> bool:
        """Return whether something inside the folder of these segments could match."""
        return any(state < len(self._segments) for state in self._after(folder))

    def covers(self, other: str) -> bool:
        """Return whether every path that the glob `other` means is meant by this one too; errs towards no."""
        marked = (part if part == "**" else part.replace("*", _ANY_MARK) for part in other.split("/"))
        return len(self._segments) in self._after(marked)

    def _after(self, parts: Iterable[str]) -> set[int]:
        """Return the positions in the glob that are reached after consuming these segments."""
        states = self._skipping({0})
        for part in parts:
            reached: set[int] = set()
            for state in states:
                if state == len(self._segments):
                    continue
                segment = self._segments[state]
                if segment is None:
                    reached.add(state)
                elif part != "**" and segment.match(part):
                    reached.add(state + 1)
            states = self._skipping(reached)
        return states

    def _skipping(self, states: set[int]) -> set[int]:
        """Add the positions after each `**`, which may stand for no segment at all."""
        closed = set(states)
        for state in states:
            position = state
            while position < len(self._segments) and self._segments[position] is None:
                position += 1
                closed.add(position)
        return closed


_ANY_MARK = "\x01"
"""Stands for a `*` of another glob in `covers`; no `?` matches it, as `*` may be several characters or none."""


def _segment(part: str) -> re.Pattern[str]:
    first, *rest = [_literal(piece) for piece in re.split(r"\*+", part)]
    if not rest:
        return re.compile(rf"{first}\Z", re.DOTALL)
    *middle, last = rest
    atomic = "".join(f"(?>.*?{piece})" for piece in middle)
    return re.compile(rf"{first}{atomic}.*{last}\Z", re.DOTALL)


def _literal(piece: str) -> str:
    return "".join(f"[^{_ANY_MARK}]" if char == "?" else re.escape(char) for char in piece)


@lru_cache(maxsize=1024)
def compile_glob(pattern: str) -> PathGlob:
    """Return the compiled form of a glob of `models.Permissions`."""
    return PathGlob(pattern)
