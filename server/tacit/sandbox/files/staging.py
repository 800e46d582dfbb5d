"""The staging folder of one commit: a folder beside the locks, and where renames need it one in the files folder.

The first is made, locked and scanned; only this program writes there. The second holds staged bytes and nothing else,
which are taken for what they should be by their hash alone, since whoever else has the files folder may put anything
there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import cast

from tacit.sandbox.files.folder import opened_folder
from tacit.sandbox.files.locks import let_go
from tacit.sandbox.files.paths import RESERVED_PREFIX

INSIDE = f"{RESERVED_PREFIX}journal"
"""The folder in the files folder, where the state folder is on another file system."""
RECORD = "record"
"""What was sealed, in the folders that versions before left, and in those that are set aside."""
_RECORD_BYTES = 8 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Written:
    """One file of a commit: its path, and the size and SHA-256 of its bytes; a version before sealed paths alone."""

    path: str
    size: int | None = None
    digest: str | None = None

    @property
    def segments(self) -> tuple[str, ...]:
        """The folders and the name in its path."""
        return tuple(self.path.split("/"))


Sealed = Sequence[Written]


class Staging:
    """One locked staging folder; removed with all that is in it when left, unless it is to be `kept`."""

    def __init__(self, root: Path, folder: Path, descriptor: int) -> None:
        self._root = root
        self._folder = folder
        self._descriptor = descriptor
        self._inside: int | None = None
        self._inside_name = f"staged-{folder.name.removeprefix('run-')}"
        self.kept = False
        self.landed = 0
        """How many files it has put into place."""

    @classmethod
    def reopen(cls, root: Path, folder: Path) -> Staging:
        """Lock a staging folder; raises BlockingIOError when a live process has it."""
        descriptor = os.open(folder, _FOLDER)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(root, folder, descriptor)

    def __enter__(self) -> Staging:
        return self

    def __exit__(self, *_: object) -> None:
        if self._inside is not None:
            os.close(self._inside)
        if not self.kept:
            self._remove_inside()
            shutil.rmtree(self._folder, ignore_errors=True)
        let_go(self._descriptor)

    @property
    def name(self) -> str:
        """What it is sealed under."""
        return self._folder.name

    def make_inside(self) -> None:
        """Have the files staged in the files folder."""
        with opened_folder(self._root, (INSIDE,), create=True) as journal:
            os.mkdir(self._inside_name, 0o700, dir_fd=journal)
            self._inside = os.open(self._inside_name, _FOLDER, dir_fd=journal)

    def find_inside(self) -> bool:
        """Look for what a killed process staged in the files folder, and return whether that is there.

        Raises OSError for what is there and no folder.
        """
        with suppress(FileNotFoundError), opened_folder(self._root, (INSIDE,)) as journal:
            self._inside = os.open(self._inside_name, _FOLDER, dir_fd=journal)
        return self._inside is not None

    def stage(self, files: Mapping[str, bytes]) -> None:
        """Write the files, each with the mode that it will have, and have them reach the disk."""
        for number, (path, data) in enumerate(files.items()):
            descriptor = os.open(str(number), _NEW, 0o644, dir_fd=self._place)
            try:
                mode = self._existing_mode(tuple(path.split("/")))
                if mode is not None:
                    os.fchmod(descriptor, mode)
                _write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        os.fsync(self._place)

    def check(self, files: Sealed, *, whole: bool) -> None:
        """Raise ValueError unless each file is in place already or staged as it was sealed.

        One that is not staged is in place where the staging folder is `whole`; where somebody removed that, the bytes
        in its place have to be those that were sealed.
        """
        for number, sealed in enumerate(files):
            try:
                descriptor = os.open(str(number), _FILE, dir_fd=self._place)
            except FileNotFoundError:
                if not whole:
                    self._check_in_place(sealed)
                continue
            with os.fdopen(descriptor, "rb") as file:
                if not _is_sealed_file(file, sealed):
                    raise ValueError("what is staged is not what was sealed")

    def _check_in_place(self, sealed: Written) -> None:
        *folders, name = sealed.segments
        try:
            with opened_folder(self._root, tuple(folders)) as folder:
                descriptor = os.open(name, _FILE, dir_fd=folder)
        except FileNotFoundError as error:
            raise ValueError("what was staged is gone") from error
        with os.fdopen(descriptor, "rb") as file:
            if not _is_sealed_file(file, sealed):
                raise ValueError("what was staged is gone, and something else is in its place")

    def land(self, files: Sealed) -> None:
        """Rename the staged files into place; those that are gone have landed already."""
        for number, file in enumerate(files):
            if self._is_staged(number):
                *folders, name = file.segments
                with opened_folder(self._root, tuple(folders), create=True) as target:
                    os.rename(str(number), name, src_dir_fd=self._place, dst_dir_fd=target)
                    self.landed += 1
                    os.fsync(target)

    def paths_of_before(self) -> list[str] | None:
        """Return the paths of a commit that a version before sealed here, or None; raises ValueError for nonsense."""
        try:
            descriptor = os.open(RECORD, _FILE, dir_fd=self._descriptor)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("its record is no file")
            try:
                paths: object = json.loads(file.read(_RECORD_BYTES))
            except RecursionError as error:
                raise ValueError("its record is nested too deep") from error
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in cast("list[object]", paths)):
            raise ValueError("its record is no list of paths")
        return cast("list[str]", paths)

    def set_aside(self, entry: str | None) -> Path:
        """Keep the folder for the operator, with what was sealed, where recovery does not look again; return it."""
        self.kept = True
        if entry is not None:
            with suppress(OSError):
                (self._folder / RECORD).write_text(entry)
        return self._folder.rename(set_aside_name(self._folder))

    @property
    def _place(self) -> int:
        """The descriptor of the folder where the files are staged."""
        return self._descriptor if self._inside is None else self._inside

    def _remove_inside(self) -> None:
        with suppress(OSError), opened_folder(self._root, (INSIDE,)) as journal:
            shutil.rmtree(self._inside_name, ignore_errors=True, dir_fd=journal)

    def _is_staged(self, number: int) -> bool:
        try:
            os.stat(str(number), dir_fd=self._place, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def _existing_mode(self, segments: tuple[str, ...]) -> int | None:
        with suppress(FileNotFoundError), opened_folder(self._root, segments[:-1]) as folder:
            return stat.S_IMODE(os.stat(segments[-1], dir_fd=folder, follow_symlinks=False).st_mode) & 0o777
        return None


def _is_sealed_file(file: BufferedReader, sealed: Written) -> bool:
    """Return whether an open file is a file of its own with the bytes that were sealed."""
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        return False
    if sealed.digest is None:  # a version before sealed paths alone
        return True
    return found.st_size == sealed.size and hashlib.file_digest(file, "sha256").hexdigest() == sealed.digest


def set_aside_name(folder: Path) -> Path:
    """Return where a staging folder is kept that cannot be completed."""
    return folder.with_name(f"failed-{folder.name}")


def set_aside_unsigned(root: Path) -> list[str]:
    """Rename what versions before staged and sealed in the files folder itself; return the names, at most a thousand.

    Anyone who hands over such a folder could have put it there, so it is never completed.
    """
    found: list[str] = []
    with suppress(OSError), opened_folder(root, (INSIDE,)) as journal, os.scandir(journal) as entries:
        for name in sorted(entry.name for entry, _ in zip(entries, range(1000), strict=False)):
            if name.startswith("run-") and _is_sealed(journal, name):
                found.append(name)
                with suppress(OSError):
                    os.rename(name, f"failed-{name}", src_dir_fd=journal, dst_dir_fd=journal)
    return found


def _is_sealed(journal: int, name: str) -> bool:
    try:
        descriptor = os.open(name, _FOLDER, dir_fd=journal)
    except OSError:
        return False
    try:
        os.stat(RECORD, dir_fd=descriptor, follow_symlinks=False)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
