"""What changed in source texts, line by line.

The cost is bounded: where what lies between the first and the last difference is too long on both sides to be
compared, all of it counts as written anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher

MAX_COMPARED = 4_000_000
"""The product of two lengths in lines up to which they are compared; a reversed file costs its square."""

_NO_NEWLINE = "\\ No newline at end of file"


class _Lines(SequenceMatcher[str]):
    """Compares two lists of lines; what they begin and end with alike is set aside first."""

    def __init__(self, before: list[str], after: list[str]) -> None:
        shorter = min(len(before), len(after))
        start = 0
        while start < shorter and before[start] == after[start]:
            start += 1
        end = 0
        while end < shorter - start and before[-1 - end] == after[-1 - end]:
            end += 1
        self._start, self._end = start, end
        self._lengths = len(before), len(after)
        self._compared = (len(before) - start - end) * (len(after) - start - end)
        super().__init__(None, before[start : len(before) - end], after[start : len(after) - end])

    def get_opcodes(self) -> list[tuple[str, int, int, int, int]]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return how one becomes the other, as `SequenceMatcher` does, for the whole lists."""
        start, end, (before, after) = self._start, self._end, self._lengths
        if self._compared > MAX_COMPARED:
            middle = [("replace", start, before - end, start, after - end)]
        else:
            middle = [(tag, a + start, b + start, c + start, d + start) for tag, a, b, c, d in super().get_opcodes()]
        first = [("equal", 0, start, 0, start)] if start else []
        last = [("equal", before - end, before, after - end, after)] if end else []
        return [*first, *middle, *last]


def count_lines(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[int, int]:
    """Return how many lines were added and removed between two sources, each a map of paths to texts."""
    added = removed = 0
    for _, old, new in _changed_files(before, after):
        for tag, a, b, c, d in _Lines(old, new).get_opcodes():
            if tag != "equal":
                removed += b - a
                added += d - c
    return added, removed


def source_diff(before: Mapping[str, str], after: Mapping[str, str], old_name: str, new_name: str) -> str:
    """Return the unified diff of two sources, files by path; empty where nothing changed.

    `old_name` and `new_name` stand before the paths in the headings.
    """
    lines: list[str] = []
    for path, old, new in _changed_files(before, after):
        lines.append(f"--- {old_name}/{path}" if path in before else "--- /dev/null")
        lines.append(f"+++ {new_name}/{path}" if path in after else "+++ /dev/null")
        lines += _hunks(old, new)
    return "\n".join(lines)


def _changed_files(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[tuple[str, list[str], list[str]]]:
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old != new:
            yield path, _lines(old), _lines(new)


def _lines(text: str | None) -> list[str]:
    """Return a text's lines, each with its line feed; no other character ends one, as in rustc and in diff."""
    if not text:
        return []
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _hunks(old: list[str], new: list[str]) -> Iterator[str]:
    for group in _Lines(old, new).get_grouped_opcodes():
        (_, a, _, c, _), (_, _, b, _, d) = group[0], group[-1]
        yield f"@@ -{_range(a, b)} +{_range(c, d)} @@"
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from _marked(" ", old[i1:i2])
                continue
            yield from _marked("-", old[i1:i2])
            yield from _marked("+", new[j1:j2])


def _range(start: int, stop: int) -> str:
    length = stop - start
    first = start + 1 if length else start
    return str(first) if length == 1 else f"{first},{length}"


def _marked(mark: str, lines: list[str]) -> Iterator[str]:
    for line in lines:
        yield mark + line.removesuffix("\n")
        if not line.endswith("\n"):
            yield _NO_NEWLINE
