"""Opens, wires and closes everything, from one Settings object. Decides nothing else."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Self

from tacit.building import Builder
from tacit.catalog import Catalog, import_shipped
from tacit.config import SAMPLE_FILE, Settings
from tacit.errors import EmbedderMissing, FileConflict, FilesUnwritable, StoreReadOnly
from tacit.learning import Policies
from tacit.sandbox import FilesFolder, HttpGateway, Sandbox, effects_of
from tacit.schemas.checkers import end_idle
from tacit.search import Embedder, SearchIndex, open_embedder
from tacit.service import Service
from tacit.service.arguments import require
from tacit.service.authoring import Author
from tacit.service.build_records import BuildRecords
from tacit.service.delegating import Delegator
from tacit.service.diagnosis import Doctor
from tacit.service.failing import Failures
from tacit.service.finding import Finder
from tacit.service.governing import Governor
from tacit.service.keeping import Keeper
from tacit.service.prepared import Preparer
from tacit.service.pruning import Pruner
from tacit.service.reflecting import Reflector
from tacit.service.replays import ends_well
from tacit.service.run_records import RunRecords
from tacit.service.running import Runner, Surroundings
from tacit.service.sessions import Sessions
from tacit.service.spending import Spending
from tacit.store import Store

_log = logging.getLogger(__name__)
RESERVED = 2
"""Places for runs beside the settings' `workers`, for those that are known to be short."""


class App:
    """A running Tacit: its `service` and, for programs that bring modules of their own, its `catalog`."""

    def __init__(self, settings: Settings, service: Service, catalog: Catalog, resources: ExitStack) -> None:
        self.settings = settings
        self.service = service
        self.catalog = catalog
        self._resources = resources
        self._process = os.getpid()

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the data folder, recover what a kill left, import the shipped capabilities, and wire the service.

        Raises `StoreDamaged`, `StoreReadOnly` (with no database to read) or `InvalidSettings`; `InvalidArgument` for
        what are no settings.
        """
        require(Settings, settings=settings)
        with ExitStack() as opening:
            store = opening.enter_context(Store.open(settings.data))
            catalog = Catalog(store, settings.grants)
            opening.callback(end_idle)
            sandbox = Sandbox(settings.limits, settings.data / "compiled", settings.workers, reserved=RESERVED)
            opening.callback(sandbox.close)
            files = _files(settings, store)
            agent = opening.enter_context(closing(Delegator(settings))) if settings.delegate else None
            surroundings = Surroundings(files, HttpGateway(settings.limits), agent)
            finder = Finder(catalog, _index(settings, store))
            opening.callback(finder.close)
            builder = Builder(settings)
            preparer = Preparer(catalog, sandbox)
            registered = preparer.compile_ahead
            policies = Policies(store)
            spending = Spending(store.builds, policies.cost_limits)
            author = Author(settings, store, catalog, finder, builder, spending, registered)
            opening.callback(author.close)
            _prepare_data(settings, catalog, files)
            preparer.load_ahead(store.runs.recent())
            reflector = Reflector(
                settings, store, catalog, policies, builder, finder, spending, jobs=author.jobs, registered=registered
            )
            does_well = partial(ends_well, preparer, sandbox)
            failures = Failures(store, catalog, policies.failure_handling, reflector, does_well, settings.limits.energy)
            opening.callback(failures.close)
            runner = Runner(settings, store, preparer, sandbox, surroundings, failures)
            doctor = Doctor(settings, store, catalog, finder)
            governor, pruner = Governor(catalog, policies), Pruner(catalog, policies)
            keeper, records, sessions = Keeper(catalog), BuildRecords(store), Sessions(store, catalog)
            service = Service(
                finder,
                runner,
                author,
                keeper,
                governor,
                pruner,
                records,
                run_records=RunRecords(store, catalog),
                sessions=sessions,
                doctor=doctor.checks,
            )
            return cls(settings, service, catalog, opening.pop_all())

    def close(self) -> None:
        """Stop builds and runs, save the index and close the store; a process forked meanwhile owns none of them."""
        if os.getpid() == self._process:
            self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _files(settings: Settings, store: Store) -> FilesFolder:
    """Return the files folder, in which guests do not reach the data folder unless it lies in that, as by default."""
    return FilesFolder(
        settings.files_folder,
        settings.data / "journal",
        store.commits,
        settings.limits.file_bytes,
        hidden=settings.data,
    )


def _index(settings: Settings, store: Store) -> SearchIndex:
    return SearchIndex(
        _embedder(settings),
        store.vectors,
        settings.data / "index",
        similarity_threshold=settings.similarity_threshold,
        duplicate_threshold=settings.duplicate_threshold,
    )


def _embedder(settings: Settings) -> Embedder | None:
    try:
        return open_embedder(settings)
    except EmbedderMissing as error:  # what goes without meaning still works: runs, ids, words
        _log.warning("%s Search goes by words alone.", error)
        return None


def _prepare_data(settings: Settings, catalog: Catalog, files: FilesFolder) -> None:
    try:
        files.recover()
        shipped = shipped_folder()
        if settings.shipped and shipped is not None:
            import_shipped(catalog, shipped, effects_of)
            _put_sample(shipped / SAMPLE_FILE, files)
    except (StoreReadOnly, FilesUnwritable, FileConflict) as error:
        _log.warning("%s", error)


def _put_sample(sample: Path, files: FilesFolder) -> None:
    """Copy the sample data into the files folder unless it is there, or does not ship."""
    if sample.is_file():
        files.put_missing(SAMPLE_FILE, sample.read_bytes())


def shipped_folder() -> Path | None:
    """Return the shipped capabilities: those in the wheel, else those of the repository; None without both."""
    package = Path(__file__).resolve().parent
    places = (package / "guest" / "capabilities", package.parents[1] / "capabilities")
    return next((folder for folder in places if folder.is_dir()), None)
