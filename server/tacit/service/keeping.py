"""Looking at the catalog and keeping it: list, show, history, folders in and out, lineages."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from tacit.catalog import Catalog, Origin, Relative, Version, import_folder, tests_as_json, write_folder
from tacit.errors import InvalidArgument
from tacit.lineage import Lineage, Member
from tacit.models import Effect, Status
from tacit.sandbox import effects_of, not_granted

_PAGE = 500
"""Capabilities that one query reads at most."""
_log = logging.getLogger(__name__)


class Keeper:
    """The use cases that show and keep capabilities; thread-safe."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def list(self, *, include_deprecated: bool, limit: int | None, after: str) -> list[dict[str, Any]]:
        """Return `{id, version, status, summary, effects}` of each capability that is not damaged, by id.

        At most `limit` of those whose ids come after one; as they are at one time only where a page holds them all.
        """
        if limit is not None and limit < 1:
            raise InvalidArgument(f"limit is {limit}; ask for at least one capability.")
        rows: list[dict[str, Any]] = []
        while limit is None or len(rows) < limit:
            wanted = _PAGE if limit is None else min(_PAGE, limit - len(rows))
            found = self._catalog.page(wanted, include_deprecated=include_deprecated, after=after)
            rows += map(self._row, found)
            if len(found) < wanted:
                break
            after = found[-1].id
        return rows

    def count(self, *, include_deprecated: bool, after: str) -> int:
        """Return how many capabilities `list` would go through, damaged ones included."""
        return self._catalog.count(include_deprecated=include_deprecated, after=after)

    def show(self, capability: str, version: int | None = None) -> dict[str, Any]:
        """Return everything kept of a version except its module: manifest, source, tests, lineage, origin."""
        found = self._catalog.get(capability, version)
        origin = self._catalog.origin(found.id, found.version)
        granted = self._catalog.grants_for(found.id)
        missing = not_granted(found.manifest.permissions, granted)
        return {
            **self._lineage(found),
            **origin.as_json(),
            "transcript": _turns(found, origin),
            "failing": found.failing,
            "summary": found.manifest.summary,
            "successor": found.successor,
            "permissions_not_granted": missing.model_dump(mode="json") if missing else None,
            "manifest": found.manifest.model_dump(mode="json"),
            "source": found.source,
            "tests": tests_as_json(found.tests),
        }

    def history(self, capability: str) -> list[dict[str, Any]]:
        """Return the capability's versions, oldest first, each with its parent, author and effects.

        `effects` are those that it has now; `effects_gained` those of them that what it calls did not have at first.
        """
        return [self._lineage(version) for version in self._catalog.history(capability)]

    def export(self, capability: str, folder: Path, version: int | None = None) -> Path:
        """Write a version as a folder named after its id into `folder`, and return that folder."""
        found = self._catalog.get(capability, version)
        return write_folder(found, self._catalog.module(found.digest), folder / found.id)

    def import_folder(self, folder: Path) -> dict[str, Any]:
        """Register a folder as `export` writes it; the same content again changes nothing."""
        return self._lineage(import_folder(self._catalog, folder, effects_of))

    def lineage(self, capability: str) -> Lineage:
        """Return a capability's versions, what they come from and what comes from them, as a tree."""
        family = self._catalog.family(capability)
        return Lineage.of(capability, [_member(relative, self._gained(relative.version)) for relative in family])

    def _row(self, version: Version) -> dict[str, Any]:
        return {
            "id": version.id,
            "version": version.version,
            "status": str(version.capability_status),
            "summary": version.manifest.summary,
            "effects": sorted(self._catalog.closures.of(version).effects),
        }

    def _lineage(self, version: Version) -> dict[str, Any]:
        return {
            "id": version.id,
            "version": version.version,
            "status": str(version.status),
            "capability_status": str(version.capability_status),
            "parent": version.parent,
            "author": version.author,
            "toolchain": version.toolchain,
            "created": version.created,
            "digest": version.digest,
            "effects": sorted(self._catalog.closures.of(version).effects),
            "effects_gained": sorted(self._gained(version)),
            "tests_count": len(version.tests),
        }

    def _gained(self, version: Version) -> frozenset[Effect]:
        """Return the effects that what a program calls gave it since; of modules only their own are kept."""
        if version.manifest.language != "program":
            return frozenset()
        return self._catalog.closures.of(version).effects - version.effects


def _member(relative: Relative, gained: frozenset[Effect]) -> Member:
    version = relative.version
    return Member(
        id=version.id,
        version=version.version,
        parent=version.parent,
        status=version.capability_status if version.status is Status.ACTIVE else version.status,
        offered=relative.offered,
        author=relative.model or version.author,
        created=version.created,
        effects=version.effects,
        manifest=version.manifest,
        source=version.source,
        tests=version.tests,
        task=relative.task,
        cause=relative.cause,
        gained=gained,
    )


def _turns(version: Version, origin: Origin) -> list[dict[str, Any]]:
    """Return what its author and the model said to each other, without what is damaged of it."""
    try:
        return origin.turns()
    except ValueError as error:
        _log.warning("%s@%s: %s", version.id, version.version, error)
        return []
