"""Several threads and processes on one catalog, and processes killed in the middle."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from catalog_samples import module, register, start_script, write_capability

from tacit.catalog import Catalog, Version
from tacit.store import Store

REGISTER = """
from pathlib import Path
from catalog_samples import register
from tacit.catalog import Catalog
from tacit.store import Store
store = Store.open(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 10):
    register(Catalog(store), number=number)
store.close()
"""

IMPORT = """
from pathlib import Path
from catalog_samples import pure
from tacit.catalog import Catalog, import_shipped
from tacit.store import Store
print("ready", flush=True)
sys.stdin.readline()
with Store.open(Path(sys.argv[1])) as store:
    catalog = Catalog(store)
    imported = import_shipped(catalog, Path(sys.argv[2]), pure)
    print(len(imported), len(catalog.ids()))
"""

WORK = """
from itertools import count
from pathlib import Path
from catalog_samples import register
from tacit.catalog import Catalog
from tacit.store import RunRecord, Store, new_run_id
store = Store.open(Path(sys.argv[1]), runs_kept=20)
catalog = Catalog(store)
for number in count(int(sys.argv[2])):
    print("version", register(catalog, number=number).version, flush=True)
    for step in range(5):
        run = RunRecord(new_run_id(), "count_words", 1, b"x" * 3000, b"%d" % number, None, b"", 1, 1, 0.1, 0)
        store.runs.record(run)
        print("run", run.run_id, flush=True)
"""


def answers(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Let processes that wait for a line go at once, and return the last line that each prints."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    printed = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return printed


def test_threads_that_register_one_id_lose_nothing(catalog: Catalog) -> None:
    """Four threads make five versions each: twenty, with consecutive numbers, each with its own content."""
    made: list[Version] = []

    def work(first: int) -> None:
        made.extend(register(catalog, number=number) for number in range(first, first + 5))

    threads = [threading.Thread(target=work, args=(100 * thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(version.version for version in made) == list(range(1, 21))
    assert len({version.digest for version in made}) == 20
    assert catalog.get("count_words").version == 20


def test_processes_that_register_one_id_lose_nothing(open_catalog: Callable[[], Catalog], folder: Path) -> None:
    """Two processes make ten versions each while a third looks on: twenty, with consecutive numbers."""
    catalog = open_catalog()
    register(catalog)
    assert catalog.get("count_words").version == 1
    answers([start_script(REGISTER, folder, 100), start_script(REGISTER, folder, 200)])
    assert catalog.get("count_words").version == 21
    history = catalog.history("count_words")
    assert [version.version for version in history] == list(range(1, 22))
    assert len({version.digest for version in history}) == 21


def test_of_several_processes_that_start_together_one_imports(folder: Path, tmp_path: Path) -> None:
    """The others wait for it, and find everything there."""
    for number in range(5):
        write_capability(tmp_path / "shipped" / f"capability_{number}", f"capability_{number}", number)
    printed = answers([start_script(IMPORT, folder, tmp_path / "shipped") for _ in range(3)])
    assert sorted(printed) == ["0 5", "0 5", "5 5"]
    with Store.open(folder) as store:
        assert [version.version for version in Catalog(store).history("capability_0")] == [1]


@pytest.mark.parametrize("attempt", range(3))
def test_a_process_killed_anywhere_leaves_a_whole_store(folder: Path, attempt: int) -> None:
    """What it had answered is there, and nothing is half there."""
    with start_script(WORK, folder, 1000 * attempt) as process:
        assert process.stdout is not None
        printed = [process.stdout.readline() for _ in range(random.randrange(1, 60))]
        process.send_signal(signal.SIGKILL)
        printed += process.stdout.read().splitlines()
    whole = [line.split() for line in printed if len(line.split()) == 2]
    with Store.open(folder) as store:
        catalog = Catalog(store)
        history = catalog.history("count_words")
        assert [version.version for version in history] == list(range(1, len(history) + 1))
        assert len(history) >= max(int(value) for kind, value in whole if kind == "version")
        assert all(catalog.module(version.digest) for version in history)
        for _, run_id in [line for line in whole if line[0] == "run"][-15:-1]:
            assert len(store.runs.get(run_id).input) == 3000
        assert register(catalog, number=9999).digest == catalog.get("count_words").digest
    with closing(sqlite3.connect(folder / "tacit.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_registration_that_never_committed_is_not_there(open_catalog: Callable[[], Catalog], folder: Path) -> None:
    """A process that dies inside the transaction leaves the version before."""
    catalog = open_catalog()
    register(catalog)
    script = """
import os
from pathlib import Path
from catalog_samples import SOURCE, TESTS, manifest, module
from tacit.catalog import Candidate, registration
from tacit.store import Store
store = Store.open(Path(sys.argv[1]))
candidate = Candidate.of(manifest(), SOURCE, module(2), TESTS, effects=(), author="caller", toolchain="")
with store.database.write(durable=True) as connection:
    registration.register(connection, store.meta, candidate)
    os.kill(os.getpid(), 9)
"""
    process = start_script(script, folder)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert [version.version for version in catalog.history("count_words")] == [1]
    assert register(catalog, number=3).version == 2
    assert catalog.module(catalog.get("count_words").digest) == module(3)
