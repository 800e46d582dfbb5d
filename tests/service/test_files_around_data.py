"""A files folder in which the data folder lies: capabilities reach no part of it, whatever is granted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from service_samples import OpenApp

from tacit.app import App
from tacit.config import Settings
from tacit.errors import InvalidSettings, PermissionDenied
from tacit.models import Permissions
from tacit.sandbox import FilesFolder
from tacit.store import Store

OPEN = "import sys; from pathlib import Path; from tacit.store import Store; Store.open(Path(sys.argv[1])).close()"
EVERYTHING = Permissions(read=("**",), write=("**",))


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store, which seals commits, in a folder elsewhere."""
    with Store.open(tmp_path_factory.mktemp("elsewhere")) as opened:
        yield opened


@pytest.fixture
def around(open_app: OpenApp, tmp_path: Path) -> App:
    """An app whose files folder is the one above its data folder, all of it granted."""
    (tmp_path / "notes.txt").write_text("SQLite format 3 is what a database begins with")
    return open_app(files=tmp_path, grants=EVERYTHING)


def test_a_search_leaves_the_locks_of_the_database(around: App, tmp_path: Path) -> None:
    """To read and close the database would drop them, and a process that closes it then take its log away."""
    found = around.service.run("search_files", {"query": "SQLite format"}).output
    assert {match["path"] for match in found["matches"]} == {"notes.txt"}
    subprocess.run([sys.executable, "-c", OPEN, str(tmp_path / "data")], check=True)
    assert (tmp_path / "data/tacit.db-wal").exists()


@pytest.mark.parametrize("folder", ["data", "data/files", "data/index"])
def test_the_data_folder_cannot_be_searched(around: App, folder: str) -> None:
    """Asking for it by name is refused, and says why."""
    with pytest.raises(PermissionDenied, match="where Tacit keeps its own data"):
        around.service.run("search_files", {"query": "E001", "folder": folder})


def test_the_data_folder_cannot_be_written(store: Store, tmp_path: Path) -> None:
    """A run that may write everywhere puts no file in the place of the database, also where a link names the folder."""
    (tmp_path / "link").symlink_to(tmp_path)
    files = FilesFolder(tmp_path, tmp_path / "data/journal", store.commits, hidden=tmp_path / "link/data")
    with files.transaction(["**"]) as transaction, pytest.raises(PermissionDenied):
        transaction.write("data/tacit.db", b"nothing")


def test_the_data_folder_is_not_listed(store: Store, tmp_path: Path) -> None:
    """Its name is left out where it lies, and stays where another folder is called the same."""
    for folder in ("a/data", "b/data"):
        (tmp_path / folder).mkdir(parents=True)
    files = FilesFolder(tmp_path, tmp_path / "a/data/journal", store.commits, hidden=tmp_path / "a/data")
    with files.transaction() as transaction:
        assert (transaction.list(("a",)), transaction.list(("b",))) == ([], ["data/"])


@pytest.mark.parametrize("place", ["", "journal", "index", "compiled/files"])
def test_the_data_folder_cannot_be_the_files_folder(tmp_path: Path, place: str) -> None:
    """Nor can what Tacit keeps in it, also through a link."""
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with pytest.raises(InvalidSettings, match=r"files: .* is where Tacit keeps its own data"):
        Settings.load(data=tmp_path / "data", files=tmp_path / "link" / place)
