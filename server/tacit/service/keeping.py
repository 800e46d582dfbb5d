"""Looking at the catalog and keeping it: list, show, history, folders in and out, deprecation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tacit.catalog import Catalog, Version, import_folder, tests_as_json, write_folder
from tacit.models import Permissions
from tacit.sandbox import effects_of, not_granted


class Keeper:
    """The use cases that show and keep capabilities; thread-safe."""

    def __init__(self, catalog: Catalog, grants: Permissions) -> None:
        self._catalog = catalog
        self._grants = grants

    def list(self, *, include_deprecated: bool = False) -> list[dict[str, Any]]:
        """Return `{id, version, status, summary, effects}` of each capability, by id."""
        rows: list[dict[str, Any]] = []
        for name in sorted(self._catalog.ids(include_deprecated=include_deprecated)):
            version = self._catalog.get(name)
            rows.append(
                {
                    "id": version.id,
                    "version": version.version,
                    "status": str(version.capability_status),
                    "summary": version.manifest.summary,
                    "effects": sorted(version.effects),
                }
            )
        return rows

    def show(self, capability: str, version: int | None = None) -> dict[str, Any]:
        """Return everything kept of a version except its module: manifest, source, tests, lineage."""
        found = self._catalog.get(capability, version)
        missing = not_granted(found.manifest.permissions, self._grants)
        return {
            **_lineage(found),
            "summary": found.manifest.summary,
            "successor": found.successor,
            "permissions_not_granted": missing.model_dump(mode="json") if missing else None,
            "manifest": found.manifest.model_dump(mode="json"),
            "source": found.source,
            "tests": tests_as_json(found.tests),
        }

    def history(self, capability: str) -> list[dict[str, Any]]:
        """Return the capability's versions, oldest first, each with its parent, author and effects."""
        return [_lineage(version) for version in self._catalog.history(capability)]

    def export(self, capability: str, folder: Path, version: int | None = None) -> Path:
        """Write a version as a folder named after its id into `folder`, and return that folder."""
        found = self._catalog.get(capability, version)
        return write_folder(found, self._catalog.module(found.digest), folder / found.id)

    def import_folder(self, folder: Path) -> dict[str, Any]:
        """Register a folder as `export` writes it; the same content again changes nothing."""
        return _lineage(import_folder(self._catalog, folder, effects_of))

    def deprecate(self, capability: str, version: int | None = None, successor: str | None = None) -> None:
        """Stop offering a capability, or one version of it, and name what to run instead."""
        self._catalog.deprecate(capability, version, successor)

    def restore(self, capability: str, version: int | None = None) -> None:
        """Offer a deprecated capability or version again."""
        self._catalog.restore(capability, version)


def _lineage(version: Version) -> dict[str, Any]:
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
        "effects": sorted(version.effects),
        "tests_count": len(version.tests),
    }
