"""Looking up what the catalog has.

What is looked up is remembered until the store's generation grows, whichever process made it grow, so `get` costs
a few microseconds and never answers with what has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from tacit.catalog import queries
from tacit.catalog.closest import unknown_capability
from tacit.catalog.closures import Closures
from tacit.catalog.granting import Grants
from tacit.catalog.kin import Relative, kin_of
from tacit.catalog.origin import Origin, origin_of
from tacit.catalog.queries import Standing
from tacit.catalog.version import Version, version_of
from tacit.errors import StoreDamaged, TacitError, UnknownVersion
from tacit.models import Card, Manifest, Permissions
from tacit.store import Store
from tacit.store.failures import damaged
from tacit.store.tables import modules, versions
from tacit.store.unicode import is_storable

MAX_REMEMBERED = 4096
LARGEST = 1 << 63


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since a generation: cards of capabilities that are offered, ids of those that are not."""

    generation: int
    cards: tuple[Card, ...]
    removed: tuple[str, ...]


@dataclass(slots=True)
class _Remembered:
    """What was looked up in one generation."""

    generation: int
    versions: dict[tuple[str, int | None], Version] = field(default_factory=dict[tuple[str, int | None], Version])
    ids: dict[bool, tuple[str, ...]] = field(default_factory=dict[bool, tuple[str, ...]])


class CatalogReader:
    """Finds capabilities and versions; thread-safe, and in step with other processes through the store."""

    def __init__(self, store: Store, grants: Permissions | None = None) -> None:
        """Take the store, and what the settings grant to every capability."""
        self.store = store
        self.grants = Grants(store, grants or Permissions())
        self.closures = Closures(self)
        self._remembered = _Remembered(-1)

    def generation(self) -> int:
        """Return a number that grows with every change of the catalog by any process."""
        return self.store.generation()

    def get(self, capability: str, version: int | None = None) -> Version:
        """Return a version, or the one that is offered, whatever its status.

        Raises `UnknownCapability` with the closest ids, or `UnknownVersion` with those there are.
        """
        remembered = self._current()
        key = (capability, version)
        found = remembered.versions.get(key)
        if found is None:
            found = self._load(capability, version)
            if len(remembered.versions) >= MAX_REMEMBERED:
                remembered.versions.clear()
            remembered.versions[key] = found
        return found

    def ids(self, *, include_deprecated: bool = False) -> tuple[str, ...]:
        """Return the ids of the capabilities that are offered, or of all, sorted."""
        remembered = self._current()
        found = remembered.ids.get(include_deprecated)
        if found is None:
            with self.store.database.read() as connection:
                known = queries.offerings(connection)
            found = tuple(item.id for item in known if include_deprecated or item.active)
            remembered.ids[include_deprecated] = found
        return found

    def history(self, capability: str) -> list[Version]:
        """Return every version of a capability, oldest first; raises `UnknownCapability`."""
        ordered = queries.VERSIONS.where(versions.c.capability == capability).order_by(versions.c.number)
        if is_storable(capability):
            with self._reading(capability) as connection:
                found = [version_of(row) for row in connection.execute(ordered)]
            if found:
                return found
        raise self._unknown(capability)

    def family(self, capability: str) -> list[Relative]:
        """Return every version of a capability with all that it comes from and all that comes from it, by id.

        Raises `UnknownCapability`.
        """
        self.get(capability)
        with self._reading(f"the lineage of {capability}") as connection:
            kin = kin_of(capability, queries.standings(connection))
            rows = queries.find_versions(connection, [(each.id, each.version) for each in kin])
            found = {(row.capability, row.number): row for row in rows}
            return [_relative(found[each.id, each.version], each) for each in kin]

    def standings(self) -> list[Standing]:
        """Return where every version there is stands, by id and number; reads no contents."""
        with self.store.database.read() as connection:
            return queries.standings(connection)

    def origin(self, capability: str, version: int) -> Origin:
        """Return how a version came about; an empty origin where that is not known (shipped, imported).

        Raises `UnknownCapability` or `UnknownVersion`.
        """
        found = self.get(capability, version)
        with self._reading(f"the origin of {capability}@{version}") as connection:
            row = queries.find_origin(connection, found.id, found.version)
            return origin_of(row) if row is not None else Origin()

    def transcript(self, capability: str, version: int) -> list[dict[str, Any]]:
        """Return what was said to and by the language model that wrote a version, empty where none did.

        Raises `UnknownCapability`, `UnknownVersion` or `StoreDamaged`.
        """
        origin = self.origin(capability, version)
        with self._reading(f"the transcript of {capability}@{version}"):
            return origin.turns()

    def grants_for(self, capability: str) -> Permissions:
        """Return all that is granted to a capability, by the settings and by the store; takes under a microsecond.

        The same object is returned until that changes.
        """
        return self.grants.of(capability)

    def module(self, digest: str) -> bytes:
        """Return the module with that SHA-256; raises `StoreDamaged` when it is gone or altered."""
        with self.store.database.read() as connection:
            wasm: bytes | None = connection.execute(
                select(modules.c.wasm).where(modules.c.digest == digest)
            ).scalar_one_or_none()
        if wasm is None or hashlib.sha256(wasm).hexdigest() != digest:
            raise damaged(self.store.database.path, f"the module {digest[:16]}… is not what was kept")
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
            cards = tuple(_card(text, learned.get(name, [])) for name, text in changed if text is not None)
        return Changes(reached, cards, tuple(name for name, text in changed if text is None))

    def _current(self) -> _Remembered:
        """Return what is remembered of this generation; whoever loads more, loads it of this one or a later one."""
        generation = self.store.generation()
        remembered = self._remembered
        if remembered.generation != generation:
            self._remembered = remembered = _Remembered(generation)
        return remembered

    def _load(self, capability: str, version: int | None) -> Version:
        if not is_storable(capability):
            raise self._unknown(capability)
        with self._reading(capability) as connection:
            known = version is None or 0 < version < LARGEST  # the store cannot even ask for a larger one
            row = queries.find_version(connection, capability, version) if known else None
            if row is not None:
                return version_of(row)
            numbers = queries.version_numbers(connection, capability)
        if not numbers:
            raise self._unknown(capability)
        raise UnknownVersion(
            f"{capability} has no version {version}.",
            hint=f"It has {', '.join(map(str, numbers[-10:]))}.",
            details={"versions": numbers},
        )

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

    def _unknown(self, capability: str) -> TacitError:
        return unknown_capability(capability, self.ids())


def _relative(row: Row[Any], standing: Standing) -> Relative:
    return Relative(version_of(row), standing.offered, row.model or "", row.task or "", row.cause or "")


def _card(text: str, learned: list[str]) -> Card:
    manifest = Manifest.model_validate_json(text)
    return Card.model_construct(id=manifest.id, summary=manifest.summary, examples=(*manifest.examples, *learned))
