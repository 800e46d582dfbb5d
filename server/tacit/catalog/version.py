"""A version of a capability as a value, and the JSON that the store keeps of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row

from tacit.models import Effect, Manifest, Status, TestCase

_TESTS: TypeAdapter[tuple[TestCase, ...]] = TypeAdapter(tuple[TestCase, ...])
_SOURCE: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])
_EFFECTS: TypeAdapter[frozenset[Effect]] = TypeAdapter(frozenset[Effect])
_ASSERTIONS = ("output", "output_matches", "error")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a capability. Immutable in the catalog, but for both statuses, `successor` and `failing`.

    `source` maps paths below `src/` to texts; `digest` is the SHA-256 of its module in hex; `parent` is the
    `id@version` that it was made from; `created` is in milliseconds. `successor` says what to run instead
    where this version or its capability is deprecated. `failing` counts the inputs in a row on which it failed.
    """

    id: str
    version: int
    status: Status
    capability_status: Status
    successor: str | None
    manifest: Manifest
    effects: frozenset[Effect]
    source: Mapping[str, str]
    tests: tuple[TestCase, ...]
    digest: str
    content_hash: str
    parent: str | None
    author: str
    toolchain: str
    created: int
    failing: int = 0


def version_of(row: Row[Any]) -> Version:
    """Make a version of a row of `queries.VERSIONS`; raises ValueError when the row is damaged."""
    capability_status = Status(row.capability_status.decode())
    status = Status(row.status.decode())
    return Version(
        id=row.capability,
        version=row.number,
        status=status,
        capability_status=capability_status,
        successor=_successor(row, status, capability_status),
        manifest=Manifest.model_validate_json(row.manifest),
        effects=_EFFECTS.validate_json(row.effects),
        source=_SOURCE.validate_json(row.source),
        tests=_TESTS.validate_json(row.tests),
        digest=row.digest.decode(),
        content_hash=row.content_hash.decode(),
        parent=_text(row.parent),
        author=row.author.decode(),
        toolchain=row.toolchain.decode(),
        created=row.created,
        failing=row.failing,
    )


def parse_tests(value: Any) -> tuple[TestCase, ...]:
    """Return the tests in a JSON value; raises `pydantic.ValidationError`."""
    return _TESTS.validate_python(value)


def tests_as_json(tests: Sequence[TestCase]) -> list[dict[str, Any]]:
    """Return tests as JSON values without defaults; an assertion stays even where it asserts null."""
    return [_test_as_json(test) for test in tests]


def content_hash(manifest: Manifest, source: Mapping[str, str], tests: Sequence[TestCase], digest: str) -> str:
    """Return the SHA-256, in hex, of all that makes a version what it is; its number and its parent do not.

    Raises ValueError, TypeError or RecursionError for what is not JSON.
    """
    content = {
        "manifest": manifest.model_dump(exclude={"version", "parent", "binary"}),
        "source": dict(source),
        "tests": tests_as_json(tests),
        "digest": digest,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def check_readable(manifest: Manifest, tests: Sequence[TestCase]) -> None:
    """Raise ValueError, TypeError or RecursionError for what could be kept but not be read back.

    Such are numbers that are none, values nested too deep, and strings that are no Unicode.
    """
    Manifest.model_validate_json(manifest_text(manifest))
    _TESTS.validate_json(tests_text(tests))


def manifest_text(manifest: Manifest) -> str:
    """Return the manifest as the store keeps it."""
    return json.dumps(manifest.model_dump(), separators=(",", ":"), allow_nan=False)


def tests_text(tests: Sequence[TestCase]) -> str:
    """Return tests as the store keeps them."""
    return json.dumps(tests_as_json(tests), separators=(",", ":"), allow_nan=False)


def _test_as_json(test: TestCase) -> dict[str, Any]:
    shown = test.model_dump(exclude_defaults=True)
    for name in _ASSERTIONS:
        if name in test.expect.model_fields_set:
            shown["expect"].setdefault(name, getattr(test.expect, name))
    return shown


def _successor(row: Row[Any], status: Status, capability_status: Status) -> str | None:
    if capability_status is not Status.ACTIVE:
        return _text(row.capability_successor)
    if status is Status.ACTIVE:
        return None
    named = _text(row.successor) or row.capability
    if named != row.capability:
        return named
    return named if row.offered_status == Status.ACTIVE.encode() else None  # itself stands for what it offers now


def _text(kept: bytes | None) -> str | None:
    return None if kept is None else kept.decode()
