"""Compiled code on disk, so that a start does not compile again what it compiled before.

Loading code that was tampered with or damaged is undefined behaviour, so the folder must be its owner's alone, and
each entry ends with a checksum over its code, its module's digest and all that compilation depends on. An entry
that does not match is as good as none: its module is compiled again and the entry replaced. Code is loaded from the
bytes that were checked, not mapped from the file, which could change afterwards (and `noexec` would forbid); that
costs 0.3 ms for a Rust module.

The code of modules that nobody runs any more, and of earlier versions of Wasmtime, goes once the folder is too large.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

KEPT_BYTES = 1 << 30
"""From this size of the folder on, what was not loaded for longest is dropped, down to three quarters of it."""
DAY_SECONDS = 86_400
_CHECKSUM = 32
_SUFFIX, _UNFINISHED = ".cwasm", ".new-"
_log = logging.getLogger(__name__)


class CompiledFolder:
    """A folder of compiled modules, one file each; thread-safe, and shared between processes."""

    def __init__(self, folder: Path, fingerprint: bytes) -> None:
        self._folder = folder
        self._fingerprint = fingerprint

    @classmethod
    def open(cls, folder: Path, fingerprint: bytes) -> CompiledFolder | None:
        """Return the folder, made if it is missing; None, with a warning, where it cannot be trusted or made."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            problem = _distrust(folder.lstat())
        except OSError as error:
            problem = f"cannot be made: {error.strerror}"
        if problem:
            _log.warning("Compiled code is not kept: the folder %s %s.", folder, problem)
            return None
        return cls(folder, fingerprint)

    def read(self, digest: str) -> bytes | None:
        """Return the code for a module, or None if there is none or it is damaged."""
        path = self._path(digest)
        try:
            entry = path.read_bytes()
        except OSError:
            return None
        code = entry[:-_CHECKSUM]
        if entry[-_CHECKSUM:] == self._checksum(digest, code):
            with suppress(OSError):  # a folder that is read-only grows no more
                if _is_old(path.stat()):
                    path.touch()  # what is still used is dropped last
            return code
        _log.info("The compiled code in %s is damaged; it is compiled again.", path)
        return None

    def write(self, digest: str, code: bytes) -> None:
        """Keep the code for a module; a full or read-only disk is no error."""
        try:
            handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=_UNFINISHED)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(code)
                    file.write(self._checksum(digest, code))
                Path(temporary).replace(self._path(digest))
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            _log.warning("The compiled code of %s… could not be kept: %s.", digest[:12], error.strerror)
            return
        with suppress(OSError):  # the folder itself may be gone by now
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Keep the folder small; what another process drops meanwhile is none of this one's worry."""
        entries: list[tuple[float, int, Path]] = []
        for path in self._folder.iterdir():
            with suppress(OSError):
                found = path.lstat()
                if path.suffix == _SUFFIX:
                    entries.append((found.st_mtime, found.st_size, path))
                elif path.name.startswith(_UNFINISHED) and _is_old(found):  # a killed process left it
                    path.unlink()
        total = sum(size for _, size, _ in entries)
        if total <= KEPT_BYTES:
            return
        for _, size, path in sorted(entries):
            if total <= KEPT_BYTES * 3 // 4:
                break
            with suppress(OSError):
                path.unlink()
                total -= size

    def _path(self, digest: str) -> Path:
        name = hashlib.sha256(self._fingerprint + digest.encode()).hexdigest()
        return self._folder / f"{name}{_SUFFIX}"

    def _checksum(self, digest: str, code: bytes) -> bytes:
        summed = hashlib.sha256(self._fingerprint + digest.encode())
        summed.update(code)
        return summed.digest()


def _is_old(found: os.stat_result) -> bool:
    return found.st_mtime < time.time() - DAY_SECONDS


def _distrust(found: os.stat_result) -> str:
    if not stat.S_ISDIR(found.st_mode):
        return "is not a folder"
    if os.name == "posix":
        if found.st_uid != os.geteuid():
            return "belongs to someone else"
        if stat.S_IMODE(found.st_mode) & 0o077:
            return "is open to others (chmod 700 it)"
    return ""
