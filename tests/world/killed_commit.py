"""Run by test_kills_in_commits.py: kills itself at every step of a commit, or of its recovery, and says what was left.

Each attempt is a forked process that is sent SIGKILL right before its n-th operation on the file system. Prints one
JSON list a line: the step, the files' contents after the recovery, and what is left in the journal.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tacit.sandbox.files.files_folder import FilesFolder

WATCHED = ("open", "os.", "fcntl.", "shutil.")
NEW = {"a.txt": b"new a" * 100, "deep/er/b.txt": b"new b" * 100, "c.txt": b"new c" * 100}


def killed_at(step: int, work: Callable[[], None]) -> bool:
    """Do the work in a fork that dies before its operation number `step`; return whether it got that far."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        count = 0

        def before() -> None:
            nonlocal count
            count += 1
            if count > step:
                os.kill(os.getpid(), signal.SIGKILL)

        def watch(event: str, _: object) -> None:
            if event.startswith(WATCHED) and event != "os.kill":
                before()

        sync, write = os.fsync, os.write
        os.fsync = lambda descriptor: (before(), sync(descriptor))[1]  # neither raises an audit event
        os.write = lambda descriptor, data: (before(), write(descriptor, data))[1]
        sys.addaudithook(watch)
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def prepare(folder: Path) -> FilesFolder:
    """Make a folder with the old files."""
    for name in ("a.txt", "deep/er/b.txt"):
        (folder / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "files" / name).write_bytes(f"old {name}".encode())
    return FilesFolder(folder / "files", folder / "journal")


def commit(folder: Path) -> None:
    """Read, change and write three files in one transaction."""
    with FilesFolder(folder / "files", folder / "journal").transaction(["**"]) as transaction:
        for name, data in NEW.items():
            transaction.write(name, data)
        transaction.commit()


def left_in(folder: Path) -> list[str]:
    """Say what the recovery left: the state of the files, then what else there is."""
    files = {str(path.relative_to(folder / "files")): path.read_bytes() for path in (folder / "files").rglob("*.txt")}
    state = "new" if files == NEW else "other"
    if files == {name: f"old {name}".encode() for name in ("a.txt", "deep/er/b.txt")}:
        state = "old"
    hidden = [path.name for path in (folder / "files").rglob(".tacit*")]
    return [state, *hidden, *sorted(path.name for path in (folder / "journal/journal").glob("run-*"))]


def kill_commits(base: Path) -> None:
    """Kill a commit at each of its steps and recover once."""
    step = 0
    alive = True
    while alive:
        folder = base / f"commit-{step}"
        prepare(folder)
        alive = killed_at(step, lambda folder=folder: commit(folder))
        FilesFolder(folder / "files", folder / "journal").recover()
        sys.stdout.write(f"{json.dumps([step, *left_in(folder)])}\n")
        step += 1


def kill_recoveries(base: Path, sealed: int) -> None:
    """Kill a commit once it is true, then its recovery at each of its steps, and recover again."""
    step = 0
    alive = True
    while alive:
        folder = base / f"recovery-{step}"
        prepare(folder)
        killed_at(sealed, lambda folder=folder: commit(folder))
        alive = killed_at(step, lambda folder=folder: FilesFolder(folder / "files", folder / "journal").recover())
        FilesFolder(folder / "files", folder / "journal").recover()
        sys.stdout.write(f"{json.dumps([step, *left_in(folder)])}\n")
        step += 1


if __name__ == "__main__":
    if len(sys.argv) > 2:
        kill_recoveries(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        kill_commits(Path(sys.argv[1]))
