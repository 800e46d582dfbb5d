"""Which versions belong together: those of a capability, what they come from, and what comes from them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection

from tacit.catalog import queries
from tacit.catalog.queries import Standing
from tacit.catalog.version import Version

_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Relative:
    """A version in a lineage, and what its origin says of it, empty where it has none.

    `offered` says that its id without a version means it.
    """

    version: Version
    offered: bool
    model: str
    task: str
    cause: str


def kin_of(connection: Connection, capability: str) -> list[Standing]:
    """Return the versions in the lineage of a capability, by id and number; reads one generation after the other.

    Parents may be missing, or go in circles, since imported manifests name them.
    """
    own = queries.standings_of(connection, [capability])
    found = {each.name: each for each in own}
    level = own
    while level:
        children = queries.children_of(connection, [each.name for each in level])
        level = [each for each in children if each.name not in found]
        found |= {each.name: each for each in level}
    level = own
    while above := {each.parent for each in level if each.parent and each.parent not in found}:
        level = queries.standings_named(connection, [name for each in above if (name := _numbered(each))])
        found |= {each.name: each for each in level}
    return sorted(found.values(), key=lambda each: (each.id, each.version))


def _numbered(name: str) -> tuple[str, int] | None:
    """Return the id and number in the name of a version; None where it is none."""
    capability, _, number = name.rpartition("@")
    return (capability, int(number)) if _NUMBER.fullmatch(number) else None
