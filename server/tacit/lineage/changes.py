"""What changed from a version to one made of it: source, schemas, effects, permissions and tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from tacit.lineage.line_diff import count_lines
from tacit.lineage.member import Member
from tacit.lineage.schema_changes import SchemaChange, schema_changes
from tacit.models import Permissions


@dataclass(frozen=True, slots=True)
class Changes:
    """What a version has that its parent had not, and the other way round.

    Lines of source are counted; permissions are words such as `http api.example.com`; tests go by their names, and
    `tests_changed` have the name of a test of the parent's and say something else.
    """

    lines_added: int = 0
    lines_removed: int = 0
    summary: bool = False
    input_schema: tuple[SchemaChange, ...] = ()
    output_schema: tuple[SchemaChange, ...] = ()
    effects_gained: tuple[str, ...] = ()
    effects_lost: tuple[str, ...] = ()
    permissions_gained: tuple[str, ...] = ()
    permissions_lost: tuple[str, ...] = ()
    tests_added: tuple[str, ...] = ()
    tests_removed: tuple[str, ...] = ()
    tests_changed: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether all that is compared stayed as it was."""
        return self == Changes()

    def as_data(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        return {name: value if isinstance(value, bool | int) else [*value] for name, value in asdict(self).items()}


def changes_between(parent: Member, child: Member) -> Changes:
    """Return what changed from `parent` to `child`."""
    added, removed = count_lines(parent.source, child.source)
    old, new = parent.manifest, child.manifest
    asked, asks = _words(old.permissions), _words(new.permissions)
    before = {test.name: test for test in parent.tests}
    after = {test.name: test for test in child.tests}
    return Changes(
        lines_added=added,
        lines_removed=removed,
        summary=old.summary != new.summary,
        input_schema=schema_changes(old.input_schema, new.input_schema),
        output_schema=schema_changes(old.output_schema, new.output_schema),
        effects_gained=_missing(child.effects, parent.effects),
        effects_lost=_missing(parent.effects, child.effects),
        permissions_gained=_missing(asks, asked),
        permissions_lost=_missing(asked, asks),
        tests_added=_missing(after, before),
        tests_removed=_missing(before, after),
        tests_changed=tuple(name for name, test in after.items() if name in before and before[name] != test),
    )


def _words(permissions: Permissions) -> list[str]:
    words = ["time"] if permissions.time else []
    for field in ("http", "read", "write", "call"):
        words += [f"{field} {value}" for value in getattr(permissions, field)]
    return words


def _missing(these: Iterable[str], those: Iterable[str]) -> tuple[str, ...]:
    """Return what is in `these` alone, in their order where they have one."""
    others = set(those)
    found = [str(item) for item in these if item not in others]
    return tuple(sorted(found) if isinstance(these, frozenset) else found)
