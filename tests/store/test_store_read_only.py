"""Data folders that cannot be written, or whose disk is full: real mounts, since root is above permissions."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from store_samples import needs_mounts, read_only, run_record, run_script, tiny_disk

from tacit.store import Store

pytestmark = needs_mounts

TRY = """
import sys
from pathlib import Path
from tacit.errors import TacitError
from tacit.store import RunRecord, Store, new_run_id
try:
    with Store.open(Path(sys.argv[1])) as store:
        print(*[store.runs.get(run_id).capability for run_id in sys.argv[2:]], store.generation())
        store.builds.get("0")
        store.vectors.get(["a"])
        run = RunRecord(new_run_id(), "a", 1, b"", b"", None, b"", 1, 1, 0.1, 0)
        for write in (lambda: store.runs.record(run), lambda: store.vectors.put({"a": b""})):
            try:
                write()
            except TacitError as error:
                print(error.code)
except TacitError as error:
    print(error.code, error)
"""

KILLED = """
import os, sys
from pathlib import Path
from tacit.store import RunRecord, Store, new_run_id
store = Store.open(Path(sys.argv[1]))
run = RunRecord(new_run_id(), "in_the_log", 1, b"", b"", None, b"", 1, 1, 0.1, 0)
store.runs.record(run)
print(run.run_id, flush=True)
os.kill(os.getpid(), 9)
"""


def left_by_a_kill(folder: Path) -> str:
    """Leave a database whose last run is in its log alone; return that run's id."""
    return run_script(
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {KILLED!r}, sys.argv[1]])", folder
    )


def test_a_read_only_folder_is_read(folder: Path) -> None:
    """A database that was closed well is read without its log; each write is refused with its code."""
    run = run_record(calls=b"x" * 5000)
    with Store.open(folder) as store:
        store.runs.record(run)
    assert run_script(TRY, folder, run.run_id, wrapper=read_only(folder)).split() == [
        "get_salary_details",
        "1",
        "store_read_only",
        "store_read_only",
    ]


def test_a_read_only_folder_is_read_with_its_log(folder: Path) -> None:
    """After a kill the newest runs are in the log; they are found."""
    run_id = left_by_a_kill(folder)
    assert run_script(TRY, folder, run_id, wrapper=read_only(folder)).startswith("in_the_log 1")


def test_a_log_that_cannot_be_read_is_said(folder: Path) -> None:
    """With the log's index lost, reading on would hide the newest runs, so it is refused in one sentence."""
    left_by_a_kill(folder)
    (folder / "tacit.db-shm").unlink()
    answer = run_script(TRY, folder, wrapper=read_only(folder))
    assert answer.startswith("store_read_only")
    assert "changes in its log" in answer


def test_a_read_only_reader_sees_what_a_writer_elsewhere_adds(folder: Path) -> None:
    """While a server writes the folder, someone who may only read it sees the newest run."""
    with Store.open(folder) as store:
        run = run_record()
        store.runs.record(run)
        assert run_script(TRY, folder, run.run_id, wrapper=read_only(folder)).startswith("get_salary_details 1")


def test_a_read_only_folder_without_a_database_is_refused(folder: Path) -> None:
    """There is nothing to read and nowhere to write: one sentence."""
    folder.mkdir()
    answer = run_script(TRY, folder, wrapper=read_only(folder))
    assert answer.startswith("store_read_only")
    assert "no database" in answer


def test_a_read_only_database_of_an_older_tacit_is_refused(folder: Path) -> None:
    """Its tables would have to change first."""
    Store.open(folder).close()
    with closing(sqlite3.connect(folder / "tacit.db")) as connection, connection:
        connection.executescript("DROP TABLE builds; DELETE FROM alembic_version")
    assert "older Tacit" in run_script(TRY, folder, wrapper=read_only(folder))


FILL = """
import os, sys
from pathlib import Path
from tacit.errors import TacitError
from tacit.store import RunRecord, Store, new_run_id
with Store.open(Path(sys.argv[1])) as store:
    runs = []
    try:
        for _ in range(1000):
            run = RunRecord(new_run_id(), "a", 1, os.urandom(20_000), b"", None, b"", 1, 1, 0.1, 0)
            store.runs.record(run)
            runs.append(run)
    except TacitError as error:
        print(error.code, error.message)
    assert runs and all(store.runs.get(run.run_id) == run for run in runs)
    print("whole")
"""


def test_a_full_disk_is_said_and_costs_nothing_that_was_kept(tmp_path: Path) -> None:
    """A record that does not fit is refused; every earlier one is still there."""
    disk = tmp_path / "disk"
    disk.mkdir()
    answer = run_script(FILL, disk / "data", wrapper=tiny_disk(disk, 3_000_000))
    assert answer.startswith("store_read_only The disk of ")
    assert answer.endswith("is full.\nwhole")
