"""Finding runs by capability, session and outcome, and those that a run called."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event
from store_samples import run_record

from tacit.store import Sought, Store, outlines, started_millis
from tacit.store.ids import least_number

FAILED = {"code": "trap", "message": "It trapped."}
FILTERS = {
    "all": Sought(),
    "of a capability": Sought(capability="reverse", since=1_700_000_000_000),
    "of a version": Sought(capability="reverse", version=2),
    "of a session": Sought(session="a"),
    "of none": Sought(session=""),
    "failed": Sought(failed=True),
    "all at once": Sought(capability="reverse", version=2, session="a", failed=True),
}


def record(store: Store, count: int = 1, **changes: object) -> list[str]:
    """Record runs and return their ids, oldest first."""
    made = [run_record(**changes) for _ in range(count)]
    for run in made:
        store.runs.record(run)
    return [run.run_id for run in made]


def found(store: Store, sought: Sought, limit: int = 9) -> list[str]:
    """Return the ids of the runs that are found."""
    return [run.run_id for run in store.outlines.newest(limit, sought)]


def plans_of(store: Store, look: Any) -> list[str]:
    """Return how SQLite reads `runs` for what `look` asks."""
    plans = list[str]()

    def explain(connection: Any, cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "FROM runs" in statement and not plans:
            rows = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in rows)

    event.listen(store.database.engine, "before_cursor_execute", explain)
    look()
    return plans


def test_the_newest_come_first_with_what_is_known_of_them(store: Store) -> None:
    """As many as are asked for."""
    ids = record(store, 3, session="a", error=FAILED, seconds=0.5)
    assert found(store, Sought(), 2) == ids[:0:-1]
    outline = store.outlines.newest(1, Sought())[0]
    assert (outline.capability, outline.version, outline.error_code) == ("get_salary_details", 3, "trap")
    assert (outline.energy, outline.seconds, outline.session, outline.parent_run) == (1234, 0.5, "a", None)
    assert outline.started == started_millis(ids[-1])


def test_runs_are_found_by_what_they_are_of(store: Store) -> None:
    """Capability, version, session, outcome, and all of them together."""
    plain = record(store)[0]
    other = record(store, capability="reverse", version=2, session="a", error=FAILED)[0]
    third = record(store, capability="reverse", version=3, session="b")[0]
    expected = {
        "all": [third, other, plain],
        "of a capability": [third, other],
        "of a version": [other],
        "of a session": [other],
        "of none": [plain],
        "failed": [other],
        "all at once": [other],
    }
    assert {name: found(store, sought) for name, sought in FILTERS.items()} == expected
    assert found(store, Sought(session="\ud800")) == []


@pytest.mark.parametrize("name", FILTERS)
def test_lists_are_read_along_the_key(store: Store, name: str) -> None:
    """Which is the time: no run is read that is older than the last one shown, and none is sorted."""
    plans = plans_of(store, lambda: store.outlines.newest(5, FILTERS[name]))
    assert plans == ["SEARCH runs USING INTEGER PRIMARY KEY (rowid>?)"]


def test_called_runs_are_read_along_the_key(store: Store) -> None:
    """From the caller's start to a little after its end."""
    caller = record(store)[0]
    plans = plans_of(store, lambda: store.outlines.called_by(caller, 0.1, 5))
    assert plans == ["SEARCH runs USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"]


def test_a_list_among_many_reads_no_more_than_it_shows(store: Store) -> None:
    """Of a hundred thousand runs the newest are found, and those that one called."""
    first = least_number(1_700_000_000_000)
    row = "(?, 'reverse', 1, x'', x'', NULL, x'', 1, 1, 0.1, 0, NULL, ?)"
    caller = first + 50_000
    rows = [(first + number, caller if 0 < number - 50_000 < 4 else None) for number in range(100_000)]
    with store.database.turn() as connection, connection:
        connection.executemany(f"INSERT INTO runs VALUES {row}", rows)
    newest = store.outlines.newest(20, Sought(capability="reverse"))
    assert [int(run.run_id, 16) for run in newest] == [first + 99_999 - number for number in range(20)]
    called = store.outlines.called_by(f"{caller:016x}", 0.1, 3)
    assert [int(run.run_id, 16) - caller for run in called] == [1, 2, 3]


def test_only_runs_that_it_called_itself_are_its_own(store: Store) -> None:
    """In their order; not those that they called, nor those of another one, and no more than are asked for."""
    caller = record(store)[0]
    first = record(store, parent_run=caller)[0]
    record(store, parent_run=first)
    record(store)
    second, third = record(store, 2, parent_run=caller)
    assert [run.run_id for run in store.outlines.called_by(caller, 0.1, 9)] == [first, second, third]
    assert [run.run_id for run in store.outlines.called_by(caller, 0.1, 2)] == [first, second]


def test_called_runs_are_looked_for_until_a_while_after_the_end(store: Store) -> None:
    """What lies further on is not read."""
    caller = record(store)[0]
    end = started_millis(caller) + 2000 + outlines.CALLED_WITHIN_MILLIS
    for at in (end - 1, end + 1):
        record(store, run_id=f"{least_number(at):016x}", parent_run=caller)
    assert len(store.outlines.called_by(caller, 2.0, 9)) == 1


@pytest.mark.parametrize("error", ["{", "[1]", "3", '{"message": ""}', "null"])
def test_a_damaged_error_spoils_no_list(store: Store, error: str) -> None:
    """The run is in it, as one that failed."""
    record(store, error=FAILED)
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET error = ?", (error,))
    assert [run.error_code for run in store.outlines.newest(9, Sought(failed=True))] == ["store_damaged"]
