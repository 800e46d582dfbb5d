"""How a run's files land all together: staged beside the folder, sealed with the run's record, renamed into place.

A commit stages each file and syncs it, has the ledger seal what it staged together with the record of its run, in one
transaction, and only then renames the files one after the other. A process that is killed before the seal leaves a
staging folder of which the ledger knows nothing, which is removed; one that is killed after it has its commit
completed by whoever comes next. Whoever is still alive holds a lock on its staging folder, so several processes may
recover at once. A single file without a record needs no seal, as its rename is the whole commit.

Renames need one file system: where the state folder is on another one, files are staged in a hidden folder of
the files folder, which guests can neither name nor see. What lies there proves nothing: what is to be put into place is
what the ledger says, under paths that a guest might have written, and bytes of the hash that was sealed.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import secrets
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any, Protocol

from tacit.errors import FilesUnwritable, PermissionDenied, TacitError
from tacit.sandbox.files.folder import check_writable
from tacit.sandbox.files.locks import let_go
from tacit.sandbox.files.paths import RESERVED_PREFIX, file_segments
from tacit.sandbox.files.staging import Sealed, Staging, Written, set_aside_name, set_aside_unsigned
from tacit.sandbox.world import HostFailure

PROBE = f"{RESERVED_PREFIX}probe"
_LOG = logging.getLogger(__name__)
_MENDED_BY_OTHERS = {
    errno.EACCES,
    errno.EBUSY,
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ENOSPC,
    errno.EPERM,
    errno.EROFS,
    errno.ESTALE,
}
"""The system errors that keep a commit from being completed now, and may not later."""


class Ledger(Protocol):
    """Where commits are sealed, outside the files folder, shared by all processes; `store.Commits` is one.

    Each may raise a `TacitError` where the ledger cannot be read or written.
    """

    def seal(self, name: str, entry: str, run: Any) -> None:
        """Keep a commit and the record of the run that wrote (None for none), both or none, synced with the disk."""
        ...

    def names(self) -> list[str]:
        """Return the names of all sealed commits."""
        ...

    def entry(self, name: str) -> str | None:
        """Return what was sealed under a name, or None."""
        ...

    def finish(self, name: str) -> None:
        """Forget a commit that has landed."""
        ...

    def withdraw(self, name: str) -> None:
        """Forget a commit of which nothing has landed, and the record of its run."""
        ...

    def give_up(self, name: str, problem: TacitError) -> None:
        """Forget a commit that can never be completed, with whose run ends so."""
        ...


class Journal:
    """The staging folders of one files folder; thread-safe."""

    def __init__(self, root: Path, state: Path, ledger: Ledger, hidden: tuple[str, ...] | None = None) -> None:
        self._root = root
        self._state = state
        self._ledger = ledger
        self._hidden = hidden
        self._beside = state / "journal"
        self._stages_inside: bool | None = None
        self._left_alone: set[str] = set()
        self._awaited: dict[str, frozenset[str]] = {}
        """The paths of each sealed commit that cannot be completed now."""
        self._told: set[str] = set()

    def commit(self, files: Mapping[str, bytes], run: Any = None) -> None:
        """Put these files, by their checked paths, into the folder, all together, and keep the record of their run.

        Raises `FilesUnwritable` when the machine cannot write them. Then nothing is kept and none has landed, unless
        its detail `partly_written` is true: it failed between two renames, the record is kept, and what is missing
        lands with the next recovery, or is set aside for the operator. Raises what the ledger does: then nothing is
        kept either. So too where a path waits for an earlier commit, which would land over what is newer.
        """
        self._refuse_awaited(files)
        written = [Written(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items()]
        try:
            inside = self._choose()
            with self._guarded_begin() as staging:
                if inside:
                    staging.make_inside()
                staging.stage(files)
                if run is not None or len(files) > 1:
                    self._seal(staging, self._entry(written, inside=inside), run)
                    self._land(staging, written)
                else:
                    staging.land(written)
        except OSError as error:
            raise self._unwritable(error) from error

    def _refuse_awaited(self, files: Mapping[str, bytes]) -> None:
        for name, awaited in self._awaited.copy().items():
            if not awaited.isdisjoint(files):
                path = min(awaited.intersection(files))
                raise FilesUnwritable(
                    f"{path!r} waits for what an earlier run wrote, which cannot be put into the files folder now.",
                    hint=f"Nothing was written. Check the owner and the modes of folders below {self._root}; "
                    f"what waits is in {self._beside / name}.",
                )

    def _seal(self, staging: Staging, entry: str, run: Any) -> None:
        staging.kept = True  # until the ledger says that it has no such commit, or does not need it any more
        try:
            self._ledger.seal(staging.name, entry, run)
        except TacitError:
            staging.kept = False
            raise

    def _land(self, staging: Staging, files: Sealed) -> None:
        try:
            staging.land(files)
        except OSError as error:
            if staging.landed == 0 and self._tell(self._ledger.withdraw, staging.name):
                staging.kept = False
                raise
            raise self._unwritable(error, partly=True) from error
        staging.kept = not self._tell(self._ledger.finish, staging.name)

    def pending(self) -> bool:
        """Return whether there are staging folders, of live processes or of killed ones."""
        return any(name not in self._left_alone for name in _staging_folders(self._beside))

    def recover(self) -> None:
        """Complete or remove what killed processes left; leaves alone what live ones are at.

        Where that cannot be done now, a warning says so.
        """
        if self.pending():
            self._recover(lambda: _staging_folders(self._beside))

    def recover_at_start(self) -> None:
        """Also look for what has no staging folder any more, and for what versions before left in the files folder."""
        for name in set_aside_unsigned(self._root):
            _LOG.warning(
                "%s in the files folder %s is not completed: nothing proves that this Tacit wrote it", name, self._root
            )
        try:
            sealed = self._ledger.names()
        except TacitError as error:
            _LOG.warning("whether commits of killed runs are pending is not known: %s", error)
            return
        if sealed or self.pending():
            self._recover(lambda: sorted({*sealed, *_staging_folders(self._beside)}))
        self._forget_probes()

    def _recover(self, names: Callable[[], list[str]]) -> None:
        try:
            with self._recovery_lock(fcntl.LOCK_EX):
                for name in names():
                    if name not in self._left_alone:
                        self._recover_one(self._beside / name)
        except (OSError, TacitError) as error:
            _LOG.warning("commits of killed runs are pending in %s and cannot be completed: %s", self._state, error)

    def _recover_one(self, folder: Path) -> None:
        if set_aside_name(folder).exists():  # it was killed before it said so
            self._ledger.give_up(folder.name, self._never_completed(set_aside_name(folder)))
            return
        was_there = folder.is_dir()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # missing where a power cut took back its end
        try:
            staging = Staging.reopen(self._root, folder)
        except (BlockingIOError, FileNotFoundError):
            return
        with staging:
            staging.kept = True
            entry = self._ledger.entry(folder.name)
            files: Sealed | None = None
            try:
                files = self._files_in(entry, staging)
                if files is None:
                    staging.kept = False
                elif entry is not None and not self._is_of_root(entry):
                    self._leave_alone(folder)
                else:
                    self._complete(staging, files, whole=was_there and not _staged_inside(entry))
                    if entry is not None:
                        self._ledger.finish(folder.name)
                    staging.kept = False
                self._awaited.pop(folder.name, None)
            except (OSError, ValueError, LookupError, TypeError, HostFailure, PermissionDenied) as error:
                if _may_be_mended(error):
                    self._awaited[folder.name] = frozenset(file.path for file in files or ())
                    self._tell_once(folder, error)
                else:
                    self._set_aside(staging, entry)

    def _files_in(self, entry: str | None, staging: Staging) -> Sealed | None:
        """Return the files of a sealed commit, checked as at a write, or None for one that never was.

        Raises ValueError, `HostFailure` or `PermissionDenied` where a guest could not have written it.
        """
        if entry is not None:
            sealed = [Written(*each) for each in json.loads(entry)["files"]]
        else:
            paths = staging.paths_of_before()
            if paths is None:
                return None
            sealed = [Written(path) for path in paths]
        if len({each.path for each in sealed}) < len(sealed):
            raise ValueError("a path occurs twice")
        for each in sealed:
            file_segments(each.path, "file_write", self._hidden)
        return sealed

    def _complete(self, staging: Staging, files: Sealed, *, whole: bool) -> None:
        """Put the files into place; only where the staging folder is `whole` are those missing there known to be so."""
        _LOG.info("completing the %d file(s) of a run that was killed while it committed", len(files))
        whole |= staging.find_inside()
        staging.check(files, whole=whole)
        for file in files:
            check_writable(self._root, file.segments)
        staging.land(files)

    def _set_aside(self, staging: Staging, entry: str | None) -> None:
        name = staging.name
        kept = staging.set_aside(entry)
        _LOG.exception("could not complete a commit; what is left of it is kept in %s", kept)
        if entry is not None:
            self._ledger.give_up(name, self._never_completed(kept))

    def _leave_alone(self, folder: Path) -> None:
        self._left_alone.add(folder.name)
        _LOG.warning("a commit to another files folder is pending in %s; it is completed when that is open", folder)

    def _tell_once(self, folder: Path, error: Exception) -> None:
        if folder.name not in self._told:
            self._told.add(folder.name)
            _LOG.warning("a commit of a killed run is pending in %s and cannot be completed now: %s", folder, error)

    def _forget_probes(self) -> None:
        """Remove the empty files of processes that were killed while they chose where to stage."""
        probes = [probe for probe in (self._root / PROBE, *self._beside.glob("probe-*")) if probe.exists()]
        with suppress(OSError):
            if probes:
                with self._recovery_lock(fcntl.LOCK_EX | fcntl.LOCK_NB):  # else somebody chooses just now
                    for probe in probes:
                        probe.unlink(missing_ok=True)

    @contextmanager
    def _guarded_begin(self) -> Generator[Staging]:
        """Make a locked staging folder; no recovery runs between its making and its locking."""
        with self._recovery_lock(fcntl.LOCK_SH):
            folder = self._beside / f"run-{secrets.token_hex(8)}"
            folder.mkdir(mode=0o700, parents=True)
            staging = Staging.reopen(self._root, folder)
        with staging:
            yield staging

    @contextmanager
    def _recovery_lock(self, kind: int) -> Generator[None]:
        self._state.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._state / "recovery", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, kind)
            yield
        finally:
            let_go(descriptor)

    def _choose(self) -> bool:
        """Find out by a rename whether files have to be staged in the files folder, once.

        Device numbers do not tell: bind mounts of one file system share them, and renames between them fail.
        """
        if self._stages_inside is None:
            self._beside.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._root.mkdir(parents=True, exist_ok=True)
            with self._recovery_lock(fcntl.LOCK_SH):
                self._stages_inside = not self._renames_from_beside()
        return self._stages_inside

    def _renames_from_beside(self) -> bool:
        landed = self._root / PROBE
        probe = self._beside / f"probe-{secrets.token_hex(8)}"
        probe.touch(mode=0o600)
        try:
            probe.rename(landed)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return False
        finally:
            probe.unlink(missing_ok=True)
            landed.unlink(missing_ok=True)
        return True

    def _entry(self, files: Sealed, *, inside: bool) -> str:
        root = {"root": os.path.realpath(self._root), "inode": self._root.stat().st_ino, "inside": inside}
        return json.dumps({**root, "files": [astuple(each) for each in files]})

    def _is_of_root(self, entry: str) -> bool:
        """Return True for a commit to this files folder; also where its folder is gone and this one is it, moved."""
        sealed = json.loads(entry)
        try:
            if os.path.lexists(sealed["root"]):
                return self._root.samefile(sealed["root"])
            return bool(self._root.stat().st_ino == sealed["inode"])
        except OSError:
            return False

    def _tell(self, what: Callable[[str], None], name: str) -> bool:
        """Tell the ledger something of a commit; return False, with a warning, where it cannot be told now."""
        try:
            what(name)
        except TacitError as error:
            _LOG.warning("the commit %s stays pending, and is looked at again by the next run: %s", name, error)
            return False
        return True

    def _unwritable(self, error: OSError, *, partly: bool = False) -> FilesUnwritable:
        problem = os.strerror(error.errno or 0)
        where = f"Check the free space and the owner of {self._root} and {self._state}"
        if partly:
            return FilesUnwritable(
                f"Only a part of what the run wrote could be put into the files folder: {problem}.",
                hint=f"{where}. The rest follows with the next run that uses files, so do not run it again.",
                details={"partly_written": True},
            )
        return FilesUnwritable(
            f"What the run wrote could not be put into the files folder: {problem}.", hint=f"{where}."
        )

    def _never_completed(self, kept: Path) -> FilesUnwritable:
        return FilesUnwritable(
            "What the run wrote could not be put into the files folder whole.", hint=f"What is left of it is in {kept}."
        )


def _may_be_mended(error: BaseException | None) -> bool:
    """Return True for a failure that may go well later, without anybody's touching the staging folder."""
    if isinstance(error, HostFailure):
        error = error.__cause__
    return isinstance(error, OSError) and error.errno in _MENDED_BY_OTHERS


def _staged_inside(entry: str | None) -> bool:
    return entry is not None and bool(json.loads(entry)["inside"])


def _staging_folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.name.startswith("run-"))
    except OSError:
        return []
