"""Finding runs by capability, session and outcome, and those that a run called."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event
from store_samples import run_record

from tacit.store import Sought, Store, new_run_id, started_millis
from tacit.store.ids import least_number

FAILED = {"code": "trap", "message": "It trapped."}
FILTERS = {
    "all": Sought(),
    "of a capability": Sought(capability="reverse"),
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
def test_lists_are_read_in_their_order(store: Store, name: str) -> None:
    """No run is read that is older than the last one shown, and none is sorted."""
    record(store, capability="reverse", version=2)
    plans = plans_of(store, lambda: store.outlines.newest(5, FILTERS[name]))
    along_the_key = {"SCAN runs", "SEARCH runs USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"}
    assert len(plans) == 1
    assert plans[0] in along_the_key


def test_called_runs_are_found_by_their_ids(store: Store) -> None:
    """No run is read but those that were begun after the caller and recorded before it, and the last 256."""
    caller = record(store)[0]
    plans = plans_of(store, lambda: store.outlines.called_by(caller, 5))
    assert plans[0] == "SEARCH runs USING INTEGER PRIMARY KEY (rowid=?)"
    assert "SEARCH run_ids USING INTEGER PRIMARY KEY (rowid>?)" in plans
    assert not any(plan.startswith("SCAN") for plan in plans)


def test_a_list_among_many_reads_no_more_than_it_shows(store: Store) -> None:
    """Of a hundred thousand runs the newest are found, and those that one called."""
    first = least_number(1_700_000_000_000)
    row = "(NULL, ?, 'reverse', 1, x'', x'', NULL, x'', 1, 1, 0.1, 0, NULL, ?)"
    caller = first + 50_000
    rows = [(first + number, caller if 0 < number - 50_000 < 4 else None) for number in range(100_000)]
    rows.insert(50_003, rows.pop(50_000))
    with store.database.turn() as connection, connection:
        connection.execute("BEGIN")
        connection.executemany(f"INSERT INTO runs VALUES {row}", rows)
    newest = store.outlines.newest(20, Sought(capability="reverse"))
    assert [int(run.run_id, 16) for run in newest] == [first + 99_999 - number for number in range(20)]
    called = store.outlines.called_by(f"{caller:016x}", 3)
    assert [int(run.run_id, 16) - caller for run in called] == [1, 2, 3]


def test_only_runs_that_it_called_itself_are_its_own(store: Store) -> None:
    """In their order; not those that they called, nor those of another one, and no more than are asked for."""
    caller, first, inner, other, second, third = (new_run_id() for _ in range(6))
    record(store, run_id=inner, parent_run=first)
    record(store, run_id=first, parent_run=caller)
    record(store, run_id=other)
    for called in (second, third):
        record(store, run_id=called, parent_run=caller)
    record(store, run_id=caller)
    assert [run.run_id for run in store.outlines.called_by(caller, 9)] == [first, second, third]
    assert [run.run_id for run in store.outlines.called_by(caller, 2)] == [first, second]


def test_called_runs_are_found_where_the_clock_was_set_meanwhile(store: Store) -> None:
    """A day forward while their caller ran."""
    caller = new_run_id()
    called = f"{least_number(started_millis(caller) + 86_400_000):016x}"
    record(store, run_id=called, parent_run=caller)
    record(store, run_id=caller)
    assert [run.run_id for run in store.outlines.called_by(caller, 9)] == [called]


@pytest.mark.parametrize("error", ["{", "[1]", "3", '{"message": ""}', "null"])
def test_a_damaged_error_spoils_no_list(store: Store, error: str) -> None:
    """The run is in it, as one that failed."""
    record(store, error=FAILED)
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET error = ?", (error,))
    assert [run.error_code for run in store.outlines.newest(9, Sought(failed=True))] == ["store_damaged"]
