"""The catalog: which capabilities there are, in which versions, and which of them are offered.

What is looked up is remembered until the store's generation grows, whichever process made it grow, so `get` costs
a few microseconds and never answers with what has changed.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, select

from tacit.catalog import granting, offering, queries, registration
from tacit.catalog.closest import unknown_capability
from tacit.catalog.granting import Grants
from tacit.catalog.kin import kin_of
from tacit.catalog.origin import Origin, origin_of
from tacit.catalog.registration import Candidate
from tacit.catalog.version import Version, version_of
from tacit.errors import InvalidArgument, StoreDamaged, TacitError, UnknownVersion
from tacit.models import Card, Effect, Manifest, Permissions, TestCase
from tacit.store import PYTHON, Decision, Store
from tacit.store.failures import damaged
from tacit.store.sqlite import insert_missing
from tacit.store.tables import examples, modules, versions

MAX_REMEMBERED = 4096
MAX_EXAMPLE = 300
MAX_LEARNED = 20
"""Example tasks learned for one capability; the oldest give way."""


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


class Catalog:
    """Capabilities and their versions; thread-safe, and shared with other processes through the store."""

    def __init__(self, store: Store, grants: Permissions | None = None) -> None:
        """Take the store, and what the settings grant to every capability."""
        self.store = store
        self.grants = Grants(store, grants or Permissions())
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
        if _is_text(capability):
            with self._reading(capability) as connection:
                found = [version_of(row) for row in connection.execute(ordered)]
            if found:
                return found
        raise self._unknown(capability)

    def family(self, capability: str) -> list[Version]:
        """Return every version of a capability with all that it comes from and all that comes from it, by id.

        Raises `UnknownCapability`.
        """
        self.get(capability)
        with self.store.database.read() as connection:
            keys = kin_of(capability, queries.parents(connection))
        return [self.get(name, number) for name, number in keys]

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

    def register(
        self,
        manifest: Manifest,
        source: Mapping[str, str],
        wasm: bytes,
        tests: Sequence[TestCase],
        *,
        effects: Iterable[Effect],
        author: str,
        toolchain: str,
        origin: Origin | None = None,
    ) -> Version:
        """Keep a version under the next number of its id, durably, and offer it; return it.

        Its parent is the manifest's, or else the version that was offered until now. The content that is
        offered already is not kept twice. Raises `InvalidManifest`, `StoreReadOnly` or `StoreBusy`.
        """
        candidate = Candidate.of(
            manifest, source, wasm, tests, effects=effects, author=author, toolchain=toolchain, origin=origin
        )
        with self.store.database.write(durable=True) as connection:
            number = registration.register(connection, self.store.meta, candidate)
        return self.get(manifest.id, number)

    def adopt(self, candidate: Candidate) -> Version:
        """Register a candidate unless some version of its id, offered or not, has its content; return the version."""
        name = candidate.manifest.id
        with self.store.database.write(durable=True) as connection:
            number = queries.find_content(connection, name, candidate.content_hash)
            if number is None:
                number = registration.register(connection, self.store.meta, candidate)
        return self.get(name, number)

    def deprecate(
        self, capability: str, version: int | None = None, successor: str | None = None, *, by: Decision = PYTHON
    ) -> None:
        """Stop offering a capability, or one version of it, and name the capability to run instead.

        When the offered version goes, the newest active one takes its place. Raises `UnknownCapability`,
        `UnknownVersion` or, for a capability that would succeed itself, `InvalidArgument`.
        """
        self.get(capability, version)
        if successor is not None:
            self.get(successor)
            if successor == capability and version is None:
                raise InvalidArgument(f"{capability} cannot be its own successor.")
        facts = {"successor": successor} if successor else {}
        with self._deciding("deprecate", capability, version, by, facts) as (connection, at):
            offering.deprecate(connection, capability, version, successor, at)

    def restore(self, capability: str, version: int | None = None, *, by: Decision = PYTHON) -> None:
        """Offer a deprecated or archived capability or version again, its failures in a row forgotten.

        A version newer than the offered one, or restored while that is not active, becomes the offered one.
        Raises `UnknownCapability` or `UnknownVersion`.
        """
        self.get(capability, version)
        with self._deciding("restore", capability, version, by) as (connection, at):
            offering.restore(connection, capability, version, at)

    def rollback(self, capability: str, number: int, *, by: Decision = PYTHON) -> bool:
        """Offer a version again, and deprecate the newer ones that are active; return whether that changed anything.

        A capability that was deprecated or archived is offered again. `restore` of a newer version undoes it.
        Raises `UnknownCapability` or `UnknownVersion`.
        """
        self.get(capability, number)
        with self.store.database.write(durable=True) as connection:
            known = queries.offering(connection, capability)
            if known is None or (known.active and known.current == number):
                return False
            offering.roll_back(connection, capability, number, self.store.meta.next_generation(connection))
            self.store.audit.add(connection, by, "rollback", capability, number, {"from": known.current})
        return True

    def archive(self, capability: str, version: int | None = None, *, by: Decision = PYTHON) -> None:
        """Put a capability, or one version of it, away: neither offered nor run, but kept, replayed and restored.

        When the offered version goes, the newest active one takes its place; a capability whose versions are all
        archived is archived. Raises `UnknownCapability` or `UnknownVersion`.
        """
        self.get(capability, version)
        with self._deciding("archive", capability, version, by) as (connection, at):
            offering.archive(connection, capability, version, at)

    def grant(self, capability: str, permissions: Permissions, *, by: Decision = PYTHON) -> Permissions:
        """Grant to a capability, or to `*`, from every process's next call on; return what was not granted so before.

        Raises `UnknownCapability`.
        """
        self._check_grantee(capability)
        with self.store.database.write(durable=True) as connection:
            added = granting.permissions_of(granting.add(connection, capability, permissions))
            if added != Permissions():
                self._grants_changed(connection, "grant", capability, added, by)
        return added

    def revoke(self, capability: str, permissions: Permissions | None = None, *, by: Decision = PYTHON) -> Permissions:
        """Take back what was granted to a capability, or to `*`, or all of it; return what that was.

        A run under way keeps what it began with. Raises `UnknownCapability`, or `InvalidArgument` for what no stored
        grant of it gives; then nothing is revoked.
        """
        self._check_grantee(capability)
        with self.store.database.write(durable=True) as connection:
            gone = granting.remove(connection, capability, permissions, self.grants.settings)
            removed = granting.permissions_of(gone)
            if gone:
                self._grants_changed(connection, "revoke", capability, removed, by)
        return removed

    def add_example(self, capability: str, text: str) -> None:
        """Learn that a capability fits a task in a user's words; one that is known changes nothing.

        Raises `UnknownCapability`, or `InvalidArgument` for an empty text or one of more than 300 characters.
        """
        text = " ".join(text.split())
        if not text or len(text) > MAX_EXAMPLE or not _is_text(text):
            raise InvalidArgument(f"An example task has 1 to {MAX_EXAMPLE} characters.")
        if text in self.get(capability).manifest.examples:
            return
        with self.store.database.write() as connection:
            row = {"capability": capability, "text": text, "created": time.time_ns() // 1_000_000}
            if connection.execute(insert_missing(examples), row).rowcount:
                _drop_oldest_examples(connection, capability)
                registration.touch(connection, capability, self.store.meta.next_generation(connection))

    def _current(self) -> _Remembered:
        """Return what is remembered of this generation; whoever loads more, loads it of this one or a later one."""
        generation = self.store.generation()
        remembered = self._remembered
        if remembered.generation != generation:
            self._remembered = remembered = _Remembered(generation)
        return remembered

    def _load(self, capability: str, version: int | None) -> Version:
        if not _is_text(capability):
            raise self._unknown(capability)
        with self._reading(capability) as connection:
            row = queries.find_version(connection, capability, version)
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

    def _check_grantee(self, capability: str) -> None:
        if capability != granting.EVERY:
            self.get(capability)

    def _grants_changed(
        self, connection: Connection, action: str, capability: str, what: Permissions, by: Decision
    ) -> None:
        self.store.meta.next_generation(connection)
        facts = what.model_dump(mode="json", exclude_defaults=True)
        self.store.audit.add(connection, by, action, capability, None, facts)

    @contextmanager
    def _deciding(
        self, action: str, capability: str, version: int | None, by: Decision, facts: Mapping[str, Any] | None = None
    ) -> Generator[tuple[Connection, int]]:
        """Give a transaction and its generation for what is decided, and note the decision in it."""
        with self.store.database.write(durable=True) as connection:
            yield connection, self.store.meta.next_generation(connection)
            self.store.audit.add(connection, by, action, capability, version, facts)


def _card(text: str, learned: list[str]) -> Card:
    manifest = Manifest.model_validate_json(text)
    return Card.model_construct(id=manifest.id, summary=manifest.summary, examples=(*manifest.examples, *learned))


def _drop_oldest_examples(connection: Connection, capability: str) -> None:
    own = select(examples.c.text).where(examples.c.capability == capability)
    kept = own.order_by(examples.c.created.desc(), examples.c.text).limit(MAX_LEARNED)
    connection.execute(delete(examples).where(examples.c.capability == capability, examples.c.text.not_in(kept)))


def _is_text(text: str) -> bool:
    """Whether the store can hold the text at all: a lone surrogate is no Unicode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
