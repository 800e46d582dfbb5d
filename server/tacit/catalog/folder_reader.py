"""Reading the files of a folder that nobody vouches for, collecting all that is wrong with them."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tacit.catalog.source_paths import MAX_SOURCE_BYTES, MAX_SOURCE_FILES

_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
_BOM = b"\xef\xbb\xbf"
_MAX_DEPTH = 8


class FolderReader:
    """Reads regular files of one folder, through no symbolic link; `violations` lists `{path, message}`.

    Each path is walked by descriptors of folders, so that a link put in place meanwhile leads nowhere either.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.violations: list[dict[str, str]] = []
        if not folder.is_dir():
            self.refuse(str(folder), "is not a folder")

    def refuse(self, path: str, message: str) -> None:
        """Note what is wrong with a file."""
        self.violations.append({"path": path, "message": message})

    def bytes(self, path: str, limit: int) -> bytes | None:
        """Return the content of a file of at most `limit` bytes; None when it was refused."""
        *folders, name = path.split("/")
        try:
            with self._opened(folders) as folder:
                descriptor = os.open(name, _FILE, dir_fd=folder)
        except OSError as error:
            self.refuse(path, self._problem(path, error))
            return None
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                self.refuse(path, "is not a regular file")
                return None
            content = file.read(limit + 1) if found.st_size <= limit else None
        if content is None or len(content) > limit:
            self.refuse(path, f"has more than {limit} bytes")
            return None
        return content

    def text(self, path: str, limit: int) -> str | None:
        """Return a file's text; None when it was refused, as anything but UTF-8 without a mark is."""
        content = self.bytes(path, limit)
        if content is None:
            return None
        if content.startswith(_BOM):
            self.refuse(path, "starts with a byte-order mark")
            return None
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            self.refuse(path, f"is not UTF-8 (at byte {error.start})")
            return None

    def json(self, path: str, limit: int) -> Any:
        """Return the one JSON value in a file; None when it was refused, as null is."""
        text = self.text(path, limit)
        if text is None:
            return None
        try:
            value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            self.refuse(path, f"is not JSON: {error}")
            return None
        if value is None:
            self.refuse(path, "is null")
        return value

    def texts(self, folder: str) -> dict[str, str]:
        """Return the texts of all files below a folder by their paths in it, sorted; what was refused is left out."""
        found: dict[str, str] = {}
        budget = MAX_SOURCE_BYTES
        for path in self._files(folder):
            if len(found) == MAX_SOURCE_FILES:
                self.refuse(folder, f"holds more than {MAX_SOURCE_FILES} files")
                break
            text = self.text(f"{folder}/{path}", budget)
            if text is None:
                break
            budget -= len(text.encode())
            found[path] = text
        return found

    def _files(self, folder: str, depth: int = 0) -> Iterator[str]:
        """Yield the paths of the files below a folder, from it on; links are left to be refused as files."""
        if depth > _MAX_DEPTH:
            self.refuse(folder, "is too deep")
            return
        try:
            with self._opened(folder.split("/")) as descriptor, os.scandir(descriptor) as entries:
                found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError as error:
            self.refuse(folder, self._problem(folder, error))
            return
        for name, is_folder in found:
            if is_folder:
                yield from (f"{name}/{path}" for path in self._files(f"{folder}/{name}", depth + 1))
            else:
                yield name

    @contextmanager
    def _opened(self, folders: Sequence[str]) -> Generator[int]:
        """Give the descriptor of the folder at these segments, closed afterwards; a link on the way is an OSError."""
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in folders:
                inner = os.open(name, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    def _problem(self, path: str, error: OSError) -> str:
        # A link where a folder is to be opened is ENOTDIR, like a file.
        if error.errno == errno.ELOOP or (error.errno == errno.ENOTDIR and (self._folder / path).is_symlink()):
            return "is a symbolic link, and none is followed"
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            return "is missing"
        return f"cannot be read: {error.strerror}"


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name[:100]!r} is there twice")
        found[name] = value
    return found
