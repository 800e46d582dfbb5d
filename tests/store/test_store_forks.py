"""Processes that are forked from one with an open store: they could damage its database, and are told so."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from store_samples import run_record

from tacit.store import Store


def said_in_fork(work: Callable[[], object]) -> str:
    """Do the work in a forked process, and return what it raised there, in words."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            work()
        except BaseException as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as told:
        said = told.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.parametrize(
    "use",
    [
        Store.generation,
        lambda store: store.runs.record(run_record()),
        lambda store: store.runs.record_at_once([run_record()]),
        lambda store: store.builds.recent(1),
        lambda store: Store.open(store.database.path.parent),
    ],
)
def test_an_inherited_database_is_refused(store: Store, use: Callable[[Store], object]) -> None:
    """Neither what the fork inherited nor the same file anew is used, and the error says what to do."""
    assert "Fork first and open Tacit in each process" in said_in_fork(lambda: use(store))


def test_a_fork_that_ends_leaves_the_store_of_its_parent(store: Store) -> None:
    """It may leave the block in which its parent opened the store, also while a thread of its parent writes."""
    with store.database.write():
        assert said_in_fork(store.close) == ""
    store.runs.record(run_record())
    assert len(store.runs.tallies()) == 1


def test_a_fork_opens_what_was_not_open(store: Store, folder: Path, tmp_path: Path) -> None:
    """Another folder is free, and so is this one once it is closed."""
    assert said_in_fork(lambda: Store.open(tmp_path / "other").close()) == ""
    store.close()
    assert said_in_fork(lambda: Store.open(folder).runs.record(run_record())) == ""
