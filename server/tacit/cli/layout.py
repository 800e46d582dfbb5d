"""How text is laid out in lines: widths as terminals show them, wrapping, tables."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from tacit.plain_text import one_line

LEAST_WIDTH = 20
"""Columns that a text is given at least, however narrow the terminal."""


def columns() -> int | None:
    """Return how wide the terminal is; None where the output goes elsewhere, and lines may have any length."""
    return shutil.get_terminal_size((0, 0)).columns or None


def width(text: str) -> int:
    """Return how many columns a text takes: letters of East Asia take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def cut(text: str, limit: int) -> str:
    """Return a text on one line, of at most `limit` characters, with an ellipsis where it went on."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def padded(text: str, columns: int) -> str:
    """Return the text with spaces after it up to that many columns."""
    return text + " " * max(columns - width(text), 0)


def wrapped(text: str, limit: int | None, first: str = "", then: str | None = None) -> list[str]:
    """Return a text as lines of at most `limit` columns, the first after `first`, the others after `then`.

    Without a limit it becomes one line. Words that are too long keep their length: an id, a path or a URL is worth
    more whole.
    """
    then = first if then is None else then
    if limit is None:
        return [f"{first}{' '.join(text.split())}".rstrip()]
    lines: list[str] = []
    line, free = "", max(limit - width(first), LEAST_WIDTH)
    for word in text.split():
        if line and width(line) + 1 + width(word) > free:
            lines.append(line)
            line, free = word, max(limit - width(then), LEAST_WIDTH)
        else:
            line = f"{line} {word}" if line else word
    lines.append(line)
    return [f"{then if number else first}{line}".rstrip() for number, line in enumerate(lines)]


def indented(text: str, by: int = 2) -> str:
    """Return the text with spaces before each line that is not empty."""
    return "\n".join(f"{' ' * by}{line}" if line else "" for line in text.rstrip().splitlines())


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows under their headings in aligned columns; the last column goes on below itself where it is long.

    A cell that holds ends of lines is shown on one line, so that it cannot look like another row.
    """
    lines = [tuple(headings), *(tuple(one_line(str(cell)) for cell in row) for row in rows)]
    widths = [max(width(line[column]) for line in lines) for column in range(len(headings) - 1)]
    return "\n".join(text for line in lines for text in _row(line, widths))


def facts(values: dict[str, str]) -> list[str]:
    """Return names and values in two columns, what is empty left out."""
    shown = {name: value for name, value in values.items() if value}
    widths = [max(map(width, shown), default=0)]
    return [text for row in shown.items() for text in _row(row, widths)]


def date(milliseconds: int) -> str:
    """Return a time to the minute, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def moment(milliseconds: int) -> str:
    """Return a time to the second, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _row(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    *cells, last = cells
    start = "".join(f"{padded(cell, width)}  " for cell, width in zip(cells, widths, strict=True))
    limit = columns()
    if limit is not None and limit - width(start) < LEAST_WIDTH:
        limit = None
    yield from wrapped(last, limit, start, " " * width(start))


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
