"""Putting a version into the catalog, inside a transaction that the caller holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from sqlalchemy import Connection, insert, update

from tacit.catalog import queries
from tacit.catalog.origin import Origin
from tacit.catalog.queries import Offering
from tacit.catalog.source_paths import source_problems
from tacit.catalog.version import check_readable, content_hash, manifest_text, tests_text
from tacit.clock import now_millis
from tacit.errors import InvalidManifest
from tacit.models import Effect, Manifest, Status, TestCase
from tacit.schemas.validator import check_schema
from tacit.store.meta import Meta
from tacit.store.sqlite import insert_missing
from tacit.store.tables import capabilities, modules, origins, versions


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is to become a version: checked, hashed, and without a number yet."""

    manifest: Manifest
    source: Mapping[str, str]
    wasm: bytes
    tests: Sequence[TestCase]
    effects: frozenset[Effect]
    author: str
    toolchain: str
    digest: str
    content_hash: str
    origin: Origin | None = None

    @classmethod
    def of(
        cls,
        manifest: Manifest,
        source: Mapping[str, str],
        wasm: bytes,
        tests: Sequence[TestCase],
        *,
        effects: Iterable[Effect],
        author: str,
        toolchain: str,
        origin: Origin | None = None,
    ) -> Self:
        """Check schemas and source paths; raises `InvalidManifest` with every violation's place."""
        _check(manifest, source, tests)
        digest = hashlib.sha256(wasm).hexdigest()
        try:
            check_readable(manifest, tests)
            hashed = content_hash(manifest, source, tests, digest)
        except (ValueError, TypeError, RecursionError) as error:
            raise _unkept(manifest.id, "meta.json or tests.json", "is not JSON of a sane depth") from error
        return cls(manifest, source, wasm, tests, frozenset(effects), author, toolchain, digest, hashed, origin)

    def child_of(self, parent: str) -> Self:
        """Return it with a parent; its content, and so its hash, stays the same."""
        return replace(self, manifest=self.manifest.model_copy(update={"parent": parent}))


def register(connection: Connection, meta: Meta, candidate: Candidate) -> int:
    """Keep a candidate and offer it; return its number. The current content again changes nothing, not even status."""
    known = queries.offering(connection, candidate.manifest.id)
    if known is not None and known.content_hash == candidate.content_hash:
        return known.current
    return add(connection, meta, candidate, known, offered=True)


def add(connection: Connection, meta: Meta, candidate: Candidate, known: Offering | None, *, offered: bool) -> int:
    """Keep a candidate as the next version, offered or not; `known` is what its id offers now."""
    name = candidate.manifest.id
    generation = meta.next_generation(connection)
    now = now_millis()
    if known is None:
        row = {"id": name, "status": Status.ACTIVE, "current": 1, "changed": generation, "created": now}
        connection.execute(insert(capabilities), row)
    number = (queries.newest(connection, name) or 0) + 1
    parent = candidate.manifest.parent or (f"{name}@{known.current}" if known is not None else None)
    connection.execute(insert_missing(modules), {"digest": candidate.digest, "wasm": candidate.wasm})
    connection.execute(insert(versions), _version_row(candidate, number, parent, now))
    if candidate.origin is not None:
        connection.execute(insert(origins), {"capability": name, "number": number, **candidate.origin.row()})
    if offered:
        offer(connection, name, number, generation)
    else:
        touch(connection, name, generation)
    return number


def offer(connection: Connection, capability: str, number: int, generation: int) -> None:
    """Make a version the one that is offered, and it and its capability active."""
    active = {"status": Status.ACTIVE, "successor": None}
    key = (versions.c.capability == capability, versions.c.number == number)
    connection.execute(update(versions).where(*key).values(**active))
    chosen = update(capabilities).where(capabilities.c.id == capability)
    connection.execute(chosen.values(current=number, changed=generation, **active))


def touch(connection: Connection, capability: str, generation: int) -> None:
    """Note that a capability changed in a generation."""
    connection.execute(update(capabilities).where(capabilities.c.id == capability).values(changed=generation))


def _check(manifest: Manifest, source: Mapping[str, str], tests: Sequence[TestCase]) -> None:
    check_schema(manifest.input_schema)
    check_schema(manifest.output_schema)
    for test in tests:
        if test.expect.output_matches is not None:
            check_schema(test.expect.output_matches)
    for problem in source_problems(source)[:1]:
        raise _unkept(manifest.id, problem["path"], problem["message"])


def _unkept(capability: str, path: str, message: str) -> InvalidManifest:
    return InvalidManifest(
        f"{capability} cannot be kept: {path} {message}.", details={"violations": [{"path": path, "message": message}]}
    )


def _version_row(candidate: Candidate, number: int, parent: str | None, now: int) -> dict[str, object]:
    name = candidate.manifest.id
    binary = "" if candidate.manifest.language == "program" else f"{name}.wasm"
    manifest = candidate.manifest.model_copy(update={"version": number, "parent": parent, "binary": binary})
    return {
        "capability": name,
        "number": number,
        "status": Status.ACTIVE,
        "digest": candidate.digest,
        "content_hash": candidate.content_hash,
        "manifest": manifest_text(manifest),
        "source": json.dumps(dict(candidate.source)),
        "tests": tests_text(candidate.tests),
        "effects": json.dumps(sorted(candidate.effects)),
        "parent": parent,
        "author": candidate.author,
        "toolchain": candidate.toolchain,
        "created": now,
    }
