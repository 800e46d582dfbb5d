"""The files folder as guests may see it: regular files below it, reached through no symbolic link.

Every path is walked segment by segment with descriptors of folders and O_NOFOLLOW, so a link that is put in
place in between leads nowhere. Not covered: hard links and mounts that someone outside the sandbox put inside the
folder. What a run may read is decided by `grants`, what it writes by `transaction`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from tacit.errors import PermissionDenied
from tacit.sandbox.files.paths import RESERVED_PREFIX, outside
from tacit.sandbox.world import FailureCode, HostFailure

MAX_LISTED = 10_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}


@contextmanager
def opened_folder(root: Path, folders: tuple[str, ...], *, create: bool = False) -> Generator[int]:
    """Give the descriptor of the folder at these segments below `root`, closed afterwards.

    With `create`, missing folders are made. Raises OSError: what is no folder, or a link, is ENOTDIR or ELOOP.
    """
    if create:
        root.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in folders:
            if create:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=descriptor)
            inner = os.open(name, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def read_file(root: Path, segments: tuple[str, ...], limit: int) -> bytes:
    """Return the bytes of a regular file of at most `limit` bytes.

    Raises `HostFailure` (NOT_FOUND, TOO_LARGE, FAILED) or, where a link is in the way, `PermissionDenied`.
    """
    path = "/".join(segments)
    try:
        with opened_folder(root, segments[:-1]) as folder:
            return _read_regular(folder, segments[-1], path, limit)
    except OSError as error:
        raise explain(error, root, segments, "file_read") from error


def list_folder(root: Path, segments: tuple[str, ...]) -> list[str]:
    """Return the names in a folder, sorted, folders with a `/` at their end; only regular files and folders.

    Raises as `read_file` does; TOO_LARGE for more than `MAX_LISTED` names.
    """
    names: list[str] = []
    try:
        with opened_folder(root, segments) as folder, os.scandir(folder) as entries:
            for entry in entries:
                if len(names) == MAX_LISTED:
                    raise HostFailure(FailureCode.TOO_LARGE, f"the folder has more than {MAX_LISTED} entries")
                if entry.name.lower().startswith(RESERVED_PREFIX):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    names.append(f"{entry.name}/")
                elif entry.is_file(follow_symlinks=False):
                    names.append(entry.name)
    except OSError as error:
        raise explain(error, root, segments, "file_read") from error
    return sorted(name for name in names if _is_unicode(name))


def check_writable(root: Path, segments: tuple[str, ...]) -> None:
    """Raise what a write to this path would meet: a folder or special file in its place, or a link on its way."""
    function = "file_write"
    try:
        with opened_folder(root, segments[:-1]) as folder:
            found = os.stat(segments[-1], dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    except OSError as error:
        raise explain(error, root, segments, function) from error
    path = "/".join(segments)
    if stat.S_ISLNK(found.st_mode):
        raise _through_link(path, function)
    if not stat.S_ISREG(found.st_mode):
        raise HostFailure(FailureCode.INVALID, f"{path!r} is not a regular file")


def explain(error: OSError, root: Path, segments: tuple[str, ...], function: str) -> Exception:
    """Return what a guest is told for an OSError at this path, without any path of the host."""
    path = "/".join(segments)
    if error.errno in {errno.ELOOP, errno.ENOTDIR} and _has_link(root, segments):
        return _through_link(path, function)
    if error.errno in _MISSING:
        return HostFailure(FailureCode.NOT_FOUND, f"there is no {path!r} in the files folder")
    return HostFailure(FailureCode.FAILED, f"{path!r}: {os.strerror(error.errno or 0)}")


def _read_regular(folder: int, name: str, path: str, limit: int) -> bytes:
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        raise _through_link(path, "file_read")
    if not stat.S_ISREG(found.st_mode):
        raise HostFailure(FailureCode.INVALID, f"{path!r} is not a regular file")
    descriptor = os.open(name, _FILE, dir_fd=folder)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise HostFailure(FailureCode.INVALID, f"{path!r} is not a regular file")
        if found.st_size > limit:
            raise _too_large(path, found.st_size, limit)
        data = file.read(limit + 1) or b""
        while len(data) <= limit and (more := file.read(limit + 1 - len(data))):
            data += more
    if len(data) > limit:
        raise _too_large(path, len(data), limit)
    return data


def _too_large(path: str, size: int, limit: int) -> HostFailure:
    return HostFailure(
        FailureCode.TOO_LARGE, f"{path!r} has {size} bytes; at most {limit} are read (TACIT_LIMITS__FILE_BYTES)"
    )


def _through_link(path: str, function: str) -> PermissionDenied:
    return outside(path, function, "it leads through a symbolic link, and none is followed")


def _has_link(root: Path, segments: tuple[str, ...]) -> bool:
    return any((root.joinpath(*segments[: count + 1])).is_symlink() for count in range(len(segments)))


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
