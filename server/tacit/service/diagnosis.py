"""What `tacit doctor` says: one check for each thing that Tacit needs on this machine."""

from __future__ import annotations

import os

from tacit.building import inspect_builder
from tacit.catalog import Catalog
from tacit.config import Settings
from tacit.errors import StoreBusy, StoreReadOnly
from tacit.llm import inspect_model
from tacit.models import Check, Permissions
from tacit.service.finding import Finder
from tacit.store import Store

SAMPLE = 100
"""Versions that are read to see whether they are damaged; `full` reads all, some milliseconds each."""


class Doctor:
    """Checks a running Tacit; leaves everything as it is."""

    def __init__(self, settings: Settings, store: Store, catalog: Catalog, finder: Finder) -> None:
        self._settings = settings
        self._store = store
        self._catalog = catalog
        self._finder = finder

    def checks(self, full: bool = False) -> list[Check]:
        """Return the checks, each with what to do where it failed; of many versions a sample, or `full` all."""
        own = [self._data(), self._capabilities(), self._versions(full), self._search(), self._grants()]
        return [*own, inspect_model(self._settings), *inspect_builder(self._settings)]

    def _data(self) -> Check:
        folder = self._settings.data
        if not self._store.database.writable:
            advice = "read-only: make it writable, or name another with --data"
            return Check(name="data folder", ok=False, detail=f"{folder}, {advice}")
        try:
            self._store.try_writing()
        except (StoreReadOnly, StoreBusy) as error:
            return Check(name="data folder", ok=False, detail=f"{folder}, where runs are not recorded: {error}")
        return Check(name="data folder", ok=True, detail=f"{folder}, readable and writable")

    def _capabilities(self) -> Check:
        count = self._catalog.count()
        detail = f"{count} active" if count else "None. Run `tacit setup`, which builds the shipped ones."
        return Check(name="capabilities", ok=count > 0, detail=detail)

    def _versions(self, full: bool) -> Check:
        seen = self._catalog.examine(None if full else SAMPLE)
        sampled = seen.looked_at < seen.total
        among = f"{seen.looked_at} of {seen.total:,} were looked at, picked by chance; --full looks at all."
        if not seen.damaged:
            detail = f"None of these is damaged: {among}" if sampled else "None is damaged."
            return Check(name="versions", ok=True, detail=detail)
        advice = "`tacit rollback ID N` offers another version of it, `tacit deprecate ID` withdraws it"
        detail = f"Damaged, and left out: {', '.join(seen.damaged)}. {advice}."
        return Check(name="versions", ok=False, detail=f"{detail} {among}" if sampled else detail)

    def _search(self) -> Check:
        self._finder.refresh()
        status = self._finder.status
        wanted = self._settings.embedder == "none"
        return Check(name="search", ok=wanted or status.startswith("Semantic"), detail=status)

    def _grants(self) -> Check:
        granted = self._settings.grants
        shown = "nothing" if granted == Permissions() else granted.model_dump_json(exclude_defaults=True)
        folder = self._settings.files_folder
        unreadable = self._catalog.grants.unreadable()
        if unreadable:
            told = "; ".join(f"{kind} {value!r} of {name}" for name, kind, value in unreadable)
            advice = "`tacit revoke ID` takes all that is granted to it back"
            return Check(
                name="grants", ok=False, detail=f"Stored, but not to be read, and so denied: {told}. {advice}."
            )
        ok = os.access(folder, os.R_OK) if folder.exists() else True
        return Check(name="grants", ok=ok, detail=f"{shown} in {folder}")
