"""Which versions belong together: those of a capability, what they come from, and what comes from them."""

from __future__ import annotations

from collections.abc import Iterable


def kin_of(capability: str, links: Iterable[tuple[str, int, str | None]]) -> list[tuple[str, int]]:
    """Return the id and number of each version in the lineage of a capability, sorted.

    `links` are id, number and parent (`id@number`) of every version. Parents may be missing, or go in circles, since
    imported manifests name them.
    """
    keys: dict[str, tuple[str, int]] = {}
    parents: dict[str, str] = {}
    children: dict[str, list[str]] = {}
    for name, number, parent in links:
        own = f"{name}@{number}"
        keys[own] = (name, number)
        if parent:
            parents[own] = parent
            children.setdefault(parent, []).append(own)
    own_versions = [own for own, (name, _) in keys.items() if name == capability]
    found: set[str] = set()
    waiting = list(own_versions)
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += children.get(each, ())
    for each in own_versions:
        above = parents.get(each)
        while above in keys and above not in found:
            found.add(above)
            above = parents.get(above)
    return sorted(keys[each] for each in found)
