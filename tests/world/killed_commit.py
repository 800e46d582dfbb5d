"""Run by test_kills_in_commits.py: kills itself at every step of a commit, or of its recovery, and says what was left.

Each attempt is a forked process that is sent SIGKILL right before its n-th operation on the file system or statement of
SQL. Prints one JSON list a line: the step, the files' contents and whether the run is known after the recovery, and
what is left of the commit.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tacit.sandbox.files.files_folder import FilesFolder
from tacit.store import RunRecord, Sought, Store, new_run_id

WATCHED = ("open", "os.", "fcntl.", "shutil.")
OLD = {"a.txt": b"old a", "deep/er/b.txt": b"old b"}
NEW = {"a.txt": b"new a" * 100, "deep/er/b.txt": b"new b" * 100, "c.txt": b"new c" * 100}
ONE = {"a.txt": NEW["a.txt"]}
RUN = "write_them"


def killed_at(step: int, folder: Path, work: Callable[[FilesFolder], None]) -> bool:
    """Do the work in a fork that dies before its operation number `step`; return whether it got that far."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        count = 0

        def before(*_: object) -> None:
            nonlocal count
            count += 1
            if count > step:
                os.kill(os.getpid(), signal.SIGKILL)

        def watch(event: str, _: object) -> None:
            if event.startswith(WATCHED) and event != "os.kill":
                before()

        with opened(folder) as (files, store):
            trace_statements(store, before)
            sync, write = os.fsync, os.write
            os.fsync = lambda descriptor: (before(), sync(descriptor))[1]  # neither raises an audit event
            os.write = lambda descriptor, data: (before(), write(descriptor, data))[1]
            sys.addaudithook(watch)
            work(files)
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def trace_statements(store: Store, before: Callable[..., None]) -> None:
    """Have it called before each statement on the writing connection."""
    with store.database.turn() as raw:
        connection: Any = raw
        connection.set_trace_callback(before)


@contextmanager
def opened(folder: Path) -> Iterator[tuple[FilesFolder, Store]]:
    """Give the files folder and its store."""
    with Store.open(folder / "data") as store:
        yield FilesFolder(folder / "files", folder / "data/journal", store.commits), store


def prepare(folder: Path) -> None:
    """Make a folder with the old files, all alike."""
    first = folder.with_name("first")
    if not first.exists():
        for name, data in OLD.items():
            (first / "files" / name).parent.mkdir(parents=True, exist_ok=True)
            (first / "files" / name).write_bytes(data)
        Store.open(first / "data").close()
    shutil.copytree(first, folder)


def commit_of(written: dict[str, bytes]) -> Callable[[FilesFolder], None]:
    """Return what writes these files in one transaction, with the record of its run."""

    def commit(files: FilesFolder) -> None:
        with files.transaction(["**"]) as transaction:
            for name, data in written.items():
                transaction.write(name, data)
            transaction.commit(RunRecord(new_run_id(), RUN, 1, b"x" * 5000, b"", None, b"", 1, 1, 0.1, 0))

    return commit


def left_in(folder: Path, written: dict[str, bytes]) -> list[str]:
    """Recover, and say what that left: the state of the files and of the record, then what else there is."""
    with opened(folder) as (files, store):
        files.recover()
        known = [run.capability for run in store.outlines.newest(9, Sought())]
        inputs = [store.runs.get(run.run_id).input for run in store.outlines.newest(9, Sought())]
        names = store.commits.names()
    assert inputs in ([], [b"x" * 5000])
    found = {str(path.relative_to(folder / "files")): path.read_bytes() for path in (folder / "files").rglob("*.txt")}
    state = "old" if found == OLD else "new" if found == OLD | written else "other"
    hidden = [path.name for path in (folder / "files").rglob(".tacit*")]
    return [state, *known, *hidden, *names, *sorted(path.name for path in (folder / "data/journal/journal").glob("*"))]


def kill_commits(base: Path, written: dict[str, bytes]) -> None:
    """Kill a commit at each of its steps and recover once."""
    step = 0
    alive = True
    while alive:
        folder = base / f"commit-{step}"
        prepare(folder)
        alive = killed_at(step, folder, commit_of(written))
        sys.stdout.write(f"{json.dumps([step, *left_in(folder, written)])}\n")
        step += 1


def kill_recoveries(base: Path, sealed: int, written: dict[str, bytes]) -> None:
    """Kill a commit once it is true, then its recovery at each of its steps, and recover again."""
    step = 0
    alive = True
    while alive:
        folder = base / f"recovery-{step}"
        prepare(folder)
        killed_at(sealed, folder, commit_of(written))
        alive = killed_at(step, folder, FilesFolder.recover)
        sys.stdout.write(f"{json.dumps([step, *left_in(folder, written)])}\n")
        step += 1


if __name__ == "__main__":
    files_written = ONE if sys.argv[2] == "one" else NEW
    if len(sys.argv) > 3:
        kill_recoveries(Path(sys.argv[1]), int(sys.argv[3]), files_written)
    else:
        kill_commits(Path(sys.argv[1]), files_written)
