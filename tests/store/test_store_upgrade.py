"""Databases of earlier revisions: brought to the newest with all that is in them, whoever opens them first."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from store_samples import run_record

from tacit.catalog import Catalog, Origin
from tacit.errors import StoreReadOnly
from tacit.models import Usage
from tacit.store import Sought, Store, schema
from tacit.store.database import Database
from tacit.store.tables import metadata

ROWS = """
INSERT INTO capabilities VALUES ('count_words', 'active', NULL, 1, 1, 1700000000000);
INSERT INTO modules VALUES ('aa', x'0061736d');
INSERT INTO versions VALUES ('count_words', 1, 'active', NULL, 'aa', 'cc',
    '{"id": "count_words", "summary": "Counts the words of a text."}', '{"main.rs": ""}', '[]', '[]', NULL,
    'caller', 'rustc 1.85.1', 1700000000000);
INSERT INTO runs VALUES (7, 'count_words', 1, x'0031', x'0032', NULL, x'', 5, 9, 0.1, 0, NULL, NULL);
INSERT INTO builds VALUES ('000000000000002a', 'count_words', 'registered', '{}', 'register', '{}', 1, 2, 'host:1:1');
INSERT INTO vectors VALUES ('a', x'01');
"""

OPEN = """
import sys
from pathlib import Path
from tacit.store import Store
print("ready", flush=True)
sys.stdin.readline()
with Store.open(Path(sys.argv[1])) as store:
    print(store.runs.get(f"{7:016x}").output, store.builds.get("000000000000002a").status)
"""


def migrate(folder: Path, change: Callable[[Config, str], None], revision: str) -> None:
    """Bring a data folder's tables to a revision, by Alembic's `upgrade` or `downgrade`."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
    database = Database.open(folder, 5.0)
    with database.write() as connection:
        config.attributes["connection"] = connection
        change(config, revision)
    database.close()


@pytest.fixture
def old(folder: Path) -> Path:
    """A data folder as the first revision left it, with something in most tables."""
    migrate(folder, command.upgrade, "0001")
    with closing(sqlite3.connect(folder / "tacit.db")) as connection:
        connection.executescript(ROWS)
    return folder


def test_an_old_database_is_upgraded_with_its_data(old: Path) -> None:
    """Versions, runs, builds and vectors are there, and the new columns say that nothing is known."""
    with Store.open(old) as store:
        version = Catalog(store).get("count_words")
        build = store.builds.get("000000000000002a")
        assert (version.author, version.failing, store.runs.get(f"{7:016x}").output) == ("caller", 0, b"2")
        assert build is not None
        assert (build.status, build.key, build.usage, build.transcript) == ("registered", "", Usage(), b"")
        assert store.vectors.get(["a"]) == {"a": b"\x01"}


def test_an_upgraded_database_has_the_tables_that_the_code_knows(old: Path) -> None:
    """Alembic finds no difference after the upgrade either."""
    with Store.open(old) as store, store.database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


@pytest.mark.parametrize("revision", schema.REVISIONS[:-1])
def test_every_released_revision_is_upgraded_with_its_data(old: Path, revision: str) -> None:
    """Also one in between: what was recorded is there, and what is new is empty and can be written."""
    migrate(old, command.upgrade, revision)
    with Store.open(old) as store:
        assert store.runs.get(f"{7:016x}").output == b"2"
        assert store.uses.last() == {}
        store.uses.note(("count_words", 1))
    with Store.open(old) as store, store.database.read() as connection:
        assert set(store.uses.last()) == {("count_words", 1)}
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


BEFORE_ORDER = f"""
INSERT INTO runs VALUES ({(5 << 32) + 1}, 'count_words', 1, x'01{"11" * 32}',
    x'0032', NULL, x'', 5, 9, 0.1, 0, 'a', NULL);
INSERT INTO runs VALUES ({600 << 32}, 'other_one', 2, x'0031', x'0032', '{{"code": "trap"}}', x'',
    5, 9, 0.1, 0, 'a', NULL);
INSERT INTO blobs VALUES (x'{"11" * 32}', {5 << 32}, x'00');
INSERT INTO session_runs VALUES ('=b', 'count_words', 1, 3, 5);
INSERT INTO session_runs VALUES ('=a', 'count_words', 1, 2, 6);
INSERT INTO audit (at, actor, action, capability, details) VALUES
    ({(1_577_836_800_000_000 + (5 << 20)) // 1000 + 1}, 'cli', 'restore', 'count_words', '{{}}'),
    ({(1_577_836_800_000_000 + (5 << 20)) // 1000 - 1}, 'cli', 'restore', 'count_words', '{{}}'),
    (1, 'cli', 'restore', 'count_words', '{{}}');
"""


@pytest.fixture
def before_order(old: Path) -> Path:
    """A data folder of the last revision whose runs were in the order of their ids."""
    migrate(old, command.upgrade, "0004")
    with closing(sqlite3.connect(old / "tacit.db")) as connection:
        connection.executescript(BEFORE_ORDER)
    return old


def test_runs_from_before_stand_in_the_order_of_their_ids(before_order: Path) -> None:
    """And before each that is recorded from now on, whatever its id; all are found by what they are of."""
    ids = [f"{number:016x}" for number in (7, (5 << 32) + 1, 600 << 32)]
    new = run_record(run_id=f"{3:016x}", capability="other_one", version=2)
    with Store.open(before_order) as store:
        store.runs.record(new)
        assert [run.run_id for run in store.outlines.newest(9, Sought())] == [new.run_id, *ids[::-1]]
        assert [run.run_id for run in store.outlines.newest(9, Sought(capability="count_words"))] == ids[1::-1]
        assert [each.run_id for each in store.runs.outcomes("other_one", 2, 9)] == [new.run_id, ids[2]]


def test_called_runs_from_before_stand_before_their_callers(old: Path) -> None:
    """As they were recorded, so that they are found by them."""
    migrate(old, command.upgrade, "0004")
    calls = ((20, None), (30, 20), (31, 30), (35, 20), (40, 7), (50, 99))
    row = "(?, 'a', 1, x'', x'', NULL, x'', 5, 9, 0.1, 0, NULL, ?)"
    with closing(sqlite3.connect(old / "tacit.db")) as connection, connection:
        connection.executemany(f"INSERT INTO runs VALUES {row}", calls)
    with Store.open(old) as store:
        newest = [int(run.run_id, 16) for run in store.outlines.newest(9, Sought())]
        called = {number: store.outlines.called_by(f"{number:016x}", 9) for number in (7, 20, 30)}
    assert newest == [50, 20, 35, 30, 31, 7, 40]
    found = {number: [int(run.run_id, 16) for run in some] for number, some in called.items()}
    assert found == {7: [40], 20: [30, 35], 30: [31]}


def test_what_goes_by_the_order_of_runs_is_put_into_it(before_order: Path) -> None:
    """Decisions stand after the runs from before them, blobs last as long as their runs, sessions where they began."""
    Store.open(before_order).close()
    with closing(sqlite3.connect(before_order / "tacit.db")) as connection:
        assert connection.execute("SELECT run FROM audit ORDER BY id").fetchall() == [(2,), (1,), (0,)]
        assert connection.execute("SELECT touched FROM blobs").fetchall() == [(1002,)]
        kept = connection.execute("SELECT session FROM session_runs WHERE first_seq < 0 ORDER BY first_seq").fetchall()
        assert kept == [("=b",), ("=a",)]


def test_going_back_keeps_what_went_by_the_order(before_order: Path) -> None:
    """A run that was recorded since, and the blobs that runs use."""
    with Store.open(before_order) as store:
        store.runs.record(run_record(calls=b"x" * 5000))
    migrate(before_order, command.downgrade, "0004")
    with closing(sqlite3.connect(before_order / "tacit.db")) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (4,)
        newest = connection.execute("SELECT max(id) FROM runs").fetchone()
        assert connection.execute("SELECT DISTINCT touched FROM blobs").fetchall() == [newest]
    with Store.open(before_order) as store:
        assert len(store.outlines.newest(9, Sought())) == 4


def test_a_version_from_before_has_an_empty_origin(old: Path) -> None:
    """Nothing is made up about how it came about."""
    with Store.open(old) as store:
        assert Catalog(store).origin("count_words", 1) == Origin()


def test_several_processes_may_upgrade_at_once(old: Path) -> None:
    """One changes the tables, the others wait for it, and all find the data."""
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN, old], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0].strip() for process in processes] == ["b'2' registered"] * 3


def test_a_process_killed_while_it_upgrades_leaves_the_old_revision(old: Path) -> None:
    """The upgrade is one transaction; the next start does it again, whole."""
    script = """
import os, sys
from pathlib import Path
from alembic import op
from tacit.store import Store
add_column = op.add_column
def killed(*arguments):
    add_column(*arguments)
    os.kill(os.getpid(), 9)
op.add_column = killed
Store.open(Path(sys.argv[1]))
"""
    ended = subprocess.run([sys.executable, "-c", script, old], capture_output=True, check=False, timeout=60)
    assert ended.returncode == -9
    with closing(sqlite3.connect(old / "tacit.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
        assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'grants'").fetchall() == []
    with Store.open(old) as store:
        assert store.runs.get(f"{7:016x}").output == b"2"


def test_an_old_database_that_cannot_be_written_is_refused(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tables would have to change, and the error says so; a reader changes nothing."""
    monkeypatch.setattr("tacit.store.database.os.access", lambda _, mode: not mode & os.W_OK)
    with pytest.raises(StoreReadOnly, match="its tables have to be changed first"):
        Store.open(old)
    with closing(sqlite3.connect(old / "tacit.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]


def test_the_upgrade_can_be_undone(old: Path) -> None:
    """Going back to the first revision keeps what that one had."""
    with Store.open(old) as store:
        store.runs.record(run_record())
    migrate(old, command.downgrade, "0001")
    with closing(sqlite3.connect(old / "tacit.db")) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (2,)
        assert connection.execute("SELECT job, owner FROM builds").fetchall() == [("000000000000002a", "host:1:1")]
