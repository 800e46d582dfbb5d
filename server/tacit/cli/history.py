"""`tacit history`: where the versions of a capability come from, and what changed from each to the next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from tacit.cli.layout import columns
from tacit.cli.lineage_drawing import ASCII, UNICODE, draw
from tacit.cli.references import only_id
from tacit.cli.terminal import Session, encodable, use_case
from tacit.lineage import Lineage, Place, changes_between, source_diff
from tacit.plain_text import made_plain


@click.command()
@click.argument("capability", metavar="ID")
@click.option("--diff", is_flag=True, help="The changes of the source as well, as a unified diff.")
@click.option("--all", "whole", is_flag=True, help="Draw every version of a long lineage.")
@click.option("--ascii", "plain", is_flag=True, help="Draw with ASCII characters alone.")
@use_case()
def history(session: Session, capability: str, *, diff: bool, whole: bool, plain: bool) -> None:
    """Draw where versions come from, and what changed.

    The drawing has the versions of the capability, what they come from, and what was made of them. Each version has
    a line with its standing, author, date, effects and number of tests, and below it what it was made for and what
    changed against its parent.
    """
    name = only_id(capability)
    with session.service() as service:
        lineage = service.lineage(name)
    if session.as_json:
        session.show([_as_data(place, diff=diff) for place in lineage.places], "")
        return
    strokes = UNICODE if encodable(UNICODE.characters) and not plain else ASCII
    lines = [*draw(lineage, strokes, columns(), whole=whole), *(_diffs(lineage) if diff else ())]
    session.show(None, "\n".join(lines))


def _diffs(lineage: Lineage) -> Iterator[str]:
    for place in lineage.places:
        if text := _diff(place):
            yield f"\n{made_plain(text)}"


def _diff(place: Place) -> str:
    member, parent = place.member, place.parent
    return source_diff(parent.source, member.source, parent.name, member.name) if parent else ""


def _as_data(place: Place, *, diff: bool) -> dict[str, Any]:
    member, parent = place.member, place.parent
    data: dict[str, Any] = {
        "id": member.id,
        "version": member.version,
        "status": str(member.status),
        "offered": member.standing == "offered",
        "parent": member.parent,
        "parent_known": parent is not None,
        "author": member.author,
        "created": member.created,
        "effects": sorted(member.effects),
        "effects_gained": sorted(member.gained),
        "tests_count": len(member.tests),
        "task": member.task,
        "cause": member.cause,
        "changes": changes_between(parent, member).as_data() if parent else None,
    }
    return {**data, "diff": _diff(place)} if diff else data


COMMANDS = [history]
