"""What changed from a version to the next, in a few lines."""

from __future__ import annotations

from collections.abc import Sequence

from tacit.lineage import Changes, SchemaChange

MAX_NAMED = 3
"""Tests and permissions that are named; more are counted."""

MAX_SCHEMA_CHANGES = 6


def change_lines(changes: Changes, dot: str = " · ", becomes: str = " → ") -> list[str]:
    """Return what changed; `dot` stands between its parts, `becomes` between what was and what is."""
    if changes.nothing:
        return ["nothing changed but its record"]
    parts = [
        f"source +{changes.lines_added}/-{changes.lines_removed}"
        if changes.lines_added or changes.lines_removed
        else "",
        "summary" if changes.summary else "",
        _signed("effects", changes.effects_gained, changes.effects_lost),
        _signed("permissions", changes.permissions_gained, changes.permissions_lost),
        _signed("tests", changes.tests_added, changes.tests_removed, changes.tests_changed),
    ]
    schemas = {"input": changes.input_schema, "output": changes.output_schema}
    lines = [f"{name} {dot.join(_schema_parts(each, becomes))}" for name, each in schemas.items() if each]
    return [line for line in (dot.join(filter(None, parts)), *lines) if line]


def _signed(name: str, gained: Sequence[str], lost: Sequence[str], changed: Sequence[str] = ()) -> str:
    words = [*_named("+", gained), *_named("-", lost), *_named("~", changed)]
    return f"{name} {', '.join(words)}" if words else ""


def _named(sign: str, names: Sequence[str]) -> list[str]:
    if len(names) > MAX_NAMED:
        return [f"{sign}{len(names)}"]
    return [f"{sign}{name}" for name in names]


def _schema_parts(changes: Sequence[SchemaChange], becomes: str) -> list[str]:
    parts = [_schema_part(change, becomes) for change in changes[:MAX_SCHEMA_CHANGES]]
    more = len(changes) - MAX_SCHEMA_CHANGES
    return [*parts, f"and {more} more"] if more > 0 else parts


def _schema_part(change: SchemaChange, becomes: str) -> str:
    place = change.path or "itself"
    if change.before is None:
        return f"+{place}: {change.after}"
    if change.after is None:
        return f"-{place}"
    if change.before == change.after:  # they differ beyond what is shown of them
        return f"~{place}"
    return f"~{place}: {change.before}{becomes}{change.after}"
