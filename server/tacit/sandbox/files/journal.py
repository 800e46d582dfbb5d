"""How a run's files land all together: staged beside the folder, recorded, then renamed into place.

A commit stages each file, syncs it, writes a record that lists them, and only then renames them one after the
other; the record's own rename is the moment it becomes true. A process that is killed before leaves a staging
folder without a record, which is removed; one that is killed after leaves a record, which is redone. Whoever is
still alive holds a lock on its staging folder, so several processes may recover at once. A single file needs no
record, as its rename is the whole commit.

Renames need one file system: where the state folder is on another one, files are staged in a hidden folder of
the files folder, which guests can neither name nor see.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import secrets
import shutil
import stat
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tacit.errors import FilesUnwritable
from tacit.sandbox.files.folder import opened_folder
from tacit.sandbox.files.locks import let_go
from tacit.sandbox.files.paths import RESERVED_PREFIX

RECORD = "record"
PROBE = f"{RESERVED_PREFIX}probe"
_LOG = logging.getLogger(__name__)


class Journal:
    """The staging folders of one files folder; thread-safe."""

    def __init__(self, root: Path, state: Path) -> None:
        self._root = root
        self._state = state
        self._beside = state / "journal"
        self._inside = root / f"{RESERVED_PREFIX}journal"
        self._chosen: Path | None = None

    def commit(self, files: Mapping[str, bytes]) -> None:
        """Put these files, by their checked paths, into the folder, all together.

        Raises `FilesUnwritable` when the machine cannot write them: then none has landed, unless it failed between
        two renames; what is missing then lands with the next recovery, or is set aside for the operator.
        """
        try:
            self._choose()
            with self._guarded_begin() as staging:
                staging.stage(files)
                if len(files) > 1:
                    staging.seal(list(files))
                staging.land(list(files))
        except OSError as error:
            raise FilesUnwritable(
                f"What the run wrote could not be put into the files folder: {os.strerror(error.errno or 0)}.",
                hint=f"Check the free space and the owner of {self._root} and {self._state}.",
            ) from error

    def pending(self) -> bool:
        """Return whether there are staging folders, of live processes or of killed ones."""
        return any(_staging_folders(folder) for folder in (self._beside, self._inside))

    def recover(self) -> None:
        """Complete or remove what killed processes left; leaves alone what live ones are at.

        Where the state folder cannot be written nothing is recovered, and a warning says so.
        """
        if not self.pending():
            return
        try:
            self._recover_all()
        except OSError:
            _LOG.warning("commits of killed runs are pending in %s, which cannot be written", self._state)

    def _recover_all(self) -> None:
        with self._recovery_lock(fcntl.LOCK_EX):
            for folder in (self._beside, self._inside):
                for name in _staging_folders(folder):
                    self._recover_one(folder / name)

    def forget_probes(self) -> None:
        """Remove the empty files of processes that were killed while they chose where to stage."""
        probes = [probe for probe in (self._root / PROBE, *self._beside.glob("probe-*")) if probe.exists()]
        with suppress(OSError):
            if probes:
                with self._recovery_lock(fcntl.LOCK_EX | fcntl.LOCK_NB):  # else somebody chooses just now
                    for probe in probes:
                        probe.unlink(missing_ok=True)

    def _recover_one(self, folder: Path) -> None:
        try:
            staging = _Staging.reopen(self._root, folder)
        except (BlockingIOError, FileNotFoundError):
            return
        with staging:
            recorded = staging.recorded()
            if recorded is None:
                return
            _LOG.info("completing the %d file(s) of a run that was killed while it committed", len(recorded))
            try:
                staging.land(recorded)
            except OSError:
                staging.set_aside()
                _LOG.exception("could not complete a commit; what is left of it is kept in %s", folder.parent)

    @contextmanager
    def _guarded_begin(self) -> Generator[_Staging]:
        """Make a locked staging folder; no recovery runs between its making and its locking."""
        assert self._chosen is not None  # noqa: S101  # for the type checker; `commit` chooses first
        with self._recovery_lock(fcntl.LOCK_SH):
            folder = self._chosen / f"run-{secrets.token_hex(8)}"
            folder.mkdir(mode=0o700, parents=True)
            staging = _Staging.reopen(self._root, folder)
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

    def _choose(self) -> None:
        """Find out by a rename whether the state folder can stage for the files folder, once.

        Device numbers do not tell: bind mounts of one file system share them, and renames between them fail.
        """
        if self._chosen is None:
            self._beside.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._root.mkdir(parents=True, exist_ok=True)
            with self._recovery_lock(fcntl.LOCK_SH):
                self._chosen = self._try_beside()

    def _try_beside(self) -> Path:
        landed = self._root / PROBE
        probe = self._beside / f"probe-{secrets.token_hex(8)}"
        probe.touch(mode=0o600)
        try:
            probe.rename(landed)
            return self._beside
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return self._inside
        finally:
            probe.unlink(missing_ok=True)
            landed.unlink(missing_ok=True)


class _Staging:
    """One locked staging folder; removed with all that is in it when left, unless it is sealed and not landed."""

    def __init__(self, root: Path, folder: Path, descriptor: int) -> None:
        self._root = root
        self._folder = folder
        self._descriptor = descriptor
        self._keep = False

    @classmethod
    def reopen(cls, root: Path, folder: Path) -> _Staging:
        """Lock a staging folder; raises BlockingIOError when a live process has it."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(root, folder, descriptor)

    def __enter__(self) -> _Staging:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._keep:
            with suppress(FileNotFoundError):
                os.unlink(RECORD, dir_fd=self._descriptor)
            shutil.rmtree(self._folder, ignore_errors=True)
        let_go(self._descriptor)

    def stage(self, files: Mapping[str, bytes]) -> None:
        """Write the files into the staging folder, each with the mode that it will have."""
        for number, (path, data) in enumerate(files.items()):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(str(number), flags, 0o644, dir_fd=self._descriptor)
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                mode = self._existing_mode(tuple(path.split("/")))
                if mode is not None:
                    os.fchmod(descriptor, mode)
                _write_all(file.fileno(), data)
                os.fsync(descriptor)

    def seal(self, paths: list[str]) -> None:
        """Write the record; from here on the commit is true, whatever happens."""
        os.fsync(self._descriptor)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open("unsealed", flags, 0o600, dir_fd=self._descriptor)
        try:
            _write_all(descriptor, json.dumps(paths).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._keep = True
        os.rename("unsealed", RECORD, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        os.fsync(self._descriptor)

    def recorded(self) -> list[str] | None:
        """Return the paths of a sealed commit in their order, or None."""
        try:
            descriptor = os.open(RECORD, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._descriptor)
        except FileNotFoundError:
            return None
        self._keep = True
        with os.fdopen(descriptor, "rb") as file:
            return [str(path) for path in json.load(file)]

    def land(self, paths: list[str]) -> None:
        """Rename the staged files into place; those that are gone have landed already.

        When the first rename fails the commit is called off; when a later one does, it stays sealed.
        """
        landed = 0
        try:
            for number, path in enumerate(paths):
                if self._is_staged(number):
                    self._land_one(number, path)
                    landed += 1
        except OSError:
            self._keep = landed > 0
            raise
        self._keep = False

    def _land_one(self, number: int, path: str) -> None:
        *folders, name = path.split("/")
        with opened_folder(self._root, tuple(folders), create=True) as target:
            os.rename(str(number), name, src_dir_fd=self._descriptor, dst_dir_fd=target)
            os.fsync(target)

    def set_aside(self) -> None:
        """Keep the folder for the operator, where recovery does not look again."""
        self._keep = True
        self._folder.rename(self._folder.with_name(f"failed-{self._folder.name}"))

    def _is_staged(self, number: int) -> bool:
        try:
            os.stat(str(number), dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def _existing_mode(self, segments: tuple[str, ...]) -> int | None:
        with suppress(FileNotFoundError), opened_folder(self._root, segments[:-1]) as folder:
            return stat.S_IMODE(os.stat(segments[-1], dir_fd=folder, follow_symlinks=False).st_mode) & 0o777
        return None


def _staging_folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.name.startswith("run-"))
    except OSError:
        return []


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
