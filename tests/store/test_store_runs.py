"""Recording runs and finding them again."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from store_samples import run_record, run_script

from tacit.errors import StoreBusy, StoreDamaged, UnknownRun
from tacit.store import Store, new_run_id, payloads
from tacit.store.payloads import INLINE_BYTES
from tacit.store.runs import RunRecord


def count(folder: Path, table: str) -> int:
    """Return the rows of a table, as another process would see them."""
    with closing(sqlite3.connect(folder / "tacit.db")) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_a_run_comes_back_as_it_was_recorded(store: Store) -> None:
    """Every field survives, a session and a parent included."""
    run = run_record(session="s-1", parent_run=new_run_id(), calls=b"\x01calls", energy_limit=1 << 62)
    store.runs.record(run)
    assert store.runs.get(run.run_id) == run


def test_a_failed_run_keeps_its_error(store: Store) -> None:
    """The error comes back as JSON, and its code by itself."""
    error = {"code": "trap", "message": "unreachable ∎", "details": {"trap": "unreachable"}}
    run = run_record(error=error, output=b"")
    store.runs.record(run)
    found = store.runs.get(run.run_id)
    assert (found.error, found.error_code, found.output) == (error, "trap", b"")


@pytest.mark.parametrize("size", [0, 1, INLINE_BYTES, INLINE_BYTES + 1, 300_000, 4 << 20])
def test_payloads_of_every_size_come_back(store: Store, size: int) -> None:
    """A payload comes back byte for byte, whether it lies in the row or beside it."""
    payload = os.urandom(size)
    run = run_record(input=payload, output=payload[::-1], calls=payload)
    store.runs.record(run)
    assert store.runs.get(run.run_id) == run


def test_runs_that_read_the_same_file_keep_it_once(store: Store, folder: Path) -> None:
    """A large payload is one blob, however many runs and stores record it."""
    calls = os.urandom(30_000)
    for _ in range(100):
        store.runs.record(run_record(calls=calls))
    with Store.open(folder) as second:
        second.runs.record(run_record(calls=calls))
    assert (count(folder, "runs"), count(folder, "blobs")) == (101, 1)


def test_payloads_that_only_look_alike_are_kept_apart(store: Store) -> None:
    """Same length, same beginning and same end do not make two payloads one."""
    first = b"a" * 2000
    second = b"a" * 1000 + b"b" + b"a" * 999
    runs = [run_record(calls=calls) for calls in (first, second, first)]
    for run in runs:
        store.runs.record(run)
    assert [store.runs.get(run.run_id).calls for run in runs] == [first, second, first]


def test_a_blob_in_use_is_marked_as_used_again_after_a_while(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that comes long after its blob's mark renews the mark, so that pruning leaves the blob."""
    monkeypatch.setattr(payloads, "SLACK", 3)
    for number in range(6):
        store.runs.record(run_record(calls=b"x" * 5000 if number in {0, 1, 5} else b""))
    with closing(sqlite3.connect(folder / "tacit.db")) as connection:
        assert connection.execute("SELECT touched FROM blobs").fetchall() == [(6,)]


def test_a_payload_of_a_record_that_failed_is_kept_again(store: Store) -> None:
    """Its blob went with the record; the next run with the same payload does not rely on it."""
    with pytest.raises(sqlite3.IntegrityError):
        store.runs.record(run_record(capability=None, calls=b"x" * 5000))
    again = run_record(calls=b"x" * 5000)
    store.runs.record(again)
    assert store.runs.get(again.run_id) == again


def test_every_run_is_found_by_its_id(store: Store) -> None:
    """Those that were entered by hundreds, and the last ones; in whatever order their ids are."""
    runs = [run_record(run_id=f"{(1 << 60) - 3 * number:016x}") for number in range(600)]
    for run in runs:
        store.runs.record(run)
    assert [store.runs.get(run.run_id) for run in runs] == runs
    with store.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM run_ids").scalar_one() == 512


def test_a_run_is_there_as_soon_as_it_is_recorded(store: Store, folder: Path) -> None:
    """Another connection sees the record at once: a kill after the answer loses nothing."""
    store.runs.record(run_record())
    assert count(folder, "runs") == 1


def test_a_session_that_is_no_unicode_is_recorded(store: Store) -> None:
    """A lone surrogate in a client's session does not cost the record."""
    run = run_record(session="s\ud800")
    store.runs.record(run)
    assert store.runs.get(run.run_id).session == "s?"


@pytest.mark.parametrize("run_id", ["", "nonsense", "0" * 16, "f" * 16, "٣" * 16, "0000000000000001\n"])
def test_an_unknown_run_is_said_to_be_unknown(store: Store, run_id: str) -> None:
    """An id that no run has, or that is no id at all, is a request error."""
    with pytest.raises(UnknownRun):
        store.runs.get(run_id)


def test_a_run_whose_payload_was_altered_is_damage(store: Store, folder: Path) -> None:
    """A blob that is not what was kept is never replayed."""
    run = run_record(calls=b"y" * 5000)
    store.runs.record(run)
    with closing(sqlite3.connect(folder / "tacit.db")) as connection, connection:
        connection.execute("UPDATE blobs SET data = x'789c030000000001'")
    with pytest.raises(StoreDamaged):
        store.runs.get(run.run_id)


def test_threads_record_without_losing_any(store: Store, folder: Path) -> None:
    """Four threads record at once; each run is there."""
    runs = [[run_record(calls=b"z" * (2000 + thread)) for _ in range(100)] for thread in range(4)]

    def record(own: list[RunRecord]) -> None:
        for run in own:
            store.runs.record(run)

    threads = [threading.Thread(target=record, args=(own,)) for own in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(folder, "runs") == 400


RECORD = """
import sys
from pathlib import Path
from tacit.store import RunRecord, Store, new_run_id
with Store.open(Path(sys.argv[1])) as store:
    for _ in range(200):
        store.runs.record(RunRecord(new_run_id(), "a", 1, b"x" * 2000, b"", None, b"", 1, 1, 0.1, 0))
"""


def test_processes_record_without_losing_any(store: Store, folder: Path) -> None:
    """Two processes record at once while this one does; each run is there, and their common payload once."""
    others = [threading.Thread(target=run_script, args=(RECORD, folder)) for _ in range(2)]
    for other in others:
        other.start()
    while any(other.is_alive() for other in others):
        store.runs.record(run_record(capability="here"))
    for other in others:
        other.join()
    with closing(sqlite3.connect(folder / "tacit.db")) as connection:
        assert connection.execute("SELECT count(*) FROM runs WHERE capability = 'a'").fetchone() == (400,)
    assert count(folder, "blobs") == 1


def test_a_record_waits_for_another_process_to_finish(store: Store, folder: Path) -> None:
    """A lock that is released in time costs only time."""
    with closing(sqlite3.connect(folder / "tacit.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        recording = threading.Thread(target=store.runs.record, args=(run_record(),))
        recording.start()
        other.execute("COMMIT")
        recording.join()
    assert count(folder, "runs") == 1


def test_a_lock_that_is_never_released_is_store_busy(open_store: Callable[..., Store], folder: Path) -> None:
    """Waiting ends, and says why."""
    store = open_store(busy_seconds=0.05)
    with closing(sqlite3.connect(folder / "tacit.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="locked"):
            store.runs.record(run_record())
        with pytest.raises(StoreBusy), store.database.write():
            pass
        other.execute("ROLLBACK")
    store.runs.record(run_record())


def test_an_id_says_when_its_run_started() -> None:
    """The start is read off the id, in milliseconds."""
    before = time.time_ns() // 1_000_000
    started = run_record().started
    assert before <= started <= time.time_ns() // 1_000_000


def test_a_tree_of_runs_is_recorded_whole_or_not_at_all(store: Store, folder: Path) -> None:
    """What cannot be kept takes the others with it, and stops nobody who comes later; a large payload is there then."""
    large = run_record(output=os.urandom(INLINE_BYTES * 2))
    with pytest.raises(sqlite3.IntegrityError):
        store.runs.record_at_once([large, run_record(), run_record(capability=None)])
    assert count(folder, "runs") == 0
    store.runs.record_at_once([large, run_record()])
    assert (count(folder, "runs"), count(folder, "blobs")) == (2, 1)
    assert store.runs.get(large.run_id) == large
