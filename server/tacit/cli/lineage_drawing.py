"""How a lineage is drawn: a line for each version, under it what changed, and beside it the branches.

    ○ get_salary@1  active · shipped · 2026-11-21 09:12 · reads · 3 tests
    ├─● get_salary_in_currency@1  offered · gpt-5 · 2026-11-21 10:40 · network, reads · 5 tests
    │     for: John's salary in GBP
    │     source +31/-4 · effects +network · tests +2
    │     input +currency: string, required
    ● get_salary@2  offered · caller · 2026-11-22 08:03 · reads · 4 tests
        source +2/-2 · tests +1

What others wrote is made plain, so that it steers no terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from tacit.cli.change_lines import change_lines
from tacit.cli.layout import cut, date, wrapped
from tacit.lineage import Lineage, Member, Place, changes_between
from tacit.plain_text import made_plain
from tacit.texts import effects_text

MAX_TASK = 100
MAX_CAUSE = 200

MAX_UNCUT = 60
"""Versions up to which all are drawn."""

NEWEST = 50
"""How many are drawn of more than that, besides those that are offered."""


@dataclass(frozen=True, slots=True)
class Strokes:
    """What trees are drawn with; the lines are two columns wide."""

    offered: str
    other: str
    trunk: str
    branch: str
    last_branch: str
    gap: str
    dot: str
    becomes: str

    @property
    def characters(self) -> str:
        """Every character that they use."""
        return "".join(getattr(self, field.name) for field in fields(self))


UNICODE = Strokes("●", "○", "│ ", "├─", "└─", "┆ ", " · ", " → ")
ASCII = Strokes("*", "o", "| ", "|-", "`-", ": ", "; ", " -> ")


def draw(lineage: Lineage, strokes: Strokes, limit: int | None, *, whole: bool) -> Iterator[str]:
    """Yield the lines of the drawing, at most `limit` columns wide where that can be.

    Of a long lineage only the newest and the offered versions are drawn, unless the `whole` is asked for.
    """
    members = [place.member for place in lineage.places]
    shown = {member.name for member in (members if whole else _worth_drawing(members))}
    drawing = _Drawing(strokes, limit, {member.name for member in members})
    hidden: list[str] = []
    for place in lineage.places:
        left = drawing.enter(place)
        if place.member.name not in shown:
            hidden.append(left)
            continue
        yield from drawing.gap(hidden)
        hidden = []
        if place.heads and place is not lineage.places[0]:
            yield ""
        yield from drawing.lines(place, left)
    yield from drawing.gap(hidden)


def _worth_drawing(members: Sequence[Member]) -> Sequence[Member]:
    if len(members) <= MAX_UNCUT:
        return members
    newest = sorted(members, key=lambda member: member.created)[-NEWEST:]
    return [*newest, *(member for member in members if member.offered)]


class _Drawing:
    """A drawing from the top down; it knows which branches go on below the line that it is at."""

    def __init__(self, strokes: Strokes, limit: int | None, names: set[str]) -> None:
        self._strokes = strokes
        self._limit = limit
        self._names = names
        self._going_on: list[bool] = []

    def enter(self, place: Place) -> str:
        """Go to a place, and return what stands left of its mark."""
        levels = self._going_on[: place.depth]
        left = self._bars(levels)
        if place.begins:
            left = self._bars(levels[:-1]) + (self._strokes.last_branch if place.last else self._strokes.branch)
            levels[-1] = not place.last
        self._going_on = [*levels, place.continues]
        return left

    def lines(self, place: Place, left: str) -> Iterator[str]:
        """Yield the lines of the version that the drawing is at; `left` stands before the first."""
        member, strokes = place.member, self._strokes
        count = len(member.tests)
        facts = [member.standing, made_plain(member.author), date(member.created)]
        facts.append(effects_text(sorted(member.effects)))
        if member.gained:
            facts.append(f"now also {effects_text(sorted(member.gained))}")
        facts.append(f"{count} test" if count == 1 else f"{count} tests")
        below = self._bars(self._going_on)
        mark = strokes.offered if member.standing == "offered" else strokes.other
        yield from wrapped(strokes.dot.join(facts), self._limit, f"{left}{mark} {member.name}  ", f"{below}    ")
        for line in self._details(place):
            yield from wrapped(made_plain(line), self._limit, f"{below}  ", f"{below}    ")

    def gap(self, hidden: Sequence[str]) -> Iterator[str]:
        """Yield a line in place of versions that are not drawn; of each, what would stand left of it."""
        if hidden:
            more = f"{len(hidden)} version{'s' * (len(hidden) > 1)} more; --all draws them"
            yield from wrapped(more, self._limit, hidden[0] + self._strokes.gap)

    def _details(self, place: Place) -> Iterator[str]:
        member = place.member
        if member.task:
            yield f"for: {cut(member.task, MAX_TASK)}"
        if member.cause:
            yield f"repairs: {cut(member.cause, MAX_CAUSE)}"
        if place.lost_parent:
            circle = place.lost_parent in self._names
            yield f"from {place.lost_parent}, which {'comes from it as well' if circle else 'is not here'}"
        elif place.parent is not None:
            yield from self._changes(place.parent, place)
        if place.deferred:
            yield f"made of it, drawn below: {', '.join(each.name for each in place.deferred)}"

    def _changes(self, parent: Member, place: Place) -> Iterator[str]:
        if place.heads:
            yield f"from {parent.name}, drawn above"
        yield from change_lines(changes_between(parent, place.member), self._strokes.dot, self._strokes.becomes)

    def _bars(self, levels: Sequence[bool]) -> str:
        return "".join(self._strokes.trunk if level else "  " for level in levels)
