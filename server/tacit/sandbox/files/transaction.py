"""One run's view of the files folder: what it wrote first, then what is on disk; written all together, or not.

Entering locks the files that the run may write, so that reading, changing and writing one loses nothing;
`commit` puts everything into the folder; leaving without it forgets everything. A run that writes nothing takes no
lock, so between two reads it may see another's commit. What may be read or written is decided in `grants`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from tacit.errors import FileConflict, FilesUnwritable
from tacit.sandbox.files.folder import check_writable, list_folder, read_file
from tacit.sandbox.files.journal import Journal
from tacit.sandbox.files.locks import FileLocks
from tacit.sandbox.files.paths import compile_glob, file_segments, refuse_hidden
from tacit.sandbox.world import FailureCode, HostFailure

MAX_FILES = 1000
MAX_TOTAL = 4
"""All files that a run writes may have this many times the size of the largest one together."""


class Transaction:
    """A run's reads and writes; used on one thread at a time, as a context manager."""

    def __init__(
        self,
        root: Path,
        journal: Journal,
        locks: FileLocks,
        write_patterns: Iterable[str],
        limit: int,
        hidden: tuple[str, ...] | None = None,
    ) -> None:
        """Take a files folder, what its writes go through, their limit, and where in it is what no guest reaches."""
        self._root = root
        self._hidden = hidden
        self._journal = journal
        self._locks = locks
        self._limit = limit
        self._written: dict[str, bytes] = {}
        self.kept = False
        """Whether what it wrote is in place, or will be, and the record of its run is kept with it."""
        self._recovered = False
        globs = [compile_glob(pattern) for pattern in write_patterns]
        self._whole = not all(glob.literal for glob in globs)
        self._paths = frozenset(glob.pattern for glob in globs if glob.literal)

    def __enter__(self) -> Self:
        try:
            self._locks.acquire(self._paths, whole=self._whole)
            if self._paths or self._whole:
                self._recover()
        except BaseException:
            self._locks.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._written.clear()
        self._locks.release()

    @property
    def written(self) -> dict[str, bytes]:
        """The files that would be committed now."""
        return dict(self._written)

    def read(self, path: str) -> bytes:
        """Return a file's bytes as this run sees them; raises `HostFailure` or `PermissionDenied`."""
        segments = file_segments(path, "file_read", self._hidden)
        found = self._written.get(path)
        if found is not None:
            return found
        self._recover()
        return read_file(self._root, segments, self._limit)

    def list(self, segments: tuple[str, ...]) -> list[str]:
        """Return the names in a folder as this run sees them, sorted, those of folders with a `/` at their end."""
        refuse_hidden("/".join(segments), segments, "file_read", self._hidden)
        self._recover()
        added = self._names_written_in(segments)
        try:
            return sorted(added.union(self._names_shown_in(segments)))
        except HostFailure as failure:
            if added and failure.code is FailureCode.NOT_FOUND:
                return sorted(added)
            raise

    def write(self, path: str, data: bytes) -> None:
        """Keep a file for the commit; raises `HostFailure` for what can be no file, or is too large.

        Raises `FileConflict` for what was not to be locked when the run began: a capability that it calls may have
        been allowed to write it meanwhile.
        """
        segments = file_segments(path, "file_write", self._hidden)
        self._check_size(path, data)
        self._check_place(path, segments)
        if not self._locks.holds(path):
            raise FileConflict(
                f"{path!r} may be written only since this run began, so it is not locked for it.",
                hint="Run it again; nothing was written.",
            )
        check_writable(self._root, segments)
        self._written[path] = bytes(data)

    def commit(self, run: Any = None) -> None:
        """Put all that was written into the folder, all together, and keep the record of the run with it.

        Raises `FilesUnwritable`, or what the ledger raises that cannot keep them (see `Journal.commit`).
        """
        written, self._written = self._written, {}
        if not written:
            return
        try:
            self._journal.commit(written, run)
        except FilesUnwritable as error:
            self.kept = bool(error.details.get("partly_written"))
            raise
        self.kept = True

    def savepoint(self) -> dict[str, bytes]:
        """Return what `rollback` takes to forget what is written from now on, as when a called capability fails."""
        return dict(self._written)

    def rollback(self, savepoint: dict[str, bytes]) -> None:
        """Forget what was written since the savepoint."""
        self._written = dict(savepoint)

    def _recover(self) -> None:
        """Complete what killed runs left, once: after locking, so that nothing newer can be overwritten."""
        if not self._recovered:
            self._recovered = True
            self._journal.recover()

    def _names_written_in(self, segments: tuple[str, ...]) -> set[str]:
        start = "".join(f"{segment}/" for segment in segments)
        inside = (path[len(start) :] for path in self._written if path.startswith(start))
        return {f"{name}{slash}" for name, slash, _ in (path.partition("/") for path in inside)}

    def _names_shown_in(self, segments: tuple[str, ...]) -> list[str]:
        names = list_folder(self._root, segments)
        if self._hidden and segments == self._hidden[:-1]:
            return [name for name in names if name != f"{self._hidden[-1]}/"]
        return names

    def _check_size(self, path: str, data: bytes) -> None:
        if len(data) > self._limit:
            most = f"at most {self._limit} are kept (TACIT_LIMITS__FILE_BYTES)"
            raise HostFailure(FailureCode.TOO_LARGE, f"{path!r} gets {len(data)} bytes; {most}")
        others = {name: kept for name, kept in self._written.items() if name != path}
        if sum(map(len, others.values())) + len(data) > self._limit * MAX_TOTAL:
            raise HostFailure(FailureCode.TOO_LARGE, f"a run writes at most {self._limit * MAX_TOTAL} bytes in all")
        if len(others) >= MAX_FILES:
            raise HostFailure(FailureCode.TOO_LARGE, f"a run writes at most {MAX_FILES} files")

    def _check_place(self, path: str, segments: tuple[str, ...]) -> None:
        """Refuse a file below another file of this run, or in the place of a folder that it needs."""
        above = {"/".join(segments[:count]) for count in range(1, len(segments))}
        if above & self._written.keys() or any(other.startswith(f"{path}/") for other in self._written):
            raise HostFailure(FailureCode.INVALID, f"{path!r} is a file and a folder at once")
