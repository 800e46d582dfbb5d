"""Dropping the oldest runs and builds."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from store_samples import run_record

from tacit.errors import UnknownRun
from tacit.models import Usage
from tacit.store import RunRecord, Sought, Store, new_job_id, retention


@pytest.fixture(autouse=True)
def no_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blobs are marked as used by each run that uses them."""
    monkeypatch.setattr("tacit.store.payloads.SLACK", 0)
    monkeypatch.setattr("tacit.store.retention.SLACK", 0)


def record_runs(store: Store, count: int) -> list[RunRecord]:
    """Record runs, two of each sharing one large payload of their own."""
    runs = [run_record(calls=b"%06d" % (number // 2) * 500) for number in range(count)]
    for run in runs:
        store.runs.record(run)
    return runs


def blobs(folder: Path) -> int:
    """Return how many blobs are kept."""
    with closing(sqlite3.connect(folder / "tacit.db")) as connection:
        return connection.execute("SELECT count(*) FROM blobs").fetchone()[0]


def test_the_newest_runs_are_kept_with_their_payloads(open_store: Callable[..., Store], folder: Path) -> None:
    """Pruning drops the oldest runs and the blobs of theirs that no kept run uses."""
    store = open_store(runs_kept=7)
    runs = record_runs(store, 20)
    assert store.prune() == 13
    assert [store.runs.get(run.run_id) for run in runs[-7:]] == runs[-7:]
    with pytest.raises(UnknownRun):
        store.runs.get(runs[12].run_id)
    assert blobs(folder) == 4


RECORD = """
import sys, time
from pathlib import Path
from tacit.store import Store, ids
from store_samples import run_record
now, hours = time.time_ns, int(sys.argv[2])
ids.time.time_ns = lambda: now() + hours * 3_600_000_000_000
with Store.open(Path(sys.argv[1])) as store:
    for number in range(int(sys.argv[3])):
        run = run_record(calls=b"shared by all" * 500)
        store.runs.record(run)
        print(run.run_id)
"""


def recorded_elsewhere(folder: Path, hours: int, count: int) -> list[str]:
    """Record runs in a process whose clock is so many hours ahead; return their ids, oldest first."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", RECORD, str(folder), str(hours), str(count)]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split()


@pytest.mark.parametrize("hours", [-24, 24], ids=["set back", "set forward"])
def test_what_was_recorded_last_is_kept_whatever_the_clock_said(
    open_store: Callable[..., Store], folder: Path, hours: int
) -> None:
    """Two processes whose clocks are a day apart take turns; of their runs the last ones recorded stay, whole."""
    ids = [run_id for clock in (0, hours, 0, hours) for run_id in recorded_elsewhere(folder, clock, 10)]
    store = open_store(runs_kept=25)
    assert [run.run_id for run in store.outlines.newest(100, Sought())] == ids[::-1]
    assert store.prune() == 15
    assert [run.run_id for run in store.outlines.newest(100, Sought())] == ids[:14:-1]
    assert {store.runs.get(run_id).calls for run_id in ids[15:]} == {b"shared by all" * 500}
    assert [run.run_id for run in store.outlines.newest(9, Sought(capability="get_salary_details"))] == ids[:-10:-1]


def test_builds_are_dropped_in_the_order_in_which_they_began(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the clock was set back in between: the newest are kept, and listed first."""
    monkeypatch.setattr(retention, "BUILDS_KEPT", 2)
    jobs = [f"{number:016x}" for number in (9, 8, 1, 2)]
    for job in jobs:
        store.builds.start(job, "a_b", "{}")
        store.builds.finish(job, "registered")
    store.prune()
    assert [build.job for build in store.builds.recent(9)] == jobs[:1:-1]


def test_what_is_known_of_where_runs_are_goes_with_them(store: Store, open_store: Callable[..., Store]) -> None:
    """A row for each block and version would stay for ever otherwise."""
    for _ in range(600):
        store.runs.record(run_record())
    assert open_store(runs_kept=10).prune() == 590
    with store.database.read() as connection:
        assert connection.exec_driver_sql("SELECT block FROM run_blocks").fetchall() == [(2,)]
        assert connection.exec_driver_sql("SELECT * FROM run_ids").fetchall() == []


def test_nothing_is_dropped_below_the_limit(open_store: Callable[..., Store]) -> None:
    """With as many runs as may be kept, all are kept."""
    store = open_store(runs_kept=5)
    record_runs(store, 5)
    assert store.prune() == 0


def test_a_database_that_is_too_large_keeps_fewer_runs(open_store: Callable[..., Store]) -> None:
    """Over its size limit the oldest quarter goes, whatever their number."""
    store = open_store(bytes_kept=1)
    runs = record_runs(store, 8)
    assert store.prune() == 2
    assert store.runs.get(runs[2].run_id) == runs[2]


def test_one_pass_is_bounded_and_the_next_goes_on(
    open_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long backlog is dropped over several passes, so that none holds others up for long."""
    monkeypatch.setattr(retention, "PRUNE_ROWS", 3)
    monkeypatch.setattr(retention, "PRUNE_BATCHES", 2)
    store = open_store(runs_kept=2)
    record_runs(store, 10)
    assert [store.prune(), store.prune(), store.prune()] == [6, 2, 0]


def test_recording_prunes_by_itself(
    open_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """After enough runs the background thread prunes; closing waits for it."""
    monkeypatch.setattr(retention, "CHECKPOINT_EVERY", 8)
    monkeypatch.setattr(retention, "PRUNE_EVERY", 16)
    store = open_store(runs_kept=4)
    record_runs(store, 40)
    store.close()
    with closing(sqlite3.connect(folder / "tacit.db")) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone()[0] < 40


def test_large_runs_make_pruning_due_sooner(open_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of megabytes counts as many, so that few large runs cannot fill the disk between two passes."""
    monkeypatch.setattr(retention, "CHECKPOINT_EVERY", 64)
    monkeypatch.setattr(retention, "PRUNE_EVERY", 64)
    store = open_store(bytes_kept=1)
    runs = [run_record(input=os.urandom(4 << 20)) for _ in range(2)]
    for run in runs:
        store.runs.record(run)
    store.close()
    with Store.open(store.database.path.parent) as again, pytest.raises(UnknownRun):
        again.runs.get(runs[0].run_id)


def test_old_builds_go_and_running_ones_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only finished builds beyond the newest ones are dropped."""
    monkeypatch.setattr(retention, "BUILDS_KEPT", 2)
    jobs = [new_job_id() for _ in range(4)]
    for job in jobs:
        store.builds.start(job, "a_b", "{}")
    for job in jobs[1:]:
        store.builds.finish(job, "registered", "{}")
    store.prune()
    assert [store.builds.get(job) is not None for job in jobs] == [True, False, True, True]


def test_the_log_is_folded_in_off_the_path_of_runs(
    open_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """The background thread copies the log into the database while the store stays open."""
    monkeypatch.setattr(retention, "CHECKPOINT_EVERY", 8)
    store = open_store()
    store.database.checkpoint()
    before = (folder / "tacit.db").stat().st_size
    for _ in range(16):
        store.runs.record(run_record(calls=os.urandom(20_000)))
    store._retention.close()
    assert (folder / "tacit.db").stat().st_size > before + 100_000


def test_builds_that_a_budget_counts_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What used a language model lately is kept beyond the number, until its day is over."""
    monkeypatch.setattr(retention, "BUILDS_KEPT", 1)
    jobs = [new_job_id() for _ in range(3)]
    for job in jobs:
        store.builds.start(job, "a_b", "{}")
        store.builds.add_usage(job, Usage(llm_calls=1))
        store.builds.finish(job, "refused")
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE builds SET started = 1 WHERE job = ?", (jobs[0],))
    store.prune()
    assert [store.builds.get(job) is not None for job in jobs] == [False, True, True]
