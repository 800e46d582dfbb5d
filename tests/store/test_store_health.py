"""Failures in a row: counted for good, over restarts, threads and processes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from store_samples import run_script

from tacit.store import Condition, Store

FAILS = """
import os, sys
from pathlib import Path
from tacit.store import Store, new_run_id
store = Store.open(Path(sys.argv[1]))
print(store.health.failed("count_words", 1, new_run_id()), flush=True)
os._exit(0)
"""


def test_failures_add_up_over_processes(store: Store, folder: Path) -> None:
    """A process that dies right after a failure has counted it."""
    assert [run_script(FAILS, folder) for _ in range(3)] == ["1", "2", "3"]
    assert store.health.get("count_words", 1).failing == 3


def test_each_version_has_its_own_count(store: Store) -> None:
    """A failure of one says nothing of another."""
    store.health.failed("count_words", 1, "a")
    assert store.health.get("count_words", 2) == Condition()


def test_one_run_is_counted_once(store: Store) -> None:
    """Whoever reports the same run again gets the same count."""
    assert [store.health.failed("count_words", 1, "a") for _ in range(2)] == [1, 1]
    assert store.health.failed("count_words", 1, "b") == 2


def test_runs_that_were_not_recorded_are_counted_each(store: Store) -> None:
    """Without an id no two runs are the same."""
    assert [store.health.failed("count_words", 1, "") for _ in range(2)] == [1, 2]


def test_a_success_begins_anew(store: Store) -> None:
    """The count is of failures in a row."""
    store.health.failed("count_words", 1, "a")
    store.health.succeeded("count_words", 1)
    assert store.health.get("count_words", 1).failing == 0
    assert store.health.failed("count_words", 1, "b") == 1


def test_a_success_that_changes_nothing_begins_no_generation(store: Store) -> None:
    """What others remember of the catalog stays good."""
    before = store.generation()
    store.health.succeeded("count_words", 1)
    assert store.generation() == before


def test_a_change_begins_a_generation(open_store: Callable[[], Store]) -> None:
    """So the count that other processes remember is looked up again."""
    mine, other = open_store(), open_store()
    before = other.generation()
    mine.health.failed("count_words", 1, "a")
    failed = other.generation()
    mine.health.succeeded("count_words", 1)
    assert before < failed < other.generation()


def test_failures_at_once_get_each_a_count_of_its_own(store: Store) -> None:
    """Of many threads exactly one sees each number, so exactly one acts on the third."""
    counts: list[int] = []

    def fail(thread: int) -> None:
        counts.extend(store.health.failed("count_words", 1, f"{thread} {number}") for number in range(10))

    threads = [threading.Thread(target=fail, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == list(range(1, 41))
