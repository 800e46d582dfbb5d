"""The files folder that capabilities work in, and the entry to its transactions."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tacit.config import Limits
from tacit.errors import FilesUnwritable
from tacit.sandbox.cancellation import Cancellation
from tacit.sandbox.files.journal import Journal, Ledger
from tacit.sandbox.files.locks import FileLocks
from tacit.sandbox.files.transaction import Transaction

WAIT_SECONDS = 10.0


class FilesFolder:
    """A folder, and a state folder for its locks and staged writes that no guest reaches; thread-safe.

    Several processes may have the same pair open at once. Neither folder need exist before the first write.
    """

    def __init__(
        self, root: Path, state: Path, ledger: Ledger, file_bytes: int | None = None, hidden: Path | None = None
    ) -> None:
        """Take both folders, and where commits are sealed.

        `hidden` is a folder that no guest reaches, also where it lies in the files folder.
        """
        self.root = root
        self._hidden = _segments_below(root, hidden) if hidden is not None else None
        self._locks = state / "locks"
        self._journal = Journal(root, state, ledger, self._hidden)
        self._file_bytes = Limits().file_bytes if file_bytes is None else file_bytes

    def transaction(
        self,
        write_patterns: Iterable[str] = (),
        cancellation: Cancellation | None = None,
        wait_seconds: float = WAIT_SECONDS,
    ) -> Transaction:
        """Return a run's transaction; entering it locks what `Allowance.write_patterns` names.

        Entering raises `FileConflict` after `wait_seconds` and `RunCancelled`. Without patterns nothing is
        locked and nothing may be written.
        """
        locks = FileLocks(self._locks, cancellation, wait_seconds)
        return Transaction(self.root, self._journal, locks, write_patterns, self._file_bytes, self._hidden)

    def put_missing(self, name: str, data: bytes) -> bool:
        """Put a file into the folder unless something is there, whole or not at all; return whether it was put there.

        A folder that is missing is made for its owner alone. Raises `FilesUnwritable` or `FileConflict`.
        """
        if os.path.lexists(self.root / name):
            return False
        try:
            self.root.mkdir(parents=True, mode=0o700, exist_ok=True)
        except OSError as error:
            raise FilesUnwritable(
                f"The files folder {self.root} cannot be made: {error.strerror}.",
                hint="Make it writable, or name another with TACIT_FILES.",
            ) from error
        with self.transaction((name,)):
            if os.path.lexists(self.root / name):
                return False
            self._journal.commit({name: data})
        return True

    def recover(self) -> None:
        """Complete or discard what killed processes left; to be called once at the start, by every process."""
        self._journal.recover_at_start()


def _segments_below(root: Path, folder: Path) -> tuple[str, ...] | None:
    """Return where a folder lies below the root, None elsewhere; guests follow no links, so one way leads there."""
    found, real_root = Path(os.path.realpath(folder)), os.path.realpath(root)
    return found.relative_to(real_root).parts if found.is_relative_to(real_root) else None
