"""When versions were last used without a run: noted now and then, and never waited for."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tacit.store import Store, uses

SALARY, RAISE = ("get_salary", 1), ("raise_salary", 2)


def set_back(store: Store, millis: int) -> None:
    """Let what was noted lie so far back, in the store and in memory."""
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE uses SET last = last - ?", (millis,))
    store.uses._noted = {key: at - millis for key, at in store.uses._noted.items()}


def test_a_use_is_noted_with_what_it_reached(store: Store) -> None:
    """Each with the same time, also where it reached itself."""
    store.uses.note(RAISE, [SALARY, RAISE])
    found = store.uses.last()
    assert set(found) == {SALARY, RAISE}
    assert found[SALARY] == found[RAISE] > 1_700_000_000_000


def test_other_processes_see_it(store: Store, folder: Path) -> None:
    """It is in the database as soon as it is noted: a kill loses none."""
    store.uses.note(SALARY)
    with Store.open(folder) as other:
        assert set(other.uses.last()) == {SALARY}


def test_at_most_one_use_in_an_hour_is_written(store: Store) -> None:
    """The next hour's is written again."""
    store.uses.note(SALARY)
    set_back(store, uses.EVERY_MILLIS // 2)
    first = store.uses.last()
    store.uses.note(SALARY)
    assert store.uses.last() == first
    set_back(store, uses.EVERY_MILLIS)
    store.uses.note(SALARY)
    assert store.uses.last()[SALARY] > first[SALARY]


def test_a_clock_that_was_set_back_does_not_stop_the_notes(store: Store) -> None:
    """What was noted in what is the future now is noted again."""
    set_ahead = -48 * uses.EVERY_MILLIS
    store.uses.note(SALARY)
    set_back(store, set_ahead)
    ahead = store.uses.last()[SALARY]
    store.uses.note(SALARY)
    assert store.uses.last()[SALARY] < ahead


def test_a_busy_store_is_not_waited_for(store: Store) -> None:
    """The use goes unnoted, and the next one is noted instead."""
    store.database.busy_seconds = 3600
    with store.database.turn():
        thread = threading.Thread(target=store.uses.note, args=(SALARY,), daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive()
    assert store.uses.last() == {}
    store.uses.note(SALARY)
    assert set(store.uses.last()) == {SALARY}


def test_a_store_that_cannot_be_written_notes_nothing(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing fails."""
    store.close()
    monkeypatch.setattr("tacit.store.database.os.access", lambda _, mode: not mode & 2)
    with Store.open(folder) as reader:
        reader.uses.note(SALARY)
        assert reader.uses.last() == {}
