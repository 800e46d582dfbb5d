"""Runs that write the same files wait for each other, in one process and in several; nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tacit.errors import FileConflict, FilesUnwritable, RunCancelled
from tacit.sandbox.cancellation import Cancellation
from tacit.sandbox.files.files_folder import FilesFolder
from tacit.store import Store

RIVAL = Path(__file__).with_name("rival_writer.py")


@pytest.mark.parametrize("patterns", [("count", "count"), ("count", "*"), ("**", "c?unt")])
def test_threads_lose_no_update(files: FilesFolder, patterns: tuple[str, str]) -> None:
    """Threads that read, change and write one file add up, whether they name it or use wildcards."""
    (files.root / "count").write_bytes(b"0")

    def add(pattern: str) -> None:
        for _ in range(15):
            with files.transaction([pattern]) as transaction:
                transaction.write("count", str(int(transaction.read("count")) + 1).encode())
                transaction.commit()

    threads = [threading.Thread(target=add, args=(patterns[number % 2],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (files.root / "count").read_bytes() == b"60"


def test_processes_lose_no_update(files: FilesFolder, tmp_path: Path) -> None:
    """Processes that read, change and write one file add up."""
    (files.root / "count").write_bytes(b"0")
    rivals = [
        subprocess.Popen([sys.executable, RIVAL, files.root, tmp_path / "journal", "20", pattern])
        for pattern in ("count", "count", "**")
    ]
    assert [rival.wait() for rival in rivals] == [0, 0, 0]
    assert (files.root / "count").read_bytes() == b"60"


def test_a_run_that_waits_too_long_gives_up(files: FilesFolder) -> None:
    """A file that stays locked is a conflict after the time that was given."""
    with files.transaction(["a"]), pytest.raises(FileConflict), files.transaction(["a"], None, 0.01):
        pass


@pytest.mark.parametrize(("held", "wanted"), [("a", "*"), ("**", "a"), ("*", "**")])
def test_a_wildcard_excludes_every_other_writer(files: FilesFolder, held: str, wanted: str) -> None:
    """A run with a wildcard and any other writer exclude each other."""
    with files.transaction([held]), pytest.raises(FileConflict), files.transaction([wanted], None, 0.01):
        pass


def test_different_files_do_not_wait(files: FilesFolder) -> None:
    """Runs that name different files hold their locks at the same time."""
    with files.transaction(["a"]), files.transaction(["b"], None, 0.01):
        pass


def test_a_reader_does_not_wait(files: FilesFolder) -> None:
    """A run without write patterns reads while another writes."""
    (files.root / "a").write_bytes(b"old")
    with files.transaction(["**"]) as writer, files.transaction([], None, 0.01) as reader:
        writer.write("a", b"new")
        assert reader.read("a") == b"old"


def test_opposite_orders_do_not_deadlock(files: FilesFolder) -> None:
    """Two runs that name the same files in opposite orders both get through."""
    done: list[int] = []

    def work(patterns: list[str]) -> None:
        for _ in range(20):
            with files.transaction(patterns):
                done.append(1)

    threads = [threading.Thread(target=work, args=(order,)) for order in (["a", "b"], ["b", "a"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 40


class Watched(Cancellation):
    """Says when a run begins to wait for a lock."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = threading.Event()

    def wait(self, seconds: float) -> bool:
        self.waiting.set()
        return super().wait(seconds)


def test_a_waiting_run_can_be_cancelled(files: FilesFolder) -> None:
    """Cancelling a run that waits for a lock ends it as cancelled, long before its time is up."""
    cancellation = Watched()
    outcome: list[str] = []

    def work() -> None:
        try:
            with files.transaction(["a"], cancellation, 3600):
                pass
        except RunCancelled as error:
            outcome.append(error.code)

    with files.transaction(["a"]):
        thread = threading.Thread(target=work)
        thread.start()
        cancellation.waiting.wait()
        cancellation.cancel()
        thread.join()
    assert outcome == ["cancelled"]


def test_a_waiting_wildcard_is_not_overtaken(files: FilesFolder) -> None:
    """Once a run waits for the whole folder, later ones queue behind it, so that it gets its turn."""
    cancellation = Watched()
    done: list[str] = []

    def work() -> None:
        with files.transaction(["**"], cancellation, 3600):
            done.append("whole")

    with files.transaction(["a"]):
        thread = threading.Thread(target=work)
        thread.start()
        cancellation.waiting.wait()
        with pytest.raises(FileConflict), files.transaction(["b"], None, 0.05):
            pass
    thread.join()
    assert done == ["whole"]


def test_without_a_place_for_locks_the_operator_is_told(store: Store, tmp_path: Path) -> None:
    """A state folder that cannot be written stops writers with what to check, and readers not at all."""
    (tmp_path / "journal").write_bytes(b"")
    (tmp_path / "a").write_bytes(b"text")
    files = FilesFolder(tmp_path, tmp_path / "journal", store.commits)
    with pytest.raises(FilesUnwritable), files.transaction(["a"]):
        pass
    with files.transaction() as reader:
        assert reader.read("a") == b"text"


def test_a_lock_is_free_after_a_failure(files: FilesFolder) -> None:
    """A run that fails lets go of its locks."""
    with pytest.raises(ZeroDivisionError), files.transaction(["a"]):
        raise ZeroDivisionError
    with files.transaction(["a"], None, 0.01):
        pass


def test_a_conflict_lets_go_of_what_was_taken(files: FilesFolder) -> None:
    """A run that got some of its locks and gave up holds none of them."""
    with files.transaction(["b"]), pytest.raises(FileConflict), files.transaction(["a", "b"], None, 0.01):
        pass
    with files.transaction(["a"], None, 0.01):
        pass


def test_a_forked_process_keeps_no_lock(files: FilesFolder) -> None:
    """A process that was forked in the middle of a run holds nothing once the run has ended."""
    reader, writer = os.pipe()
    with files.transaction(["a"]) as transaction:
        transaction.write("a", b"1")
        if (child := os.fork()) == 0:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
        os.close(reader)
        transaction.commit()
    try:
        for patterns in (["a"], ["**"]):
            with files.transaction(patterns, None, 0.01) as transaction:
                transaction.write("a", b"2")
                transaction.commit()
    finally:
        os.close(writer)
        os.waitpid(child, 0)


def test_a_killed_holder_lets_go(files: FilesFolder, tmp_path: Path) -> None:
    """The lock of a process that was killed is free."""
    code = (
        "import sys; from pathlib import Path; from tacit.sandbox.files.files_folder import FilesFolder\n"
        "from tacit.store import Store\n"
        "store = Store.open(Path(sys.argv[3]))\n"
        "files = FilesFolder(Path(sys.argv[1]), Path(sys.argv[2]), store.commits)\n"
        "with files.transaction(['a']): print(flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, files.root, tmp_path / "journal", tmp_path / "data"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(FileConflict), files.transaction(["a"], None, 0.01):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with files.transaction(["a"], None, 5):
            pass
