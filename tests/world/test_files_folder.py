"""The files folder: confinement, and what a transaction reads, writes and lands."""

from __future__ import annotations

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from tacit.errors import FileConflict, FilesUnwritable, PermissionDenied
from tacit.sandbox.files.files_folder import FilesFolder
from tacit.sandbox.files.folder import list_folder, read_file
from tacit.sandbox.world import FailureCode, HostFailure
from tacit.store import Store


def _commit(files: FilesFolder, **written: bytes) -> None:
    with files.transaction(["**"]) as transaction:
        for name, data in written.items():
            transaction.write(name, data)
        transaction.commit()


def _failure(caught: pytest.ExceptionInfo[HostFailure]) -> FailureCode:
    return caught.value.code


def test_a_run_reads_what_it_wrote(files: FilesFolder) -> None:
    """Writes of the run are seen by its reads before they land."""
    (files.root / "a").write_bytes(b"old")
    with files.transaction(["a"]) as transaction:
        transaction.write("a", b"new")
        assert transaction.read("a") == b"new"
        assert (files.root / "a").read_bytes() == b"old"


def test_nothing_lands_without_commit(files: FilesFolder) -> None:
    """Leaving a transaction forgets its writes and leaves no trace in the folder."""
    with files.transaction(["**"]) as transaction:
        transaction.write("x/a", b"1")
    assert list(files.root.iterdir()) == []


def test_a_commit_lands_everything(files: FilesFolder) -> None:
    """All files of a commit are there, in folders that it made."""
    with files.transaction(["**"]) as transaction:
        transaction.write("a", b"1")
        transaction.write("x/y/b", b"2")
        transaction.commit()
    assert (files.root / "a").read_bytes() == b"1"
    assert (files.root / "x/y/b").read_bytes() == b"2"


def test_a_commit_leaves_nothing_else_behind(files: FilesFolder, tmp_path: Path) -> None:
    """No staging folder and no probe stay."""
    _commit(files, a=b"1", b=b"2")
    assert sorted(path.name for path in files.root.iterdir()) == ["a", "b"]
    assert list((tmp_path / "journal/journal").iterdir()) == []


def test_a_rolled_back_write_is_forgotten(files: FilesFolder) -> None:
    """What a failed callee wrote is undone, what its caller wrote before stays."""
    with files.transaction(["**"]) as transaction:
        transaction.write("a", b"caller")
        savepoint = transaction.savepoint()
        transaction.write("a", b"callee")
        transaction.write("b", b"callee")
        transaction.rollback(savepoint)
        assert transaction.written == {"a": b"caller"}


def test_an_existing_files_mode_is_kept(files: FilesFolder) -> None:
    """A file that only its owner reads stays so."""
    (files.root / "a").write_bytes(b"old")
    (files.root / "a").chmod(0o600)
    _commit(files, a=b"new")
    assert stat.S_IMODE((files.root / "a").stat().st_mode) == 0o600
    assert (files.root / "a").read_bytes() == b"new"


def test_a_new_files_mode_follows_the_umask(files: FilesFolder) -> None:
    """A new file is 0644 without what the umask takes."""
    before = os.umask(0o027)
    try:
        _commit(files, a=b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((files.root / "a").stat().st_mode) == 0o640


def test_a_missing_file_is_not_found(files: FilesFolder) -> None:
    """Reading what is not there is the guest's to handle."""
    with files.transaction() as transaction, pytest.raises(HostFailure) as caught:
        transaction.read("nothing")
    assert _failure(caught) is FailureCode.NOT_FOUND


def test_a_missing_files_folder_is_an_empty_one(store: Store, tmp_path: Path) -> None:
    """A folder that does not exist yet has no files, and the first commit makes it."""
    files = FilesFolder(tmp_path / "none/files", tmp_path / "journal", store.commits)
    with files.transaction() as transaction, pytest.raises(HostFailure) as caught:
        transaction.read("a")
    assert _failure(caught) is FailureCode.NOT_FOUND
    _commit(files, a=b"1")
    assert (tmp_path / "none/files/a").read_bytes() == b"1"


def test_a_file_over_the_limit_is_not_read(files: FilesFolder) -> None:
    """One byte more than the limit is too large."""
    (files.root / "a").write_bytes(b"x" * 1001)
    with files.transaction() as transaction, pytest.raises(HostFailure) as caught:
        transaction.read("a")
    assert _failure(caught) is FailureCode.TOO_LARGE


def test_a_huge_sparse_file_is_refused_by_its_size(files: FilesFolder) -> None:
    """A file of a terabyte is refused before anything of it is read."""
    with (files.root / "a").open("wb") as file:
        file.truncate(1 << 40)
    with files.transaction() as transaction, pytest.raises(HostFailure) as caught:
        transaction.read("a")
    assert _failure(caught) is FailureCode.TOO_LARGE


def test_a_write_over_the_limit_is_refused(files: FilesFolder) -> None:
    """A file of more bytes than the limit is not kept."""
    with files.transaction(["**"]) as transaction, pytest.raises(HostFailure) as caught:
        transaction.write("a", b"x" * 1001)
    assert _failure(caught) is FailureCode.TOO_LARGE


def test_all_writes_together_have_a_limit(files: FilesFolder) -> None:
    """Four times the limit of one file is the limit of all; writing one anew does not add up."""
    with files.transaction(["**"]) as transaction:
        for name in "abcd" * 2:
            transaction.write(name, b"x" * 1000)
        with pytest.raises(HostFailure) as caught:
            transaction.write("e", b"x")
    assert _failure(caught) is FailureCode.TOO_LARGE


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a")])
def test_a_name_is_not_a_file_and_a_folder_at_once(files: FilesFolder, first: str, second: str) -> None:
    """A commit that could not land is refused when it is written."""
    with files.transaction(["**"]) as transaction:
        transaction.write(first, b"1")
        with pytest.raises(HostFailure) as caught:
            transaction.write(second, b"2")
    assert _failure(caught) is FailureCode.INVALID


def test_a_folder_is_not_overwritten(files: FilesFolder) -> None:
    """Writing over a folder is refused."""
    (files.root / "a").mkdir()
    with files.transaction(["**"]) as transaction, pytest.raises(HostFailure) as caught:
        transaction.write("a", b"1")
    assert _failure(caught) is FailureCode.INVALID


def test_a_write_outside_the_locked_globs_is_a_conflict(files: FilesFolder) -> None:
    """A path that no lock protects cannot be written, allowed since the run began or not."""
    with files.transaction(["a"]) as transaction, pytest.raises(FileConflict):
        transaction.write("b", b"1")


def test_listing_shows_files_and_folders_only(files: FilesFolder) -> None:
    """Folders end in a slash; links, FIFOs and Tacit's own names do not appear."""
    (files.root / "sub").mkdir()
    (files.root / "b.txt").write_bytes(b"")
    (files.root / "link").symlink_to("b.txt")
    (files.root / ".tacit-journal").mkdir()
    os.mkfifo(files.root / "fifo")
    assert list_folder(files.root, ()) == ["b.txt", "sub/"]


def test_listing_shows_what_the_run_wrote(files: FilesFolder) -> None:
    """New files, and folders that only the run's writes make, are listed."""
    (files.root / "a").write_bytes(b"")
    with files.transaction(["**"]) as transaction:
        transaction.write("new/x/y", b"")
        assert transaction.list(()) == ["a", "new/"]
        assert transaction.list(("new",)) == ["x/"]
        with pytest.raises(HostFailure):
            transaction.list(("none",))


def test_a_name_that_is_not_unicode_is_not_listed(files: FilesFolder) -> None:
    """A file whose name no guest could write is left out."""
    (files.root / os.fsdecode(b"\xff")).touch()
    assert list_folder(files.root, ()) == []


def test_a_link_to_a_file_outside_is_not_followed(files: FilesFolder, tmp_path: Path) -> None:
    """A symbolic link out of the folder ends the run, for reads and for writes."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (files.root / "a").symlink_to(secret)
    with files.transaction(["**"]) as transaction:
        with pytest.raises(PermissionDenied, match="symbolic link"):
            transaction.read("a")
        with pytest.raises(PermissionDenied, match="symbolic link"):
            transaction.write("a", b"overwritten")
    assert secret.read_bytes() == b"secret"


def test_a_link_to_a_folder_outside_is_not_followed(files: FilesFolder, tmp_path: Path) -> None:
    """A symbolic link in the middle of a path ends the run, for reads, listings and writes."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_bytes(b"secret")
    (files.root / "sub").symlink_to(outside)
    with files.transaction(["**"]) as transaction:
        for attempt in (
            lambda: transaction.read("sub/a"),
            lambda: transaction.list(("sub",)),
            lambda: transaction.write("sub/b", b""),
        ):
            with pytest.raises(PermissionDenied, match="symbolic link"):
                attempt()
    assert sorted(path.name for path in outside.iterdir()) == ["a"]


def test_a_link_within_the_folder_is_not_followed_either(files: FilesFolder) -> None:
    """A link could lead past a glob, so none is followed."""
    (files.root / "private").write_bytes(b"secret")
    (files.root / "public").symlink_to("private")
    with files.transaction() as transaction, pytest.raises(PermissionDenied):
        transaction.read("public")


def test_a_folder_swapped_for_a_link_leads_nowhere(files: FilesFolder, tmp_path: Path) -> None:
    """While a folder is swapped with a link again and again, no read ever sees what is outside."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_bytes(b"secret")
    (files.root / "real").mkdir()
    (files.root / "real/a").write_bytes(b"mine")
    (files.root / "link").symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (files.root / "real").rename(files.root / "sub")
            (files.root / "sub").rename(files.root / "real")
            (files.root / "link").rename(files.root / "sub")
            (files.root / "sub").rename(files.root / "link")

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen: set[bytes] = set()
    try:
        for _ in range(2000):
            try:
                seen.add(read_file(files.root, ("sub", "a"), 1000))
            except (HostFailure, PermissionDenied):
                continue
    finally:
        stop.set()
        swapper.join()
    assert seen <= {b"mine"}


def test_a_folder_swapped_before_the_commit_lands_nothing_outside(files: FilesFolder, tmp_path: Path) -> None:
    """A link that appears between the write and the commit makes the commit fail, not land elsewhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (files.root / "sub").mkdir()
    with files.transaction(["**"]) as transaction:
        transaction.write("sub/a", b"1")
        (files.root / "sub").rmdir()
        (files.root / "sub").symlink_to(outside)
        with pytest.raises(FilesUnwritable):
            transaction.commit()
    assert list(outside.iterdir()) == []


def test_a_fifo_does_not_block(files: FilesFolder) -> None:
    """Reading a FIFO that nobody writes to answers at once."""
    os.mkfifo(files.root / "fifo")
    with files.transaction() as transaction, pytest.raises(HostFailure) as caught:
        transaction.read("fifo")
    assert _failure(caught) is FailureCode.INVALID


def test_a_socket_is_not_read(files: FilesFolder) -> None:
    """A socket in the folder is no regular file."""
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(files.root, os.O_RDONLY)
        try:
            listener.bind(f"/proc/self/fd/{here}/sock")
        finally:
            os.close(here)
        with files.transaction() as transaction, pytest.raises(HostFailure) as caught:
            transaction.read("sock")
    assert _failure(caught) is FailureCode.INVALID


@pytest.mark.skipif(os.geteuid() != 0, reason="making a device needs root")
def test_a_device_is_not_read(files: FilesFolder) -> None:
    """A device in the folder is no regular file."""
    os.mknod(files.root / "zero", 0o644 | stat.S_IFCHR, os.makedev(1, 5))
    with files.transaction() as transaction, pytest.raises(HostFailure) as caught:
        transaction.read("zero")
    assert _failure(caught) is FailureCode.INVALID


@pytest.mark.parametrize("path", ["/proc/self/environ", "../journal/locks/folder", "a/../../journal"])
def test_the_host_is_out_of_reach(files: FilesFolder, path: str) -> None:
    """Absolute paths and parents end the run before anything is opened."""
    with files.transaction() as transaction, pytest.raises(PermissionDenied):
        transaction.read(path)


def test_a_failure_names_no_path_of_the_host(files: FilesFolder) -> None:
    """What a guest is told has its own path only."""
    with files.transaction() as transaction, pytest.raises(HostFailure) as caught:
        transaction.read("deep/er/file")
    assert str(files.root) not in caught.value.message


def test_a_folder_that_cannot_be_written_is_the_operators(store: Store, tmp_path: Path) -> None:
    """A file in place of the files folder makes the commit fail with what to check."""
    (tmp_path / "files").write_bytes(b"")
    files = FilesFolder(tmp_path / "files", tmp_path / "journal", store.commits)
    with files.transaction(["**"]) as transaction:
        with pytest.raises(HostFailure):
            transaction.write("a", b"1")
        with pytest.raises(FilesUnwritable) as caught:
            transaction._journal.commit({"a": b"1"})
    assert str(tmp_path / "files") in caught.value.hint


def test_a_missing_file_is_put_there_once(store: Store, tmp_path: Path) -> None:
    """What somebody has made of it is never replaced; its folder is made for its owner alone."""
    files = FilesFolder(tmp_path / "files", tmp_path / "journal", store.commits)
    assert files.put_missing("sample.json", b"{}")
    (files.root / "sample.json").write_text("changed")
    assert not files.put_missing("sample.json", b"{}")
    assert (files.root / "sample.json").read_text() == "changed"
    assert stat.S_IMODE(files.root.stat().st_mode) == 0o700
    assert [path.name for path in files.root.iterdir()] == ["sample.json"]


def test_a_link_in_the_place_of_a_missing_file_is_left_alone(files: FilesFolder, tmp_path: Path) -> None:
    """Even one that leads nowhere is something that is there."""
    (files.root / "link.json").symlink_to(tmp_path / "nowhere")
    assert not files.put_missing("link.json", b"{}")
    assert not (tmp_path / "nowhere").exists()


def test_of_several_who_put_a_missing_file_one_does(files: FilesFolder) -> None:
    """Whoever waited for the other finds it there."""
    done: list[bool] = []
    threads = [threading.Thread(target=lambda: done.append(files.put_missing("a", b"1" * 900))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, False, False, True]


def test_a_files_folder_that_cannot_be_made_is_said(store: Store, tmp_path: Path) -> None:
    """One sentence, as an error of Tacit."""
    (tmp_path / "file").write_text("")
    with pytest.raises(FilesUnwritable, match="cannot be made: Not a directory"):
        FilesFolder(tmp_path / "file" / "files", tmp_path / "journal", store.commits).put_missing("sample.json", b"{}")
