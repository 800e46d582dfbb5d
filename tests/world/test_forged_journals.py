"""Recovery believes nothing that lies in the files folder, nor a path that no guest could have written."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

from tacit.errors import FilesUnwritable, StoreBusy
from tacit.sandbox import FilesFolder
from tacit.sandbox.files.journal import Journal
from tacit.sandbox.files.staging import Sealed, Staging
from tacit.store import RunRecord, Store, new_run_id

PATHS = (
    "../../x.txt",
    "../x.txt",
    "/{tmp}/x.txt",
    "a/../../../x.txt",
    "link/x.txt",
    ".tacit-journal/x.txt",
    "data/x.txt",
)
"""Paths that lead outside, through a link, or to what is Tacit's own; `{tmp}` is the test's folder."""


@pytest.fixture
def folder(tmp_path: Path, store: Store) -> FilesFolder:
    """A files folder with a link to what lies outside, whose folder `data` no guest reaches."""
    (tmp_path / "files/data").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "files/link").symlink_to(tmp_path / "outside")
    return FilesFolder(tmp_path / "files", tmp_path / "state", store.commits, hidden=tmp_path / "files/data")


def forge(journal: Path, record: bytes, *staged: bytes) -> None:
    """Put into a journal what versions before took for a commit of a killed run."""
    staging = journal / "run-1"
    staging.mkdir(parents=True)
    (staging / "record").write_bytes(record)
    for number, data in enumerate(staged):
        (staging / str(number)).write_bytes(data)


def read_all(files: FilesFolder) -> None:
    """Do what brings recovery about: start, read, write."""
    files.recover()
    with files.transaction() as reader:
        reader.list(())
    with files.transaction(["seen"]) as writer:
        writer.write("seen", b"1")
        writer.commit()


def tree(root: Path) -> dict[str, bytes | str]:
    """Return every file below a folder, but for the database, with what is in it; a link is where it leads."""
    found: dict[str, bytes | str] = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file() and "tacit.db" not in name:
            found[name] = path.read_bytes()
    return found


@pytest.mark.parametrize("path", [*PATHS, "harmless.txt"])
def test_a_journal_in_the_files_folder_is_never_completed(
    folder: FilesFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    """Whoever handed the folder over may have put it there: it is set aside, and a warning says so."""
    forge(folder.root / ".tacit-journal", json.dumps([path.format(tmp=tmp_path)]).encode(), b"forged")
    read_all(folder)
    forged = [name for name, data in tree(tmp_path).items() if data == b"forged"]
    assert forged == ["files/.tacit-journal/failed-run-1/0"]
    assert "run-1 in the files folder" in caplog.text


@pytest.mark.parametrize("path", PATHS)
def test_a_commit_from_before_lands_only_where_a_guest_may_write(
    folder: FilesFolder, tmp_path: Path, path: str
) -> None:
    """Also one that lies in the data folder's own journal: it is kept for the operator."""
    record = json.dumps(["fine.txt", path.format(tmp=tmp_path)]).encode()
    forge(tmp_path / "state/journal", record, b"fine", b"forged")
    read_all(folder)
    assert not (folder.root / "fine.txt").exists()
    assert [name for name, data in tree(tmp_path).items() if data == b"forged"] == ["state/journal/failed-run-1/1"]


@pytest.mark.parametrize(
    "record",
    [b"[" * 200_000, b"\xff\xfe", b'{"a": 1}', b"[1]", b'["a", "a"]', b'["\\ud800"]', b'["a/"]', b'[""]', b"", b"7"],
)
def test_a_record_that_is_none_stops_no_start(folder: FilesFolder, tmp_path: Path, record: bytes) -> None:
    """It is kept as it is, and everything goes on."""
    forge(tmp_path / "state/journal", record, b"forged", b"forged")
    read_all(folder)
    assert (folder.root / "seen").read_bytes() == b"1"
    assert (tmp_path / "state/journal/failed-run-1/record").read_bytes() == record


def test_a_record_that_is_no_file_is_not_waited_for(folder: FilesFolder, tmp_path: Path) -> None:
    """A pipe would never end."""
    (tmp_path / "state/journal/run-1").mkdir(parents=True)
    os.mkfifo(tmp_path / "state/journal/run-1/record")
    read_all(folder)
    assert (folder.root / "seen").exists()


def test_a_journal_that_is_a_link_leads_nowhere(folder: FilesFolder, tmp_path: Path) -> None:
    """What lies where it points is neither completed, nor renamed, nor removed."""
    forge(tmp_path / "outside", b'["a.txt"]', b"forged")
    before = tree(tmp_path / "outside")
    (folder.root / ".tacit-journal").symlink_to(tmp_path / "outside")
    read_all(folder)
    assert tree(tmp_path / "outside") == before
    assert not (folder.root / "a.txt").exists()


class Killed(BaseException):
    """Stands for the end of a process: nothing handles it."""


@contextmanager
def killed_before_landing() -> Iterator[None]:
    """Let commits end right after they are sealed."""

    def land(*_: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        patch.setattr(Staging, "land", land)
        yield


def seal(files: FilesFolder, **written: bytes) -> str:
    """Leave a commit that is sealed and has not landed; return the id of its run."""
    run = RunRecord(new_run_id(), "write_it", 1, b"", b"", None, b"", 1, 1, 0.1, 0)
    with killed_before_landing(), files.transaction(["**"]) as transaction:
        for name, data in written.items():
            transaction.write(name, data)
        transaction.commit(run)
    return run.run_id


@pytest.fixture
def inside(folder: FilesFolder, monkeypatch: pytest.MonkeyPatch) -> FilesFolder:
    """The files folder as one on a file system of its own: files are staged in it."""
    monkeypatch.setattr(Journal, "_renames_from_beside", lambda _: False)
    return folder


def staged_in(files: FilesFolder) -> Path:
    """Return the one folder with staged files in the files folder."""
    (found,) = (files.root / ".tacit-journal").iterdir()
    return found


def exchanged(staged: Path) -> None:
    staged.write_bytes(b"forged")


def longer(staged: Path) -> None:
    os.truncate(staged, 1 << 40)


def linked(staged: Path) -> None:
    (staged.parent.parent.parent / "other").hardlink_to(staged)


def symbolic(staged: Path) -> None:
    staged.rename(staged.with_name("real"))
    staged.symlink_to("real")


def piped(staged: Path) -> None:
    staged.unlink()
    os.mkfifo(staged)


@pytest.mark.parametrize("forging", [exchanged, longer, linked, symbolic, piped])
def test_staged_bytes_that_are_not_what_was_sealed_do_not_land(
    inside: FilesFolder, store: Store, forging: Callable[[Path], None]
) -> None:
    """The run is then known as one that failed, and none of its files is there."""
    run_id = seal(inside, first=b"1", second=b"2")
    forging(staged_in(inside) / "1")
    inside.recover()
    assert not (inside.root / "first").exists()
    assert not os.path.lexists(inside.root / "second")
    assert store.runs.get(run_id).error_code == "files_unwritable"
    assert store.commits.names() == []


def test_staged_bytes_in_the_files_folder_land_as_they_were_sealed(inside: FilesFolder, store: Store) -> None:
    """And nothing is left of them but the folder."""
    run_id = seal(inside, first=b"1", second=b"2")
    inside.recover()
    assert ((inside.root / "first").read_bytes(), (inside.root / "second").read_bytes()) == (b"1", b"2")
    assert list((inside.root / ".tacit-journal").iterdir()) == []
    assert store.runs.get(run_id).error_code is None


def test_a_link_in_the_place_of_the_staging_folder_stops_the_commit(inside: FilesFolder, tmp_path: Path) -> None:
    """Nothing is staged where it points, and the run fails."""
    (inside.root / ".tacit-journal").symlink_to(tmp_path / "outside")
    with inside.transaction(["a"]) as transaction:
        transaction.write("a", b"1")
        with pytest.raises(FilesUnwritable):
            transaction.commit()
    assert list((tmp_path / "outside").iterdir()) == []


def test_data_folders_that_share_a_files_folder_leave_each_others_commits_alone(
    inside: FilesFolder, tmp_path: Path
) -> None:
    """Neither completes what the other sealed, nor takes its staged bytes away; its own process completes it."""
    seal(inside, first=b"1", second=b"2")
    with Store.open(tmp_path / "other") as other:
        rival = FilesFolder(inside.root, tmp_path / "other/journal", other.commits)
        read_all(rival)
        assert not (inside.root / "first").exists()
    read_all(inside)
    assert (inside.root / "second").read_bytes() == b"2"


def test_a_commit_lands_in_its_own_files_folder_alone(
    folder: FilesFolder, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A data folder that is opened with another one says that something is pending, once, and goes on."""
    seal(folder, first=b"1")
    (tmp_path / "others").mkdir()
    other = FilesFolder(tmp_path / "others", tmp_path / "state", store.commits)
    for _ in range(2):
        read_all(other)
    assert [path.name for path in other.root.iterdir()] == ["seen"]
    assert caplog.text.count("a commit to another files folder is pending") == 1
    read_all(folder)
    assert (folder.root / "first").read_bytes() == b"1"


def test_a_commit_lands_in_a_files_folder_that_was_moved(folder: FilesFolder, store: Store, tmp_path: Path) -> None:
    """There is none any more where it was."""
    seal(folder, first=b"1")
    moved = FilesFolder(folder.root.rename(tmp_path / "moved"), tmp_path / "state", store.commits)
    moved.recover()
    assert (moved.root / "first").read_bytes() == b"1"


def test_a_commit_waits_for_what_keeps_it_from_landing(
    folder: FilesFolder, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk is no reason to set it aside; runs go on meanwhile, and one warning says so."""
    run_id = seal(folder, first=b"1")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(Staging, "land", full)
        for _ in range(3):
            with folder.transaction() as reader:
                assert reader.list(()) == []
    assert len(caplog.records) == 1
    with folder.transaction() as reader:
        assert reader.read("first") == b"1"
    assert store.runs.get(run_id).error_code is None


def test_a_commit_of_which_the_ledger_cannot_be_told_has_landed_all_the_same(
    folder: FilesFolder, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run tells it."""

    def busy(*_: object) -> None:
        raise StoreBusy("locked")

    with monkeypatch.context() as patch, folder.transaction(["a"]) as transaction:
        patch.setattr(store.commits, "finish", busy)
        transaction.write("a", b"1")
        transaction.commit(RunRecord(new_run_id(), "write_it", 1, b"", b"", None, b"", 1, 1, 0.1, 0))
        assert (folder.root / "a").read_bytes() == b"1"
    assert len(store.commits.names()) == 1
    (folder.root / "a").write_bytes(b"changed since")
    with folder.transaction() as reader:
        assert reader.read("a") == b"changed since"
    assert store.commits.names() == []


def test_half_a_commit_is_recorded_and_completed_later(
    folder: FilesFolder, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says that a part is written, and that it is not to be run again."""
    run = RunRecord(new_run_id(), "write_it", 1, b"", b"", None, b"", 1, 1, 0.1, 0)
    land = Staging.land

    def land_one(staging: Staging, sealed: Sealed) -> None:
        land(staging, sealed[:1])
        raise OSError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch, folder.transaction(["**"]) as transaction:
        patch.setattr(Staging, "land", land_one)
        transaction.write("a", b"1")
        transaction.write("b", b"2")
        with pytest.raises(FilesUnwritable, match="do not run it again") as caught:
            transaction.commit(run)
        assert transaction.kept
    assert caught.value.details == {"partly_written": True}
    with folder.transaction() as reader:
        assert reader.read("b") == b"2"
    assert store.runs.get(run.run_id) == run


def test_a_commit_that_is_called_off_leaves_no_record(
    folder: FilesFolder, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has landed, so the run that failed is recorded as such by whoever ran it."""

    def refused(*_: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    run = RunRecord(new_run_id(), "write_it", 1, b"", b"", None, b"", 1, 1, 0.1, 0)
    with monkeypatch.context() as patch, folder.transaction(["**"]) as transaction:
        patch.setattr(Staging, "land", refused)
        transaction.write("a", b"1")
        with pytest.raises(FilesUnwritable):
            transaction.commit(run)
        assert not transaction.kept
    assert not store.outlines.has(run.run_id)
    assert store.commits.names() == []


def gone_beside(tmp_path: Path, files: FilesFolder) -> None:
    shutil.rmtree(tmp_path / "state/journal")


def gone_inside(tmp_path: Path, files: FilesFolder) -> None:
    shutil.rmtree(files.root / ".tacit-journal")


@pytest.mark.parametrize("removed", [gone_beside, gone_inside])
def test_a_commit_whose_staged_files_were_removed_is_no_success(
    inside: FilesFolder, store: Store, tmp_path: Path, removed: Callable[[Path, FilesFolder], None]
) -> None:
    """A file that is not staged is in place only where its bytes are there."""
    run_id = seal(inside, first=b"1", second=b"2")
    removed(tmp_path, inside)
    inside.recover()
    landed = [(inside.root / name).exists() for name in ("first", "second")]
    assert (landed, store.runs.get(run_id).error_code) in (([True, True], None), ([False, False], "files_unwritable"))


def test_what_waits_is_not_written_by_later_runs(
    folder: FilesFolder, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that cannot be completed now would land over them; other files are written."""
    seal(folder, first=b"1", second=b"2")
    with monkeypatch.context() as patch:

        def denied(*_: object, **__: object) -> None:
            raise PermissionError(errno.EACCES, "denied")

        patch.setattr(Journal, "_complete", denied)
        for name, refused in (("first", True), ("third", False)):
            with folder.transaction([name]) as later:
                later.write(name, b"newer")
                with pytest.raises(FilesUnwritable, match="waits for") if refused else nullcontext():
                    later.commit()
    read_all(folder)
    assert [(folder.root / name).read_bytes() for name in ("first", "second", "third")] == [b"1", b"2", b"newer"]
    with folder.transaction(["first"]) as later:
        later.write("first", b"newer")
        later.commit()
    assert (folder.root / "first").read_bytes() == b"newer"


def test_a_commit_lands_in_its_own_folder_alone(folder: FilesFolder, store: Store, tmp_path: Path) -> None:
    """Also where that was renamed: another one is not taken for it, and the renamed one is."""
    seal(folder, first=b"1", second=b"2")
    folder.root.rename(tmp_path / "renamed")
    (tmp_path / "another").mkdir()
    FilesFolder(tmp_path / "another", tmp_path / "state", store.commits).recover()
    assert not (tmp_path / "another" / "first").exists()
    FilesFolder(tmp_path / "renamed", tmp_path / "state", store.commits).recover()
    assert (tmp_path / "renamed" / "first").read_bytes() == b"1"


def test_whatever_ends_a_commit_after_its_seal_leaves_it_to_be_completed(
    folder: FilesFolder, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record is kept, so its files must not be thrown away."""
    seal_first = store.commits.seal

    def interrupted(*arguments: Any) -> None:
        seal_first(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(store.commits, "seal", interrupted)
    run = RunRecord(new_run_id(), "write_it", 1, b"", b"", None, b"", 1, 1, 0.1, 0)
    with folder.transaction(["**"]) as transaction:
        transaction.write("first", b"1")
        with pytest.raises(KeyboardInterrupt):
            transaction.commit(run)
    folder.recover()
    assert (folder.root / "first").read_bytes() == b"1"
    assert store.runs.get(run.run_id).error_code is None
