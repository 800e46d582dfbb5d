"""The tree of a capability's versions: what they were made from above, what was made from them below.

Every function here is iterative and linear, so that chains of thousands of versions are no deeper than others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from tacit.lineage.member import Member

MAX_DEPTH = 12
"""Branches off branches; what is nested deeper becomes a tree of its own, after the others."""


@dataclass(frozen=True, slots=True)
class Place:
    """A version's place in the tree: on which branch, and under what.

    `depth` counts the branches between it and its tree's first: the next version of the same id goes on along its
    branch, whatever else was made of a version branches off. It may be what `heads` a tree, or what `begins` a
    branch; then `last` says that nothing goes on below it on the branch that it left. `continues` says that
    something is made of it in this tree. `deferred` are branches that are too deep, and come later as trees of their
    own.
    """

    member: Member
    parent: Member | None
    depth: int
    heads: bool
    begins: bool
    last: bool
    continues: bool
    deferred: tuple[Member, ...]

    @property
    def lost_parent(self) -> str | None:
        """The parent that it names where that is not known here, or would close a circle."""
        return self.member.parent if self.parent is None else None


@dataclass(frozen=True, slots=True)
class Lineage:
    """The versions of `capability`, their ancestors and their descendants, in an order to be drawn in.

    A version comes after its parent; what branches off it comes between it and the next on its own branch.
    """

    capability: str
    places: tuple[Place, ...]

    @classmethod
    def of(cls, capability: str, members: Iterable[Member]) -> Self:
        """Arrange those of `members` that are versions, ancestors or descendants of the capability."""
        known = {member.name: member for member in members}
        parents = _without_circles(known)
        children = _children(known, parents)
        family = _family(capability, known, parents, children)
        return cls(capability, tuple(_arranged(family, parents, children)))


def _without_circles(known: Mapping[str, Member]) -> dict[str, str]:
    """Return each version's parent, where that is known; of a circle, the oldest version loses its own."""
    parents = {name: member.parent for name, member in known.items() if member.parent in known and member.parent}
    settled: set[str] = set()
    for start in known:
        path: list[str] = []
        on_path: set[str] = set()
        name: str | None = start
        while name is not None and name not in settled and name not in on_path:
            path.append(name)
            on_path.add(name)
            name = parents.get(name)
        if name in on_path:
            circle = path[path.index(name) :]
            del parents[min(circle, key=lambda each: (known[each].created, each))]
        settled.update(path)
    return parents


def _children(known: Mapping[str, Member], parents: Mapping[str, str]) -> dict[str, list[Member]]:
    children: dict[str, list[Member]] = {}
    for name, parent in parents.items():
        children.setdefault(parent, []).append(known[name])
    for siblings in children.values():
        siblings.sort(key=lambda member: (member.created, member.id, member.version))
    return children


def _family(
    capability: str, known: Mapping[str, Member], parents: Mapping[str, str], children: Mapping[str, list[Member]]
) -> dict[str, Member]:
    """Return the capability's versions with all that they come from and all that comes from them, by name."""
    found: dict[str, Member] = {}
    waiting = [member for member in known.values() if member.id == capability]
    own = list(waiting)
    while waiting:
        member = waiting.pop()
        if member.name not in found:
            found[member.name] = member
            waiting += children.get(member.name, [])
    for member in own:
        above = parents.get(member.name)
        while above is not None and above not in found:
            found[above] = known[above]
            above = parents.get(above)
    return found


@dataclass(frozen=True, slots=True)
class _Step:
    """A version to be placed."""

    member: Member
    depth: int
    heads: bool = False
    begins: bool = False
    last: bool = False


def _arranged(
    family: Mapping[str, Member], parents: Mapping[str, str], children: Mapping[str, list[Member]]
) -> Iterator[Place]:
    """Yield the places, tree by tree, each depth first; what waits is a stack, so the last is the next."""
    leading = _leading(family, parents)
    roots = [member for name, member in family.items() if name not in parents]
    trees = deque(sorted(roots, key=lambda member: (member.created, member.id, member.version)))
    while trees:
        waiting = [_Step(trees.popleft(), 0, heads=True)]
        while waiting:
            step = waiting.pop()
            member = step.member
            below = [child for child in children.get(member.name, []) if child.name in family]
            following = _following(member, below, leading)
            branches = tuple(child for child in below if child is not following)
            deferred = branches if step.depth == MAX_DEPTH else ()
            parent = family[parents[member.name]] if member.name in parents else None
            continues = following is not None or len(branches) > len(deferred)
            yield Place(member, parent, step.depth, step.heads, step.begins, step.last, continues, deferred)
            if following is not None:
                waiting.append(_Step(following, step.depth))
            trees += deferred
            last = following is None
            for branch in reversed(() if deferred else branches):
                waiting.append(_Step(branch, step.depth + 1, begins=True, last=last))
                last = False


def _leading(family: Mapping[str, Member], parents: Mapping[str, str]) -> set[str]:
    """Return the versions on the way to what is offered."""
    leading: set[str] = set()
    for member in family.values():
        name: str | None = member.name if member.offered else None
        while name is not None and name not in leading:
            leading.add(name)
            name = parents.get(name)
    return leading


def _following(member: Member, below: list[Member], leading: set[str]) -> Member | None:
    """Return the version of the same id that goes on along its branch: towards the offered one, or the newest."""
    own = [child for child in below if child.id == member.id]
    return max(own, key=lambda child: (child.name in leading, child.version), default=None)
