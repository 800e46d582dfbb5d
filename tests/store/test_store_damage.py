"""Damaged databases: named, explained, and never deleted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from store_samples import run_record

from tacit.errors import StoreDamaged
from tacit.store import Store


@pytest.fixture
def database(folder: Path) -> Path:
    """A database of a few hundred pages that no process has open."""
    with Store.open(folder) as store:
        for number in range(300):
            store.runs.record(run_record(calls=os.urandom(2000 + number)))
    return folder / "tacit.db"


def use(folder: Path) -> int:
    """Open a store, read all that is in it, and return how many runs it has."""
    with Store.open(folder) as store:
        store.generation()
        store.vectors.get(["a"])
        store.builds.get("0")
        with store.database.read() as connection:
            connection.exec_driver_sql("SELECT count(*), sum(length(data)) FROM blobs").all()
            return connection.exec_driver_sql("SELECT count(input) FROM runs").scalar_one()


def noise(path: Path) -> None:
    """Fill the file with random bytes."""
    path.write_bytes(os.urandom(path.stat().st_size))


def cut_off(path: Path) -> None:
    """Cut off the second half of the file."""
    os.truncate(path, path.stat().st_size // 2)


def overwrite_pages(path: Path) -> None:
    """Put random bytes in place of every page but the first ones."""
    with path.open("r+b") as file:
        file.seek(100 * 4096)
        file.write(os.urandom(path.stat().st_size - 100 * 4096))


def replace_by_text(path: Path) -> None:
    """Put a text in place of the database."""
    path.write_text("not a database\n" * 500)


@pytest.mark.parametrize("damage", [noise, cut_off, overwrite_pages, replace_by_text])
def test_damage_is_named_and_nothing_is_deleted(database: Path, damage: Callable[[Path], None]) -> None:
    """The error names the file and what to do; the file stays as it was found."""
    damage(database)
    found = database.read_bytes()
    with pytest.raises(StoreDamaged) as caught:
        use(database.parent)
    assert str(database) in str(caught.value)
    assert "Move it away" in caught.value.hint
    assert database.read_bytes() == found


def test_once_the_damaged_file_is_moved_away_a_start_is_whole(database: Path) -> None:
    """What the message says to do works."""
    noise(database)
    database.rename(database.with_suffix(".damaged"))
    assert use(database.parent) == 0


def test_garbage_in_the_log_loses_only_the_log(database: Path) -> None:
    """SQLite's checksums refuse a log that it did not write; the database is as it was before."""
    Path(f"{database}-wal").write_bytes(os.urandom(100_000))
    assert use(database.parent) == 300
