"""What the records of runs say of a version: outcomes, runs to replay, tallies."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from store_samples import run_record

from tacit.errors import StoreDamaged
from tacit.store import Sought, Store, Tally, started_millis
from tacit.store import runs as store_runs
from tacit.store.ids import TAG_BITS
from tacit.store.tables import runs

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
    """Those that were recorded until what is asked for, whatever the clock said of the later ones."""
    first, second = record(store, 2)
    set_back = f"{int(first, 16) - (86_400_000_000 << TAG_BITS):016x}"
    store.runs.record(run_record(run_id=set_back))
    with store.database.read() as connection:
        numbers = dict(connection.execute(select(runs.c.id, runs.c.seq)).all())
    found = store.runs.outcomes("get_salary_details", 3, 9, after=numbers[int(second, 16)])
    assert [each.run_id for each in found] == [set_back]


def steps_for_a_rare_one(store: Store, look: Callable[[], object]) -> int:
    """Return how many hundreds of instructions SQLite takes for a question."""
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    with store.database.read() as connection:  # the pool hands out the same connection again
        connection.connection.driver_connection.set_progress_handler(count, 100)
    look()
    return steps


LOOKS: dict[str, Callable[[Store], object]] = {
    "outcomes": lambda store: store.runs.outcomes("rare_one", 1, 9),
    "runs to replay": lambda store: store.runs.replayable("rare_one", 1, 9),
    "list": lambda store: store.outlines.newest(9, Sought(capability="rare_one")),
    "list of a version": lambda store: store.outlines.newest(9, Sought(capability="rare_one", version=1)),
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_rare_capability_costs_no_more_among_many_runs(store: Store, name: str) -> None:
    """What SQLite does to find its runs does not grow with those of the others."""
    others = "(id, capability, version, input, output, calls, energy, energy_limit, seconds, now_millis)"
    row = "(?, 'common_one', 1, x'', x'', x'', 1, 1, 0.1, 0)"

    def add(first: int, count: int) -> None:
        with store.database.turn() as connection, connection:
            connection.execute("BEGIN")
            connection.executemany(f"INSERT INTO runs {others} VALUES {row}", [(first + n,) for n in range(count)])

    add(1, 1000)
    rare = record(store, 2, capability="rare_one", version=1)
    add(10_000, 1000)
    few = steps_for_a_rare_one(store, lambda: LOOKS[name](store))
    add(100_000, 30_000)
    assert steps_for_a_rare_one(store, lambda: LOOKS[name](store)) <= few + 1
    assert [run.run_id for run in store.outlines.newest(9, Sought(capability="rare_one"))] == rare[::-1]


def test_runs_scattered_over_all_are_found_in_their_order(store: Store) -> None:
    """Also where blocks without any lie between them."""
    scattered: list[str] = []
    for number in range(1400):
        rare = number % 400 in {0, 1, 255}
        ids = record(store, capability="rare_one" if rare else "common_one", version=1 + number % 2)
        scattered += ids if rare else []
    found = store.outlines.newest(100, Sought(capability="rare_one"))
    assert [run.run_id for run in found] == scattered[::-1]
    assert [run.run_id for run in store.outlines.newest(4, Sought(capability="rare_one"))] == scattered[:-5:-1]


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


def test_the_last_run_and_the_oldest_are_those_recorded_so(store: Store) -> None:
    """Whatever the clock said when they started."""
    ahead, last = (f"{(1 << 60) + ahead:016x}" for ahead in (1000, 0))
    for run_id in (ahead, last):
        record(store, run_id=run_id)
    assert store.runs.tallies() == {("get_salary_details", 3): Tally(2, 2, last)}
    assert store.runs.oldest_millis() == started_millis(ahead)


def test_the_oldest_run_says_how_far_the_records_reach(store: Store) -> None:
    """None where there is no run."""
    assert store.runs.oldest_millis() is None
    first = record(store, 2)[0]
    assert store.runs.oldest_millis() == store.runs.get(first).started
