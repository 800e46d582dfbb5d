"""SIGKILL at every step of a commit and of its recovery leaves the folder whole."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tacit.errors import FilesUnwritable
from tacit.sandbox.files.files_folder import FilesFolder
from tacit.store import Store

HARNESS = Path(__file__).with_name("killed_commit.py")


def _run(*arguments: str) -> list[list[str]]:
    done = subprocess.run([sys.executable, HARNESS, *arguments], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


WRITTEN = ("one", "several")
OLD, NEW = ("old",), ("new", "write_them")
"""Either the files are old and no run is known, or they are new and the run that wrote them is."""


@pytest.fixture(scope="module", params=WRITTEN)
def killed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[list[str]]]:
    """How many files are written, and what is left of a commit that is killed before its first step, and so on."""
    return request.param, _run(str(tmp_path_factory.mktemp("killed")), request.param)


def test_a_commit_killed_anywhere_is_all_or_nothing(killed: tuple[str, list[list[str]]]) -> None:
    """Killed before any of its steps, files and record are all old or all new, and nothing else is left."""
    outcomes = [tuple(left) for _, *left in killed[1]]
    assert set(outcomes) == {OLD, NEW}
    assert outcomes == sorted(outcomes, reverse=True)


def test_a_recovery_killed_anywhere_is_completed_by_the_next(
    killed: tuple[str, list[list[str]]], tmp_path: Path
) -> None:
    """A commit that is true lands whole, with its record, however often its recovery is killed."""
    written, left = killed
    sealed = next(step for step, state, *_ in left if state == "new")
    outcomes = _run(str(tmp_path), written, str(sealed))
    assert len(outcomes) > 10
    assert {tuple(left) for _, *left in outcomes} == {NEW}


def _dead_commit(tmp_path: Path, files: FilesFolder) -> None:
    """Leave the state of a process that was killed right after its commit became true, by a version before."""
    staged = tmp_path / "journal/journal/run-dead"
    staged.mkdir(parents=True)
    for number, data in enumerate((b"1", b"2")):
        (staged / str(number)).write_bytes(data)
    (staged / "record").write_text(json.dumps(["a", "sub/b"]))
    assert not (files.root / "a").exists()


def test_the_next_writer_completes_a_dead_commit_first(files: FilesFolder, tmp_path: Path) -> None:
    """A run that changes a file sees what the killed one committed, without a restart in between."""
    _dead_commit(tmp_path, files)
    with files.transaction(["a"]) as transaction:
        transaction.write("a", transaction.read("a") + b" and more")
        transaction.commit()
    assert (files.root / "a").read_bytes() == b"1 and more"
    assert (files.root / "sub/b").read_bytes() == b"2"


def test_a_reader_completes_a_dead_commit_too(files: FilesFolder, tmp_path: Path) -> None:
    """A run that only reads does not see half of a commit."""
    _dead_commit(tmp_path, files)
    with files.transaction() as transaction:
        assert transaction.read("sub/b") == b"2"


def test_what_a_killed_choice_left_goes_once_nobody_chooses(files: FilesFolder, tmp_path: Path) -> None:
    """Where to stage is found out with an empty file; that of a process which does so just now is left to it."""
    probe = tmp_path / "journal/journal/probe-dead"
    probe.parent.mkdir(parents=True)
    probe.touch()
    with (tmp_path / "journal/recovery").open("w") as choosing:
        fcntl.flock(choosing, fcntl.LOCK_SH)
        files.recover()
        assert probe.exists()
    files.recover()
    assert not probe.exists()


def test_a_live_commit_is_left_alone(files: FilesFolder, tmp_path: Path) -> None:
    """Recovery does not touch a staging folder whose process lives."""
    _dead_commit(tmp_path, files)
    code = "import fcntl,os,sys; fd=os.open(sys.argv[1],os.O_RDONLY); fcntl.flock(fd,fcntl.LOCK_EX); print(); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "journal/journal/run-dead"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout
        holder.stdout.readline()
        files.recover()
        assert not (files.root / "a").exists()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    files.recover()
    assert (files.root / "a").read_bytes() == b"1"


def test_several_recoveries_at_once_do_it_once(files: FilesFolder, store: Store, tmp_path: Path) -> None:
    """Processes that start at the same moment complete a commit together without an error."""
    _dead_commit(tmp_path, files)
    errors: list[BaseException] = []
    barrier = threading.Barrier(6)

    def recover() -> None:
        barrier.wait()
        try:
            FilesFolder(files.root, tmp_path / "journal", store.commits).recover()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=recover) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert (files.root / "sub/b").read_bytes() == b"2"


def test_a_commit_that_cannot_be_completed_is_set_aside(files: FilesFolder, tmp_path: Path) -> None:
    """A folder in a file's place does not stop the start for ever: what was staged is kept for the operator."""
    _dead_commit(tmp_path, files)
    (files.root / "a").mkdir()
    files.recover()
    files.recover()
    kept = tmp_path / "journal/journal/failed-run-dead"
    assert (kept / "0").read_bytes() == b"1"


def test_a_commit_whose_first_rename_fails_is_called_off(files: FilesFolder, tmp_path: Path) -> None:
    """When nothing has landed yet nothing lands later: the run failed, and stays so."""
    with files.transaction(["**"]) as transaction:
        transaction.write("a", b"1")
        transaction.write("b", b"2")
        (files.root / "a").mkdir()
        with pytest.raises(FilesUnwritable):
            transaction.commit()
    (files.root / "a").rmdir()
    files.recover()
    assert list(files.root.iterdir()) == []
    assert list((tmp_path / "journal/journal").iterdir()) == []


def test_a_commit_that_fails_between_renames_is_completed_later(files: FilesFolder) -> None:
    """Half a commit does not stay half: once the obstacle is gone the next run completes it."""
    with files.transaction(["**"]) as transaction:
        transaction.write("a", b"1")
        transaction.write("b", b"2")
        (files.root / "b").mkdir()
        with pytest.raises(FilesUnwritable):
            transaction.commit()
    (files.root / "b").rmdir()
    with files.transaction() as reader:
        assert reader.read("b") == b"2"


def test_a_state_folder_on_another_file_system(store: Store, tmp_path: Path) -> None:
    """Where renames between the folders fail, files are staged in a hidden folder that no guest sees."""
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    state = other / f"tacit-test-{os.getpid()}"
    try:
        files = FilesFolder(tmp_path / "files", state, store.commits)
        with files.transaction(["**"]) as transaction:
            transaction.write("a", b"1")
            transaction.write("b", b"2")
            transaction.commit()
            assert transaction.list(()) == ["a", "b"]
        assert (files.root / "b").read_bytes() == b"2"
        assert [path.name for path in files.root.iterdir() if path.name.startswith(".")] == [".tacit-journal"]
    finally:
        subprocess.run(["rm", "-rf", state], check=True)
