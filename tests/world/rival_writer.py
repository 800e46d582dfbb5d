"""Run by test_locks.py: adds 1 to a number in a file, so many times, each in a transaction of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from tacit.sandbox.files.files_folder import FilesFolder
from tacit.store import Store

if __name__ == "__main__":
    root, state, times, pattern = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    with Store.open(state.with_name("data")) as store:
        files = FilesFolder(root, state, store.commits)
        for _ in range(times):
            with files.transaction([pattern]) as transaction:
                transaction.write("count", str(int(transaction.read("count")) + 1).encode())
                transaction.commit()
