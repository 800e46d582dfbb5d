"""What a version reaches through calls: what is offered now of all that it calls, and of all that those call.

A version never changes, but what it calls does: it gets new versions, is withdrawn, and is offered again. So what a
version may do now, and whether its answers follow from its input alone, is read off its closure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tacit.catalog.version import Version
from tacit.errors import BuildRefused, StoreDamaged
from tacit.models import Effect, Manifest, Permissions, Status
from tacit.programs.callees import AGENT, callees, compile_checked, source_in
from tacit.recent import Recent

ANYTHING = "*"
"""In the permission `call`: whatever there is."""
MAX_CLOSURES = 2048
MAX_SOURCES = 512
"""Closures, and callees of sources, that are remembered at least."""


@dataclass(frozen=True, slots=True)
class Closure:
    """A version with all that it reaches: its `effects` are those of all of them.

    `callees` are the versions that it reaches, by id, itself only if they lead back to its id. It is `boundless` where
    one of them may call whatever there is, which is then not among them. It is `pure` where every run answers, or
    fails, by its input alone: nothing has another effect than to call, and every call is allowed and of something
    offered. `key` is another one (64 characters) whenever the content of anything in it is.
    """

    effects: frozenset[Effect]
    callees: tuple[Version, ...]
    boundless: bool
    pure: bool
    key: str


class Lookup(Protocol):
    """What closures are read off; `reading.CatalogReader` is one."""

    def generation(self) -> int:
        """Return a number that grows with every change."""
        ...

    def find(self, capability: str, version: int | None = None) -> Version | None:
        """Return the current version of a capability, None where there is none of that id."""
        ...

    def grants_for(self, capability: str) -> Permissions:
        """Return all that is granted to a capability."""
        ...


@dataclass(slots=True)
class _Remembered:
    generation: int
    closures: Recent[tuple[str, int], Closure] = field(default_factory=lambda: Recent(MAX_CLOSURES))


class Closures:
    """Finds closures, and remembers them until the catalog's generation grows; thread-safe."""

    def __init__(self, catalog: Lookup) -> None:
        self._catalog = catalog
        self._remembered = _Remembered(-1)
        self._programs: Recent[str, frozenset[str]] = Recent(MAX_SOURCES)

    def of(self, version: Version) -> Closure:
        """Return what a version reaches now."""
        generation = self._catalog.generation()
        remembered = self._remembered
        if remembered.generation != generation:
            self._remembered = remembered = _Remembered(generation)
        key = (version.id, version.version)
        found = remembered.closures.get(key)
        if found is None:
            found = self._find(version)
            remembered.closures.put(key, found)
        return found

    def _find(self, version: Version) -> Closure:
        reached: dict[str, Version] = {}
        pending, boundless, sealed = [version], False, True
        while pending:
            caller = pending.pop()
            called = self._called(caller)
            boundless |= ANYTHING in called
            sealed &= self._allowed(caller, called) and not _delegates(caller)
            for name in sorted(called - reached.keys()):
                callee = self._offered(name)
                sealed &= callee is not None
                if callee is not None:
                    reached[name] = callee
                    pending.append(callee)
        callees = tuple(reached[name] for name in sorted(reached))
        effects = own_effects(version).union(*map(own_effects, callees))
        return Closure(effects, callees, boundless, sealed and effects <= {Effect.CALLS}, _key(version, callees))

    def _offered(self, name: str) -> Version | None:
        try:
            found = self._catalog.find(name)
        except StoreDamaged:  # a call of it fails
            return None
        return found if found and found.status is found.capability_status is Status.ACTIVE else None

    def _allowed(self, version: Version, called: Iterable[str]) -> bool:
        asked, granted = version.manifest.permissions, self._catalog.grants_for(version.id)
        return all(_allows(asked, name) and _allows(granted, name) for name in called)

    def _called(self, version: Version) -> frozenset[str]:
        """Return the ids that a version may call, `*` where that may be anything."""
        if not _is_program(version) or Effect.CALLS not in version.effects:
            return callable_by(version.manifest, version.effects)
        found = self._programs.get(version.digest)
        if found is None:
            found = calls_in(version.source)
            self._programs.put(version.digest, found)
        return found


def own_effects(version: Version) -> frozenset[Effect]:
    """Return the effects of a version without those of what it calls."""
    return version.effects & {Effect.CALLS} if _is_program(version) else version.effects


def callable_by(manifest: Manifest, effects: frozenset[Effect]) -> frozenset[str]:
    """Return the ids that a module may call, as far as its manifest names them."""
    return frozenset(manifest.permissions.call) if Effect.CALLS in effects else frozenset()


def calls_in(source: Mapping[str, str]) -> frozenset[str]:
    """Return the ids that a program's source calls; none where it does not compile."""
    try:
        return frozenset(callees(compile_checked(source_in(source))))
    except BuildRefused:
        return frozenset()


def _is_program(version: Version) -> bool:
    return version.manifest.language == "program"


def _delegates(version: Version) -> bool:
    """Whether a program may delegate, as its permissions have to say; a module never does."""
    return _is_program(version) and AGENT in version.manifest.permissions.call


def _allows(permissions: Permissions, name: str) -> bool:
    return name in permissions.call or ANYTHING in permissions.call


def _key(version: Version, callees: tuple[Version, ...]) -> str:
    if not callees:
        return version.content_hash
    hashed = hashlib.sha256(version.content_hash.encode())
    for callee in callees:
        hashed.update(callee.content_hash.encode())
    return hashed.hexdigest()
