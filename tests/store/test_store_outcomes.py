"""What the records of runs say of a version: outcomes, runs to replay, tallies."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event
from store_samples import run_record

from tacit.errors import StoreDamaged
from tacit.store import Store, Tally, started_millis
from tacit.store import runs as store_runs
from tacit.store.ids import least_number

FAILED = {"code": "trap", "message": "It trapped."}


def record(store: Store, count: int = 1, **changes: object) -> list[str]:
    """Record runs, each with an input of its own unless that is given, and return their ids, oldest first."""
    ids: list[str] = []
    for number in range(count):
        run = run_record(**{"input": b"%d" % number, **changes})
        store.runs.record(run)
        ids.append(run.run_id)
    return ids


def test_outcomes_are_the_versions_own_newest_first(store: Store) -> None:
    """Other versions' and other capabilities' runs are left out."""
    first, second, third = (*record(store), *record(store, error=FAILED), *record(store, energy_limit=7))
    record(store, version=4)
    record(store, capability="other_one")
    found = store.runs.outcomes("get_salary_details", 3, 9)
    assert [(each.run_id, each.error_code) for each in found] == [(third, None), (second, "trap"), (first, None)]
    assert (found[0].energy_limit, found[0].nested, found[1].error) == (7, False, FAILED)


def test_outcomes_are_bounded(store: Store) -> None:
    """Only as many as the window has."""
    ids = record(store, 5)
    assert [each.run_id for each in store.runs.outcomes("get_salary_details", 3, 2)] == ids[:2:-1]


def test_outcomes_from_before_are_left_out(store: Store) -> None:
    """Those of a millisecond that is over by the time that is asked for."""
    record(store, 2)
    later = started_millis(record(store)[0]) + 1
    at_last = run_record(run_id=f"{least_number(later):016x}")
    store.runs.record(at_last)
    found = store.runs.outcomes("get_salary_details", 3, 9, since=later)
    assert [each.run_id for each in found] == [at_last.run_id]
    assert [run.run_id for run in store.runs.replayable("get_salary_details", 3, 9, since=later)] == [at_last.run_id]


@pytest.mark.parametrize("asked", ["outcomes", "replayable"])
def test_what_a_version_did_is_looked_for_by_time(store: Store, asked: str) -> None:
    """No query about one version reads the whole table: the key, which is the time, bounds each."""
    plans = list[str]()

    def explain(connection: Any, cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "FROM runs" in statement and not plans:
            rows = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in rows if "runs" in row[3])

    event.listen(store.database.engine, "before_cursor_execute", explain)
    getattr(store.runs, asked)("get_salary_details", 3, 9, since=1_700_000_000_000)
    assert plans
    assert all(plan.startswith("SEARCH runs USING INTEGER PRIMARY KEY") for plan in plans)


def test_replayable_runs_are_chosen_among_the_newest(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that ran a hundred thousand times is not read to its first run."""
    monkeypatch.setattr(store_runs, "RECENT", 2)
    record(store, input=b"1")
    record(store, 2, input=b"2")
    assert [run.input for run in store.runs.replayable("get_salary_details", 3, 9)] == [b"2"]


def test_nested_runs_are_told_apart(store: Store) -> None:
    """A run that another one called says so."""
    record(store, parent_run=record(store)[0])
    assert [each.nested for each in store.runs.outcomes("get_salary_details", 3, 2)] == [True, False]


def test_a_damaged_outcome_is_damage(store: Store) -> None:
    """An error that is no JSON is named."""
    record(store, error=FAILED)
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET error = '{'")
    with pytest.raises(StoreDamaged):
        store.runs.outcomes("get_salary_details", 3, 9)


def test_replayable_runs_ended_well_each_with_its_input(store: Store) -> None:
    """Of one input the newest run, and no failed one."""
    record(store, input=b'"a"', output=b"1")
    record(store, input=b'"b"', error=FAILED)
    record(store, input=b'"c"' * 1000, calls=b"x" * 5000)
    record(store, input=b'"a"', output=b"2")
    found = store.runs.replayable("get_salary_details", 3, 9)
    assert [(run.input[:3], run.output[:1], len(run.calls)) for run in found] == [
        (b'"a"', b"2", 0),
        (b'"c"', b"{", 5000),
    ]


def test_replayable_runs_are_bounded(store: Store) -> None:
    """In number, and in bytes: what would not fit makes way for an older, smaller one."""
    ids = record(store, 3)
    assert [run.run_id for run in store.runs.replayable("get_salary_details", 3, 2)] == ids[:0:-1]
    record(store, input=b"x" * 10_000)
    assert len(store.runs.replayable("get_salary_details", 3, 9, max_bytes=5000)) == 3
    assert store.runs.replayable("get_salary_details", 3, 9, max_bytes=0) == []


def test_a_run_whose_payload_is_gone_is_not_replayed(store: Store) -> None:
    """The others are."""
    kept, _ = (*record(store, input=b"1"), *record(store, input=b"x" * 5000))
    with store.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM blobs")
    assert [run.run_id for run in store.runs.replayable("get_salary_details", 3, 9)] == [kept]


def test_tallies_count_each_version(store: Store) -> None:
    """How many runs, how many good ones, and the last."""
    last = (*record(store, 2), *record(store, error=FAILED))[-1]
    other = record(store, version=4, error=FAILED)[0]
    assert store.runs.tallies() == {
        ("get_salary_details", 3): Tally(3, 2, last),
        ("get_salary_details", 4): Tally(1, 0, other),
    }


def test_the_oldest_run_says_how_far_the_records_reach(store: Store) -> None:
    """None where there is no run."""
    assert store.runs.oldest_millis() is None
    first = record(store, 2)[0]
    assert store.runs.oldest_millis() == store.runs.get(first).started
