"""Opening a store: what is made, what is checked, what is refused."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from store_samples import run_record, run_script

from tacit.errors import ServiceClosed, StoreDamaged, StoreReadOnly, StoreTooNew
from tacit.store import Store, schema
from tacit.store.tables import metadata

OPEN = "import sys; from pathlib import Path; from tacit.store import Store; Store.open(Path(sys.argv[1])).close(); "


def test_the_data_folder_is_the_owners_alone(store: Store, folder: Path) -> None:
    """A folder that the store makes has mode 0700, and its database 0600."""
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "tacit.db").stat().st_mode) == 0o600


def test_what_cannot_be_a_database_is_said_in_one_sentence(tmp_path: Path) -> None:
    """A folder in the database's place, like a disk that takes no further file, is the operator's to mend."""
    (tmp_path / "tacit.db").mkdir()
    with pytest.raises(StoreReadOnly, match=r"tacit\.db cannot be written: Is a directory"):
        Store.open(tmp_path)


def test_the_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    """Alembic finds no difference between the two."""
    with store.database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_revisions_are_those_of_the_migrations() -> None:
    """The list that an open compares with names every migration, oldest first."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
    found = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(found)) == schema.REVISIONS


def test_alembic_is_imported_only_to_migrate(folder: Path) -> None:
    """A first open imports it; the next does not, which saves its 0.3 s on each start."""
    script = OPEN + "print('alembic' in sys.modules)"
    assert [run_script(script, folder), run_script(script, folder)] == ["True", "False"]


def test_several_may_make_the_store_at_once(folder: Path) -> None:
    """Threads that open a missing store together all get it whole."""
    errors: list[BaseException] = []

    def opening() -> None:
        try:
            Store.open(folder).close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=opening) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_second_store_leaves_the_locks_of_the_first(folder: Path, open_store: Callable[..., Store]) -> None:
    """Else a process that closes the database takes its log away from under the first, which damages it."""
    first = open_store()
    first.runs.record(run_record())
    open_store().close()
    run_script(OPEN, folder)
    assert (folder / "tacit.db-wal").exists()
    first.runs.record(run_record())
    with closing(sqlite3.connect(folder / "tacit.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (2,)


def test_the_database_of_a_newer_tacit_is_refused(folder: Path) -> None:
    """It is left alone, and the message says to update."""
    Store.open(folder).close()
    with closing(sqlite3.connect(folder / "tacit.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreTooNew, match="Update Tacit"):
        Store.open(folder)


def test_a_database_of_something_else_is_left_alone(folder: Path) -> None:
    """No tables are added to a database that is not ours."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "tacit.db")) as connection, connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(StoreDamaged, match="not a database of Tacit"):
        Store.open(folder)
    with closing(sqlite3.connect(folder / "tacit.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


def test_a_file_in_place_of_the_folder_is_said(tmp_path: Path) -> None:
    """A data folder that cannot be made is one sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreReadOnly, match="cannot be made"):
        Store.open(tmp_path / "file" / "data")


@pytest.mark.parametrize("spare", [-1, 0])
def test_a_path_that_is_too_long_is_said(tmp_path: Path, spare: int) -> None:
    """The last one that SQLite takes serves; one byte more is refused for its length, not for its permissions."""
    folder = tmp_path / ("a" * 150) / ("b" * 150)
    folder /= "c" * (504 - spare - len(str(folder / "x" / "tacit.db")) + 1)
    if spare == 0:
        Store.open(folder).close()
    else:
        with pytest.raises(StoreReadOnly, match="more than the 504 bytes that SQLite takes"):
            Store.open(folder)


def test_an_odd_folder_name_is_taken_literally(tmp_path: Path) -> None:
    """Characters that mean something in a URI or to Alembic's configuration mean nothing here."""
    folder = tmp_path / "a?mode=memory#%20 ü"
    with Store.open(folder) as store:
        store.runs.record(run_record())
    assert (folder / "tacit.db").stat().st_size > 0


def test_what_is_asked_of_a_closed_store_is_refused(open_store: Callable[..., Store]) -> None:
    """Reading, writing and the generation say that it has been closed; closing again is harmless."""
    store = open_store()
    store.close()
    for ask in (
        store.generation,
        lambda: store.runs.record(run_record()),
        lambda: store.runs.get("0" * 16),
        lambda: store.vectors.get(["a"]),
    ):
        with pytest.raises(ServiceClosed):
            ask()
    store.close()


def test_a_folder_of_another_user_is_refused_as_unreadable(tmp_path: Path) -> None:
    """Not even whether there is a database can be seen; the error names the folder."""
    script = """
import os, sys
from pathlib import Path
from tacit.errors import StoreReadOnly
from tacit.store import Store
folder = Path(sys.argv[1])
with Store.open(folder):
    pass
folder.chmod(0)
if not os.getuid():
    os.setuid(65534)  # root may see everything
try:
    Store.open(folder)
except StoreReadOnly as error:
    print(str(folder) in str(error))
"""
    assert run_script(script, tmp_path / "data") == "True"
    (tmp_path / "data").chmod(0o700)
