"""Failures in a row: counted for good, over restarts, threads and processes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from store_samples import run_record, run_script

from tacit.store import Condition, Store, health

FAILS = """
import os, sys
from pathlib import Path
from tacit.store import Store, new_run_id
store = Store.open(Path(sys.argv[1]))
run = new_run_id()
print(store.health.failed("count_words", 1, run, run).failing, flush=True)
os._exit(0)
"""


def test_failures_add_up_over_processes(store: Store, folder: Path) -> None:
    """A process that dies right after a failure has counted it."""
    assert [run_script(FAILS, folder) for _ in range(3)] == ["1", "2", "3"]
    assert store.health.get("count_words", 1).failing == 3


def test_each_version_has_its_own_count(store: Store) -> None:
    """A failure of one says nothing of another."""
    store.health.failed("count_words", 1, "a", "a")
    assert store.health.get("count_words", 2) == Condition()


def test_an_input_is_counted_once(store: Store) -> None:
    """Whoever reports it again gets the same count, and how many have seen it fail."""
    given = [("a", "one"), ("a", "one"), ("a", "two"), ("b", "one"), ("b", "")]
    found = [store.health.failed("count_words", 1, str(run), *each) for run, each in enumerate(given)]
    assert [(each.failing, each.sessions, each.new) for each in found] == [
        (1, 1, True),
        (1, 1, False),
        (1, 2, True),
        (2, 2, True),
        (2, 3, True),
    ]
    assert store.health.runs("count_words", 1, 3) == ["4", "3", "2"]


def test_what_is_kept_of_failures_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that makes up inputs does not fill the database."""
    monkeypatch.setattr(health, "MAX_FAILURES", 3)
    found = [store.health.failed("count_words", 1, "a", str(number)).failing for number in range(5)]
    assert found == [1, 2, 3, 3, 3]


def test_a_success_elsewhere_is_found(store: Store) -> None:
    """In another session than those that count, also in none; one in which it fails says nothing."""
    store.health.failed("count_words", 1, "a", "a", "one")
    store.runs.record(run_record(capability="count_words", version=1, session="one"))
    assert not store.runs.ended_well_elsewhere("count_words", 1)
    store.runs.record(run_record(capability="count_words", version=1, session="two", error={"code": "trap"}))
    store.runs.record(run_record(capability="count_words", version=2, session="two"))
    assert not store.runs.ended_well_elsewhere("count_words", 1)
    store.runs.record(run_record(capability="count_words", version=1))
    assert store.runs.ended_well_elsewhere("count_words", 1)
    store.health.failed("count_words", 1, "b", "a")
    assert not store.runs.ended_well_elsewhere("count_words", 1)


def test_a_success_begins_anew(store: Store) -> None:
    """The count is of failures in a row."""
    store.health.failed("count_words", 1, "a", "a")
    store.health.succeeded("count_words", 1)
    assert store.health.get("count_words", 1).failing == 0
    assert store.health.failed("count_words", 1, "b", "b").failing == 1


def test_a_success_that_changes_nothing_begins_no_generation(store: Store) -> None:
    """What others remember of the catalog stays good."""
    before = store.generation()
    store.health.succeeded("count_words", 1)
    assert store.generation() == before


def test_a_change_begins_a_generation(open_store: Callable[[], Store]) -> None:
    """So the count that other processes remember is looked up again."""
    mine, other = open_store(), open_store()
    before = other.generation()
    mine.health.failed("count_words", 1, "a", "a")
    failed = other.generation()
    mine.health.succeeded("count_words", 1)
    assert before < failed < other.generation()


def test_failures_at_once_get_each_a_count_of_its_own(store: Store) -> None:
    """Of many threads exactly one sees each number, so exactly one acts on the third."""
    counts: list[int] = []

    def fail(thread: int) -> None:
        inputs = [f"{thread} {number}" for number in range(10)]
        counts.extend(store.health.failed("count_words", 1, each, each).failing for each in inputs)

    threads = [threading.Thread(target=fail, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == list(range(1, 41))
