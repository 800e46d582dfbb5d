"""Looking up what the catalog has.

What is looked up is remembered until the store's generation grows, whichever process made it grow, so `get` costs
a few microseconds and never answers with what has changed.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, Row, select

from tacit.catalog import queries
from tacit.catalog.closest import Names, unknown_capability
from tacit.catalog.closures import Closures
from tacit.catalog.granting import Grants
from tacit.catalog.kin import Relative, kin_of
from tacit.catalog.origin import Origin, origin_of
from tacit.catalog.queries import Standing
from tacit.catalog.version import Version, version_of
from tacit.errors import StoreDamaged, TacitError, UnknownVersion
from tacit.models import Card, Permissions
from tacit.recent import Recent
from tacit.store import Store
from tacit.store.failures import damaged
from tacit.store.tables import modules, versions
from tacit.store.unicode import in_bytes, is_storable, storable

MAX_REMEMBERED = 2048
"""Versions that are remembered at least."""
LARGEST = 1 << 63
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since a generation: cards of what is offered, and ids of what is not, or is damaged."""

    generation: int
    cards: tuple[Card, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Examination:
    """How many versions there are, how many of them were looked at, and which of those are damaged (`id@version`)."""

    total: int
    looked_at: int
    damaged: tuple[str, ...]


@dataclass(slots=True)
class _Remembered:
    """What was looked up in one generation."""

    generation: int
    versions: Recent[tuple[str, int | None], Version] = field(default_factory=lambda: Recent(MAX_REMEMBERED))


class CatalogReader:
    """Finds capabilities and versions; thread-safe, and in step with other processes through the store."""

    def __init__(self, store: Store, grants: Permissions | None = None) -> None:
        """Take the store, and what the settings grant to every capability."""
        self.store = store
        self.grants = Grants(store, grants or Permissions())
        self.closures = Closures(self)
        self._names = Names(store)
        self._remembered = _Remembered(-1)
        self._told: set[str] = set()

    def generation(self) -> int:
        """Return a number that grows with every change of the catalog by any process."""
        return self.store.generation()

    def get(self, capability: str, version: int | None = None) -> Version:
        """Return a version, or the one that is offered, whatever its status.

        Raises `UnknownCapability` with the closest ids, or `UnknownVersion` with those there are.
        """
        found = self.find(capability, version)
        if found is None:
            raise self._unknown(capability)
        return found

    def find(self, capability: str, version: int | None = None) -> Version | None:
        """Return a version as `get` does; None for an unknown id, without looking for the closest."""
        remembered = self._current()
        key = (capability, version)
        found = remembered.versions.get(key)
        if found is None:
            found = self._load(capability, version)
            if found is not None:
                remembered.versions.put(key, found)
        return found

    def closest(self, wanted: str) -> list[str]:
        """Return the three offered ids most like `wanted`, best first; takes milliseconds: not for an event loop."""
        return self._names.closest(wanted)

    def has(self, capability: str) -> bool:
        """Return whether there is a capability of that id, offered or not."""
        if not is_storable(capability):
            return False
        with self.store.database.read() as connection:
            return queries.has_capability(connection, capability)

    def some(self, names: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Version]:
        """Return the versions of those ids and numbers, read a thousand at a time, and not remembered.

        Unknown and damaged ones are left out.
        """
        with self.store.database.read() as connection:
            rows = list(queries.find_versions(connection, sorted(names)))
        made = (self._made_of(row) for row in rows)
        return {(each.id, each.version): each for each in made if each is not None}

    def whole(self, capability: str, version: int | None = None) -> Version | None:
        """Return a version as `get` does, None where it is damaged, which is logged once: the others go on."""
        try:
            return self.get(capability, version)
        except StoreDamaged as error:
            name = capability if version is None else f"{capability}@{version}"
            if name not in self._told:
                self._told.add(name)
                _log.warning("%s is left out: %s", name, error)
            return None

    def require(self, capability: str, version: int | None = None) -> None:
        """Raise `UnknownCapability` or `UnknownVersion` where there is no such version; a damaged one is one."""
        numbers: list[int] = []
        if is_storable(capability):
            with self.store.database.read() as connection:
                numbers = queries.version_numbers(connection, capability)
        if not numbers:
            raise self._unknown(capability)
        if version is not None and version not in numbers:
            raise _unknown_version(capability, version, numbers)

    def examine(self, most: int | None = None) -> Examination:
        """Look for versions that cannot be read, or whose module cannot: at all, or at `most` that chance picks."""
        with self.store.database.read() as connection:
            total = queries.count_versions(connection)
            names = queries.names_at_random(connection, total if most is None else most)
        damaged = tuple(f"{name}@{number}" for name, number in names if not self._is_whole(name, number))
        return Examination(total, len(names), damaged)

    def count_made(self, shipped: str) -> int:
        """Return how many versions of what is offered are programs by other authors than `shipped`."""
        with self.store.database.read() as connection:
            return queries.count_made(connection, shipped)

    def ids(self, *, include_deprecated: bool = False) -> tuple[str, ...]:
        """Return the ids of the capabilities that are offered, or of all, sorted."""
        with self.store.database.read() as connection:
            known = queries.offerings(connection)
        return tuple(item.id for item in known if include_deprecated or item.active)

    def count(self, *, include_deprecated: bool = False, after: str = "") -> int:
        """Return how many capabilities are offered, or there are, whose ids come after one."""
        with self.store.database.read() as connection:
            return queries.count_offered(connection, after=storable(after), include_deprecated=include_deprecated)

    def page(self, limit: int, *, include_deprecated: bool = False, after: str = "") -> list[Version]:
        """Return the versions of at most `limit` capabilities whose ids come after one, by id, read by one query.

        They are not remembered, so that a long list pushes nothing out that runs need. Damaged ones are left out.
        """
        found: list[Version] = []
        while len(found) < limit:
            missing = limit - len(found)
            with self.store.database.read() as connection:
                rows = queries.offered_versions(
                    connection, after=storable(after), limit=missing, include_deprecated=include_deprecated
                )
            found += [version for row in rows if (version := self._made_of(row, offered=True)) is not None]
            if len(rows) < missing:
                break
            after = rows[-1].capability
        return found

    def history(self, capability: str) -> list[Version]:
        """Return every version of a capability that is whole, oldest first; raises `UnknownCapability`.

        Raises `StoreDamaged` where none of them is.
        """
        if not is_storable(capability):
            raise self._unknown(capability)
        ordered = queries.VERSIONS.where(versions.c.capability == capability).order_by(versions.c.number)
        with self.store.database.read() as connection:
            rows = connection.execute(ordered).all()
        if not rows:
            raise self._unknown(capability)
        found = [version for row in rows if (version := self._made_of(row)) is not None]
        return found or [self.get(capability)]

    def family(self, capability: str) -> list[Relative]:
        """Return every version of a capability with all that it comes from and all that comes from it, by id.

        Damaged ones are left out. Raises `UnknownCapability`.
        """
        self.require(capability)
        with self._reading(f"the lineage of {capability}") as connection:
            kin = kin_of(connection, capability)
            rows = queries.find_versions(connection, [(each.id, each.version) for each in kin])
            found = {(row.capability, row.number): row for row in rows}
        related = (self._relative(found[each.id, each.version], each) for each in kin)
        return [each for each in related if each is not None]

    def with_versions_before(self, millis: int) -> list[str]:
        """Return the ids of capabilities that have a version from that time or before."""
        with self.store.database.read() as connection:
            return queries.with_versions_before(connection, millis)

    def standings(self, ids: Iterable[str]) -> list[Standing]:
        """Return where every version of those capabilities stands, by id and number; reads no contents."""
        with self.store.database.read() as connection:
            return queries.standings_of(connection, sorted(ids))

    def children(self, parents: Sequence[str]) -> list[Standing]:
        """Return where the versions stand that were made from those of these names (`id@version`)."""
        with self.store.database.read() as connection:
            return queries.children_of(connection, parents)

    def origin(self, capability: str, version: int) -> Origin:
        """Return how a version came about; an empty origin where that is not known (shipped, imported).

        Raises `UnknownCapability` or `UnknownVersion`.
        """
        found = self.get(capability, version)
        with self._reading(f"the origin of {capability}@{version}") as connection:
            row = queries.find_origin(connection, found.id, found.version)
            return origin_of(row) if row is not None else Origin()

    def grants_for(self, capability: str) -> Permissions:
        """Return all that is granted to a capability, by the settings and by the store; takes under a microsecond.

        The same object is returned until that changes.
        """
        return self.grants.of(capability)

    def module(self, digest: str) -> bytes:
        """Return the module with that SHA-256; raises `StoreDamaged` when it is gone or altered."""
        with self.store.database.read() as connection:
            wasm: bytes | None = connection.execute(
                select(in_bytes(modules.c.wasm)).where(modules.c.digest == digest)
            ).scalar_one_or_none()
        if wasm is None or hashlib.sha256(wasm).hexdigest() != digest:
            path = self.store.database.path
            raise StoreDamaged(
                f"In the database {path} the module {digest[:16]}… is not what was kept.",
                hint="`tacit doctor` names the versions that have it, and what to do; nothing else is concerned.",
                details={"path": str(path)},
            )
        return wasm

    def active_cards(self) -> Iterator[Card]:
        """Return what search indexes of every capability that is offered, by id."""
        return iter(self.changes_since(-1).cards)

    def changes_since(self, generation: int) -> Changes:
        """Return what has changed after a generation, and up to which one, from one consistent state."""
        with self._reading("a manifest") as connection:
            changed = queries.manifests_changed_since(connection, generation)
            learned = queries.learned_examples(connection, generation)
            reached = self.store.meta.generation_in(connection)
        cards = {name: self._card(name, text, learned.get(name, [])) for name, text in changed if text is not None}
        offered = tuple(card for card in cards.values() if card is not None)
        return Changes(reached, offered, tuple(name for name, _ in changed if cards.get(name) is None))

    def _current(self) -> _Remembered:
        """Return what is remembered of this generation; whoever loads more, loads it of this one or a later one."""
        generation = self.store.generation()
        remembered = self._remembered
        if remembered.generation != generation:
            self._remembered = remembered = _Remembered(generation)
        return remembered

    def _load(self, capability: str, version: int | None) -> Version | None:
        if not is_storable(capability):
            return None
        with self._reading(capability) as connection:
            known = version is None or 0 < version < LARGEST  # the store cannot even ask for a larger one
            row = queries.find_version(connection, capability, version) if known else None
            if row is not None:
                try:
                    return version_of(row)
                except ValueError as error:
                    numbers = queries.version_numbers(connection, capability)
                    raise self._damaged_version(capability, row.number, numbers) from error
            numbers = queries.version_numbers(connection, capability)
        if not numbers:
            return None
        raise _unknown_version(capability, version, numbers)

    @contextmanager
    def _reading(self, what: str) -> Generator[Connection]:
        """Read the store; a row that cannot be understood is damage."""
        try:
            with self.store.database.read() as connection:
                yield connection
        except TacitError:
            raise
        except ValueError as error:
            raise self._damaged(what) from error

    def _damaged(self, what: str) -> StoreDamaged:
        return damaged(self.store.database.path, f"{what} cannot be read, or a newer Tacit wrote it")

    def _damaged_version(self, capability: str, number: int, numbers: list[int]) -> StoreDamaged:
        """Return the error for one version that cannot be read: what is beside it can, and it can be withdrawn."""
        others = [each for each in numbers if each != number]
        offered = f"`tacit rollback {capability} {others[-1]}` offers another version, and " if others else ""
        return StoreDamaged(
            f"{capability}@{number} is damaged in the database {self.store.database.path}, or a newer Tacit wrote it.",
            hint=f"{offered}`tacit deprecate {capability}` withdraws it; nothing else is concerned.",
            details={"path": str(self.store.database.path), "version": number},
        )

    def _unknown(self, capability: str) -> TacitError:
        return unknown_capability(capability, self.closest(capability))

    def _made_of(self, row: Row[Any], *, offered: bool = False) -> Version | None:
        """Return the version of a row, perhaps the `offered` one of its id; None, and logged, where damaged."""
        try:
            return version_of(row)
        except ValueError:
            self.whole(row.capability, None if offered else row.number)  # which says so in the log, once
            return None

    def _is_whole(self, capability: str, number: int) -> bool:
        version = self.whole(capability, number)
        if version is None:
            return False
        try:
            self.module(version.digest)
        except StoreDamaged:
            return False
        return True

    def _relative(self, row: Row[Any], standing: Standing) -> Relative | None:
        """Return a version in a lineage; None for one that is damaged."""
        version = self._made_of(row)
        if version is None:
            return None
        told = ((kept or b"").decode("utf-8", "replace") for kept in (row.model, row.task, row.cause))
        return Relative(version, standing.offered, *told)

    def _card(self, capability: str, manifest: bytes, learned: list[str]) -> Card | None:
        """Return what search indexes of a capability; None for one that is damaged."""
        try:
            return _card(manifest, learned)
        except ValueError:
            self.whole(capability)  # which says so in the log, once
            return None


def _unknown_version(capability: str, version: int | None, numbers: list[int]) -> UnknownVersion:
    return UnknownVersion(
        f"{capability} has no version {version}.",
        hint=f"It has {', '.join(map(str, numbers[-10:]))}.",
        details={"versions": numbers},
    )


class _Indexed(BaseModel):
    """What search indexes of a manifest: the rest is passed over, which takes a tenth of the time."""

    id: str
    summary: str
    examples: tuple[str, ...] = ()


def _card(text: bytes, learned: list[str]) -> Card:
    manifest = _Indexed.model_validate_json(text)
    return Card.model_construct(id=manifest.id, summary=manifest.summary, examples=(*manifest.examples, *learned))
