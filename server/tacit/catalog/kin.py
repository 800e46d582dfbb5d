"""Which versions belong together: those of a capability, what they come from, and what comes from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tacit.catalog.queries import Standing
from tacit.catalog.version import Version


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


def kin_of(capability: str, standings: Iterable[Standing]) -> list[Standing]:
    """Return those of all versions that are in the lineage of a capability, in their order.

    Parents may be missing, or go in circles, since imported manifests name them.
    """
    known = {each.name: each for each in standings}
    children: dict[str, list[str]] = {}
    for name, each in known.items():
        if each.parent:
            children.setdefault(each.parent, []).append(name)
    own = [name for name, each in known.items() if each.id == capability]
    found: set[str] = set()
    waiting = list(own)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += children.get(name, ())
    for name in own:
        above = known[name].parent
        while above in known and above not in found:
            found.add(above)
            above = known[above].parent
    return [each for name, each in known.items() if name in found]
