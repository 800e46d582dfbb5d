"""The capabilities that come with Tacit: imported on the first start, and later those that changed.

A start compares a stamp of the files (names, sizes, times) with the one kept at the last import, so an unchanged
start opens none of them. What a user made of a shipped capability, or deprecated, stays as it is: an update is
then kept as a version beside it, which `restore` offers.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from tacit.catalog import queries, registration
from tacit.catalog.catalog import Catalog
from tacit.catalog.closures import callable_by, calls_in
from tacit.catalog.composing import Callee, Find, callee_of, callees_in, compose, rings_through
from tacit.catalog.folders import CapabilityFolder, EffectsOf, read_folder
from tacit.catalog.registration import Candidate
from tacit.catalog.version import version_of
from tacit.errors import BuildRefused, InvalidManifest
from tacit.models import Effect, Status
from tacit.programs.callees import ROOT, compile_checked, source_in
from tacit.store.meta import Meta
from tacit.store.tables import versions

AUTHOR = "shipped"
_log = logging.getLogger(__name__)


def import_shipped(catalog: Catalog, folder: Path, effects_of: EffectsOf) -> list[str]:
    """Import what is new or changed in `folder/*/`, all at once; return the ids, sorted.

    Of several processes that start together one imports, the others wait for it. A capability whose module is not
    built, or that is not valid, is left out and logged. Raises `StoreReadOnly` or `StoreBusy`.
    """
    store = catalog.store
    key = f"shipped:{hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]}"
    stamp = _stamp(folder)
    if store.meta.get(key) == stamp:
        return []
    candidates = _candidates(catalog, folder, effects_of)
    with store.database.write(durable=True) as connection:
        if store.meta.get_in(connection, key) == stamp:
            return []
        imported = sorted(item.manifest.id for item in candidates if _adopt(connection, store.meta, item))
        store.meta.put_in(connection, key, stamp)
    return imported


def _candidates(catalog: Catalog, folder: Path, effects_of: EffectsOf) -> list[Candidate]:
    """Return the valid ones: first those with modules, then the programs, which may call them."""
    modules: list[CapabilityFolder] = []
    programs: list[CapabilityFolder] = []
    unbuilt: list[str] = []
    for home in _homes(folder):
        if not (home / "src" / ROOT).exists() and not any(home.glob("*.wasm")):
            unbuilt.append(home.name)
            continue
        with _left_out(home.name):
            read = read_folder(home)
            (programs if read.is_program else modules).append(read)
    if unbuilt:
        _log.warning("Shipped capabilities without a module were left out (run `tacit setup`): %s", ", ".join(unbuilt))
    found: list[Candidate] = []
    for read in modules:
        with _left_out(read.manifest.id):
            found.append(read.candidate(effects_of(read.wasm), AUTHOR))
    return [*found, *_programs(catalog, programs, found)]


def _programs(catalog: Catalog, folders: list[CapabilityFolder], modules: list[Candidate]) -> list[Candidate]:
    """Return the programs, with the effects that what comes with them and what there is already gives them."""
    together = {each.manifest.id: Callee(each.effects, callable_by(each.manifest, each.effects)) for each in modules}
    for each in folders:
        together[each.manifest.id] = Callee(frozenset({Effect.CALLS}), calls_in(each.source), program=True)
    elsewhere = callees_in(catalog)
    found: list[Candidate] = []
    for each in folders:
        name = each.manifest.id
        with _left_out(name):
            program = compile_checked(source_in(each.source))
            effects = compose(name, program, lambda other: together.get(other) or elsewhere(other), catalog.closest)
            found.append(each.candidate(effects, AUTHOR))
    return found


@contextmanager
def _left_out(name: str) -> Generator[None]:
    """Leave a shipped capability out, and log it, where it is not valid."""
    try:
        yield
    except (InvalidManifest, BuildRefused) as error:
        told = error.details.get("diagnostics", "")
        _log.warning("The shipped capability %s was left out: %s %s", name, error, told)


def _adopt(connection: Connection, meta: Meta, candidate: Candidate) -> bool:
    """Keep a candidate that is new; offer it unless the user has a version of their own, or wants none.

    Nor is it offered where it would close a ring of calls with what the user has made.
    """
    name = candidate.manifest.id
    if queries.find_content(connection, name, candidate.content_hash) is not None:
        return False
    known = queries.offering(connection, name)
    wanted = known is None or (known.status == Status.ACTIVE and known.author == AUTHOR)
    offered = wanted and (known is None or not rings_through(candidate, _callees_at(connection)))
    if not offered:
        _log.info("An update of %s is kept beside the version that is offered now.", name)
    previous = queries.newest(connection, name, versions.c.author == AUTHOR)
    if previous is not None and candidate.manifest.parent is None:
        candidate = candidate.child_of(f"{name}@{previous}")
    registration.add(connection, meta, candidate, known, offered=offered)
    return True


def _callees_at(connection: Connection) -> Find:
    """Return what finds capabilities as the transaction of `connection` has made them."""

    def find(name: str) -> Callee | None:
        row = queries.find_version(connection, name, None)
        try:
            return callee_of(version_of(row)) if row is not None else None
        except ValueError:
            return Callee(frozenset(), withdrawn="damaged")

    return find


def _homes(folder: Path) -> list[Path]:
    return sorted(manifest.parent for manifest in folder.glob("*/meta.json"))


def _stamp(folder: Path) -> str:
    hashed = hashlib.sha256()
    try:
        with os.scandir(folder) as entries:
            homes = sorted(entry.path for entry in entries if entry.is_dir())
    except OSError:
        homes = []
    for home in homes:
        if os.path.exists(f"{home}/meta.json"):  # noqa: PTH110  # a Path for each of 200 files would double the time
            hashed.update("".join(sorted(_facts(home))).encode("utf-8", "surrogateescape"))
    return hashed.hexdigest()


def _facts(folder: str) -> Iterator[str]:
    """Yield a line about each file below a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _facts(entry.path)
            else:
                found = entry.stat(follow_symlinks=False)
                yield f"{entry.path}\0{found.st_size}\0{found.st_mtime_ns}\n"
