"""What sessions ran, counted also where the records of the runs were dropped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from store_samples import run_record

from tacit.store import SessionTally, Store, retention, session_runs

OpenStore = Callable[..., Store]
Counted = list[tuple[str | None, str, int, int]]

CATALOG = """
INSERT INTO capabilities VALUES ('greet', 'active', NULL, 1, 1, 1);
INSERT INTO modules VALUES ('aa', x'');
INSERT INTO versions VALUES ('greet', 1, 'active', NULL, 'aa', 'cc', '{"language":"program"}', '{}', '[]', '[]', NULL,
    'caller', '', 1);
INSERT INTO capabilities VALUES ('reverse', 'active', NULL, 1, 1, 1);
INSERT INTO versions VALUES ('reverse', 1, 'active', NULL, 'aa', 'dd', '{"language":"rust"}', '{}', '[]', '[]', NULL,
    'caller', '', 1);
"""

PRUNE_UNTIL_KILLED = """
import os, sys
from pathlib import Path
from sqlalchemy import event
from tacit.store import Store
left = int(sys.argv[2])
store = Store.open(Path(sys.argv[1]), runs_kept=4)
def killed(*_):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
    event.listen(store.database.engine, name, killed)
store.prune()
store.close()
"""


@pytest.fixture
def programs(store: Store) -> Store:
    """The store with a program and a module in its catalog."""
    with store.database.write() as connection:
        for statement in CATALOG.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    return store


def record(store: Store, count: int, session: str | None, capability: str = "greet", **changes: object) -> list[str]:
    """Record runs in a session and return their ids, oldest first."""
    runs = [run_record(session=session, capability=capability, version=1, **changes) for _ in range(count)]
    for run in runs:
        store.runs.record(run)
    return [run.run_id for run in runs]


def counted(store: Store) -> Counted:
    """Return what is counted, but for the first runs."""
    found = [(each.session, each.capability, each.runs, each.earlier) for each in store.session_runs.all()]
    return sorted(found, key=str)


def prune_all(store: Store) -> int:
    """Prune until nothing more goes; return how many runs went."""
    return sum(iter(store.prune, 0))


def test_dropped_runs_of_programs_stay_counted(open_store: OpenStore, programs: Store) -> None:
    """Each session's count and first run are the same before and after, over many small batches."""
    for _ in range(3):
        record(programs, 2, "a")
        record(programs, 3, "b")
        record(programs, 1, None)
    before = sorted(programs.session_runs.all(), key=str)
    assert len(before) == 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retention, "PRUNE_ROWS", 4)
        assert prune_all(open_store(runs_kept=2)) == 16
    assert sorted(programs.session_runs.all(), key=str) == before


def test_later_runs_are_added_to_the_dropped_ones(open_store: OpenStore, programs: Store) -> None:
    """A session that goes on is one session."""
    first, *_ = record(programs, 3, "a")
    pruned = open_store(runs_kept=1)
    for _ in range(2):
        pruned.prune()
        record(programs, 2, "a")
    assert programs.session_runs.all() == [SessionTally("a", "greet", 1, 7, first)]


def test_only_what_is_counted_is_kept_of_dropped_runs(open_store: OpenStore, programs: Store) -> None:
    """Failed runs, those that others called, and those of modules leave nothing behind."""
    record(programs, 1, "a", error={"code": "trap", "message": "It trapped."})
    record(programs, 1, "a", parent_run=record(programs, 1, "a")[0])
    record(programs, 2, "a", "reverse")
    record(programs, 1, "b")
    assert open_store(runs_kept=1).prune() == 5
    assert counted(programs) == [("a", "greet", 1, False), ("b", "greet", 1, False)]


def test_names_are_as_they_were_recorded(open_store: OpenStore, programs: Store) -> None:
    """Also those that look like what the store itself writes."""
    names = ["*", "=", "==a", "'; --", "é\n", None]
    for name in names:
        record(programs, 1, name)
    record(programs, 1, "last")
    open_store(runs_kept=1).prune()
    found = programs.session_runs.all()
    assert Counter(each.session for each in found) == Counter([*names, "last"])
    assert not any(each.earlier for each in found)


def test_of_too_many_sessions_the_first_lose_their_names(
    open_store: OpenStore, programs: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are added up, the first run with them; runs without a session stay apart."""
    monkeypatch.setattr(session_runs, "MAX_SESSIONS", 2)
    first = record(programs, 2, "a")[0]
    record(programs, 1, None)
    for name, runs in (("b", 3), ("c", 1), ("d", 1), ("kept", 1)):
        record(programs, runs, name)
    open_store(runs_kept=1).prune()
    earlier = SessionTally(None, "greet", 1, 5, first, earlier=True)
    assert earlier in programs.session_runs.all()
    assert counted(programs) == sorted(
        [
            (None, "greet", 5, True),
            (None, "greet", 1, False),
            *(("c", "greet", 1, False), ("d", "greet", 1, False), ("kept", "greet", 1, False)),
        ],
        key=str,
    )


def kill_points(folder: Path) -> Iterator[int]:
    """Prune in processes that are killed later and later, each before or after a statement; yield where."""
    for point in range(200):
        ended = subprocess.run(
            [sys.executable, "-c", PRUNE_UNTIL_KILLED, folder, str(point)], check=False, capture_output=True, timeout=60
        )
        if ended.returncode == 0:
            return
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        yield point


def test_a_kill_at_any_statement_loses_and_repeats_nothing(programs: Store, folder: Path) -> None:
    """Whatever was dropped is counted once, wherever the pruning process was killed."""
    for name in ("a", "b", "a"):
        record(programs, 4, name)
    before = sorted(programs.session_runs.all(), key=str)
    killed = 0
    for _ in kill_points(folder):
        killed += 1
        assert sorted(programs.session_runs.all(), key=str) == before
    assert killed > 5
    assert sorted(programs.session_runs.all(), key=str) == before
    with programs.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM runs").scalar_one() == 4
        assert connection.exec_driver_sql("SELECT sum(runs) FROM session_runs").scalar_one() == 8


def test_two_processes_that_prune_at_once_count_once(programs: Store, folder: Path) -> None:
    """Each drops what the other has not dropped yet."""
    record(programs, 2000, "a")
    command = [sys.executable, "-c", PRUNE_UNTIL_KILLED, folder, "1000000"]
    processes = [subprocess.Popen(command, env=os.environ) for _ in range(2)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert counted(programs) == [("a", "greet", 2000, False)]
