"""The catalog: which capabilities there are, in which versions, which of them are offered, and what is granted.

`reading` looks up; here is what changes it. Each decision is noted in the audit log, in its own transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select

from tacit.catalog import granting, offering, queries, registration
from tacit.catalog.composing import callees_in, refuse_ring, rings_through
from tacit.catalog.origin import Origin
from tacit.catalog.premise import Premise
from tacit.catalog.reading import CatalogReader
from tacit.catalog.registration import Candidate
from tacit.catalog.version import Version
from tacit.clock import now_millis
from tacit.errors import InvalidArgument
from tacit.models import Effect, Manifest, Permissions, Status, TestCase
from tacit.store import PYTHON, Decision
from tacit.store.sqlite import insert_missing, insertion_order
from tacit.store.tables import examples, versions
from tacit.store.unicode import is_storable

MAX_EXAMPLE = 300
MAX_LEARNED = 20
"""Example tasks learned for one capability; the oldest give way."""

Check = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Archival:
    """What is to be archived: a version, or without one the capability; `facts` are for the audit log."""

    capability: str
    version: int | None
    facts: Mapping[str, Any]


class Catalog(CatalogReader):
    """Capabilities and their versions; thread-safe, and shared with other processes through the store."""

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

        Its parent is the manifest's, or else the version that was offered until now. The content of the current
        version is not kept twice, and is offered no more than before. Raises `InvalidManifest`, `StoreReadOnly` or
        `StoreBusy`.
        """
        candidate = Candidate.of(
            manifest, source, wasm, tests, effects=effects, author=author, toolchain=toolchain, origin=origin
        )
        return self.renew(candidate)

    def renew(self, candidate: Candidate, check: Check | None = None) -> Version:
        """Register a candidate as the next version of its id; `register` says the rest.

        `check` may read the catalog as it is when nobody else can change it; what it raises keeps the candidate out.
        """
        with self.store.database.write(durable=True) as connection:
            _carry_out(check)
            number = self._register(connection, candidate)
        return self.get(candidate.manifest.id, number)

    def introduce(self, candidate: Candidate, check: Check | None = None) -> Version | None:
        """Register a candidate as the first version of its id, durably, with a `check` as for `renew`; return it.

        Where another came first, the id's current version if it has the candidate's content, else None.
        """
        name = candidate.manifest.id
        with self.store.database.write(durable=True) as connection:
            known = queries.offering(connection, name)
            if known is not None and known.content_hash != candidate.content_hash:
                return None
            _carry_out(check)
            number = self._register(connection, candidate)
        return self.get(name, number)

    def adopt(self, candidate: Candidate, check: Check | None = None) -> Version:
        """Register a candidate unless some version of its id, offered or not, has its content; return the version.

        The `check` is as for `renew`.
        """
        name = candidate.manifest.id
        with self.store.database.write(durable=True) as connection:
            number = queries.find_content(connection, name, candidate.content_hash)
            if number is None:
                _carry_out(check)
                number = self._register(connection, candidate)
        return self.get(name, number)

    def succeed(self, candidate: Candidate, number: int, *, premise: Premise, by: Decision) -> Version | None:
        """Register what repairs version `number` of its id, in one transaction with its entry in the audit log.

        Returns None, and registers nothing, where a newer version is active by now, the id is not active as a whole,
        or the premise does not hold.
        """
        name = candidate.manifest.id
        with self.store.database.write(durable=True) as connection:
            known = queries.offering(connection, name)
            newest = queries.newest(connection, name, versions.c.status == Status.ACTIVE) or 0
            if known is None or known.status != Status.ACTIVE or newest > number:
                return None
            if not premise.holds(connection, name):
                return None
            made = self._register(connection, candidate)
            self.store.audit.add(connection, by, "repair", name, made)
        return self.get(name, made)

    def deprecate(
        self,
        capability: str,
        version: int | None = None,
        successor: str | None = None,
        *,
        by: Decision = PYTHON,
        premise: Premise | None = None,
    ) -> bool:
        """Stop offering a capability, or one version of it, and name the capability to run instead.

        When the offered version goes, the newest active one takes its place that closes no ring of calls. Returns
        False, and changes nothing, where a `premise` is given and does not hold. Raises `UnknownCapability`,
        `UnknownVersion` or, for a capability that would succeed itself, `InvalidArgument`.
        """
        self.require(capability, version)
        if successor is not None:
            self.require(successor)
            if successor == capability and version is None:
                raise InvalidArgument(f"{capability} cannot be its own successor.")
        facts = {"successor": successor} if successor else {}
        with self.store.database.write(durable=True) as connection:
            if premise is not None and not premise.holds(connection, capability):
                return False
            generation = self.store.meta.next_generation(connection)
            offering.deprecate(connection, capability, version, successor, generation, self._may_follow(capability))
            self.store.audit.add(connection, by, "deprecate", capability, version, facts)
        return True

    def restore(self, capability: str, version: int | None = None, *, by: Decision = PYTHON) -> None:
        """Offer a deprecated or archived capability or version again, its failures in a row forgotten.

        A version newer than the offered one, or restored while that is not active, becomes the offered one.
        Raises `UnknownCapability`, `UnknownVersion`, or `BuildRefused` where what is offered then closes a ring of
        calls.
        """
        self.require(capability, version)
        with self._deciding("restore", capability, version, by) as (connection, at):
            offering.restore(connection, capability, version, at)
            self._refuse_ring(connection, capability)

    def rollback(self, capability: str, number: int, *, by: Decision = PYTHON, premise: Premise | None = None) -> bool:
        """Offer a version again, and deprecate the newer ones that are active; return whether that changed anything.

        A capability that was deprecated or archived is offered again. `restore` of a newer version undoes it. Nothing
        changes where a `premise` is given and does not hold.
        Raises `UnknownCapability`, `UnknownVersion`, or `BuildRefused` where the version closes a ring of calls.
        """
        self.require(capability, number)
        with self.store.database.write(durable=True) as connection:
            known = queries.offering(connection, capability)
            if known is None or (known.active and known.current == number):
                return False
            if premise is not None and not premise.holds(connection, capability):
                return False
            offering.roll_back(connection, capability, number, self.store.meta.next_generation(connection))
            self._refuse_ring(connection, capability)
            self.store.audit.add(connection, by, "rollback", capability, number, {"from": known.current})
        return True

    def archive(self, capability: str, version: int | None = None, *, by: Decision = PYTHON) -> None:
        """Put a capability, or one version of it, away: neither offered nor run, but kept, replayed and restored.

        When the offered version goes, another takes its place as for `deprecate`; a capability whose versions are all
        archived is archived. Raises `UnknownCapability` or `UnknownVersion`.
        """
        self.require(capability, version)
        with self._deciding("archive", capability, version, by) as (connection, at):
            offering.archive(connection, capability, version, at, self._may_follow(capability))

    def sweep(self, choose: Callable[[], Iterable[Archival]], *, by: Decision = PYTHON) -> None:
        """Archive what `choose` returns, all in one transaction; nothing changes between its choice and that.

        `choose` may read the store, but not change it.
        """
        with self.store.database.write(durable=True) as connection:
            chosen = list(choose())
            generation = self.store.meta.next_generation(connection) if chosen else 0
            for each in chosen:
                may_follow = self._may_follow(each.capability)
                offering.archive(connection, each.capability, each.version, generation, may_follow)
                self.store.audit.add(connection, by, "archive", each.capability, each.version, each.facts)

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
            removed = granting.permissions_of(granting.readable(gone))
            if gone:
                self._grants_changed(connection, "revoke", capability, removed, by)
        return removed

    def add_example(self, capability: str, text: str) -> None:
        """Learn that a capability fits a task in a user's words; one that is known changes nothing.

        Raises `UnknownCapability`, or `InvalidArgument` for an empty text or one of more than 300 characters.
        """
        text = " ".join(text.split())
        if not text or len(text) > MAX_EXAMPLE or not is_storable(text):
            raise InvalidArgument(f"An example task has 1 to {MAX_EXAMPLE} characters.")
        if text in self.get(capability).manifest.examples:
            return
        with self.store.database.write() as connection:
            row = {"capability": capability, "text": text, "created": now_millis()}
            if connection.execute(insert_missing(examples), row).rowcount:
                _drop_oldest_examples(connection, capability)
                registration.touch(connection, capability, self.store.meta.next_generation(connection))

    def _register(self, connection: Connection, candidate: Candidate) -> int:
        """Register a candidate; where that offers a capability again which was not, the audit log says so.

        Raises `BuildRefused` where it closes a ring of calls.
        """
        name = candidate.manifest.id
        known = queries.offering(connection, name)
        if known is None or known.content_hash != candidate.content_hash:
            refuse_ring(self, candidate)
        number = registration.register(connection, self.store.meta, candidate)
        if known is not None and known.status != Status.ACTIVE and number != known.current:
            by = Decision("author", {"author": candidate.author})
            self.store.audit.add(connection, by, "restore", name, number)
        return number

    def _refuse_ring(self, connection: Connection, capability: str) -> None:
        """Refuse what a transaction has a capability offer where calls lead from it back to it."""
        known = queries.offering(connection, capability)
        version = self.whole(capability, known.current) if known is not None and known.active else None
        if version is not None:
            refuse_ring(self, version)

    def _may_follow(self, capability: str) -> Callable[[int], bool]:
        """Return what says of a version whether it may take the place of an offered one: it closes no ring of calls.

        What is broken can so be withdrawn in any case; then nothing is offered instead.
        """

        def may_follow(number: int) -> bool:
            version = self.whole(capability, number)
            return version is None or not rings_through(version, callees_in(self))

        return may_follow

    def _check_grantee(self, capability: str) -> None:
        if capability != granting.EVERY:
            self.require(capability)

    def _grants_changed(
        self, connection: Connection, action: str, capability: str, what: Permissions, by: Decision
    ) -> None:
        self.store.meta.next_generation(connection)
        facts = what.model_dump(mode="json", exclude_defaults=True)
        self.store.audit.add(connection, by, action, capability, None, facts)

    @contextmanager
    def _deciding(
        self, action: str, capability: str, version: int | None, by: Decision
    ) -> Generator[tuple[Connection, int]]:
        """Give a transaction and its generation for what is decided, and note the decision in it."""
        with self.store.database.write(durable=True) as connection:
            yield connection, self.store.meta.next_generation(connection)
            self.store.audit.add(connection, by, action, capability, version)


def _carry_out(check: Check | None) -> None:
    if check is not None:
        check()


def _drop_oldest_examples(connection: Connection, capability: str) -> None:
    own = select(examples.c.text).where(examples.c.capability == capability)
    kept = own.order_by(insertion_order(examples).desc()).limit(MAX_LEARNED)
    connection.execute(delete(examples).where(examples.c.capability == capability, examples.c.text.not_in(kept)))
