"""A data folder that is moved, deleted or replaced while its store is open, and folders of odd names."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from store_samples import run_record

from tacit.errors import StoreDamaged
from tacit.store import Store, sqlite


def _move(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


def _replace(folder: Path) -> None:
    _move(folder)
    Store.open(folder).close()


@pytest.mark.parametrize("change", [_move, shutil.rmtree, _replace])
def test_a_folder_that_is_gone_is_said(store: Store, folder: Path, change: Callable[[Path], None]) -> None:
    """Reading and writing are refused, since new connections would go to what is there now, or make it anew."""
    change(folder)
    before = folder.exists()
    for ask in (store.builds.abandon_stale, lambda: store.builds.start("1", "a", "{}"), store.database.raw_connection):
        with pytest.raises(StoreDamaged, match=r"no longer the one .* Put it back, or start what uses it again"):
            ask()
    assert folder.exists() == before


def test_a_folder_that_comes_back_serves_again(store: Store, folder: Path) -> None:
    """Nothing has to be started again when the operator only moved it there and back."""
    _move(folder)
    with pytest.raises(StoreDamaged):
        store.builds.recent(1)
    folder.with_name("moved").rename(folder)
    assert store.builds.recent(1) == []


def test_a_missing_database_is_not_made_by_an_open_one(folder: Path, store: Store) -> None:
    """An engine makes no file, also where it goes between the look at it and the connection."""
    (folder / "tacit.db").unlink()
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        sqlite.open_engine(folder / "tacit.db", writable=True, busy_seconds=1).raw_connection()
    assert not (folder / "tacit.db").exists()


def test_the_current_folder_may_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that was named from the current one stays where it was."""
    monkeypatch.chdir(tmp_path)
    with Store.open(Path("data")) as store:
        monkeypatch.chdir("/")
        store.runs.record(run_record())
        assert len(store.runs.tallies()) == 1
    assert (tmp_path / "data/tacit.db").exists()


def test_a_folder_whose_name_is_no_text_is_taken(tmp_path: Path) -> None:
    """File names are bytes; those that are not UTF-8 name a data folder as well."""
    folder = tmp_path / os.fsdecode(b"data \xff")
    with Store.open(folder) as store:
        store.runs.record(run_record())
    assert list(tmp_path.iterdir()) == [folder]
