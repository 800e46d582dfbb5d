"""The generation: grows with every change of the catalog, and every process sees it at once."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from store_samples import needs_mounts, run_script, tiny_disk

from tacit.errors import StoreReadOnly
from tacit.store import Store


def change(store: Store) -> int:
    """Change the catalog as far as the generation is concerned."""
    with store.database.write() as connection:
        return store.meta.next_generation(connection)


def test_a_change_is_seen_by_every_store(open_store: Callable[[], Store]) -> None:
    """Whoever changes it, each store has the new generation on its next call."""
    here, there = open_store(), open_store()
    for changing, looking in ((here, there), (there, here), (there, here)):
        before = looking.generation()
        assert change(changing) == changing.generation() == looking.generation() == before + 1


def test_what_is_not_committed_is_not_seen(open_store: Callable[[], Store]) -> None:
    """During a transaction the others have the generation before it; afterwards the new one."""
    here, there = open_store(), open_store()
    before = there.generation()
    with here.database.write() as connection:
        here.meta.next_generation(connection)
        assert there.generation() == before
    assert there.generation() == before + 1


def test_what_is_undone_was_never_there(open_store: Callable[[], Store]) -> None:
    """After a transaction that failed the generation is the old one, and the next change is seen."""
    here, there = open_store(), open_store()
    before = there.generation()
    with pytest.raises(ZeroDivisionError), here.database.write() as connection:
        assert here.meta.next_generation(connection) / 0
    assert here.generation() == there.generation() == before
    change(here)
    assert here.generation() == there.generation() == before + 1


def test_several_changes_in_one_transaction_are_seen_as_one(open_store: Callable[[], Store]) -> None:
    """The generation that the others see next is the last."""
    here, there = open_store(), open_store()
    before = there.generation()
    with here.database.write() as connection:
        for _ in range(3):
            here.meta.next_generation(connection)
            assert there.generation() == before
    assert there.generation() == before + 3


KILLED = """
import os, sys
from pathlib import Path
from tacit.store import Store
store = Store.open(Path(sys.argv[1]))
with store.database.write() as connection:
    store.meta.next_generation(connection)
    os.kill(os.getpid(), 9)
"""


def test_a_process_killed_while_it_changes_the_catalog_hides_nothing(store: Store, folder: Path) -> None:
    """Its change was never there, and the next one of someone else is seen."""
    before = store.generation()
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert store.generation() == before
    with Store.open(folder) as other:
        change(other)
    assert store.generation() == before + 1


@pytest.mark.parametrize(
    "content", [b"", b"abc", b"\xff" * 8, os.urandom(100)], ids=["empty", "short", "full", "random"]
)
def test_a_counter_that_was_altered_misleads_nobody(folder: Path, content: bytes) -> None:
    """The database has the truth; the file beside it only spares asking."""
    with Store.open(folder) as store:
        before = change(store)
    (folder / "generation").write_bytes(content)
    with Store.open(folder) as here, Store.open(folder) as there:
        assert here.generation() == there.generation() == before
        assert change(here) == there.generation() == before + 1


def test_an_unchanged_generation_needs_no_database(open_store: Callable[..., Store]) -> None:
    """On a fresh store too: one that the database has confirmed once is answered from memory."""
    store = open_store()
    before = store.generation()
    store.meta._held.close()
    assert store.generation() == before


def test_a_counter_that_cannot_be_shared_is_an_error(folder: Path) -> None:
    """Going on alone would hide this process's changes from the others."""
    Store.open(folder).close()
    (folder / "generation").unlink()
    (folder / "generation").symlink_to("/dev/null")
    with pytest.raises(StoreReadOnly, match="cannot be shared"):
        Store.open(folder)


CUT_SHORT = """
import os, sys
from pathlib import Path
from tacit.store import Store
with Store.open(Path(sys.argv[1])) as here, Store.open(Path(sys.argv[1])) as there:
    before = here.generation()
    os.truncate(Path(sys.argv[1]) / "generation", 0)
    seen = [here.generation() - before]
    with here.database.write() as connection:
        here.meta.next_generation(connection)
    os.truncate(Path(sys.argv[1]) / "generation", 3)
    print(*seen, there.generation() - before, here.generation() - before)
"""


def test_a_counter_that_is_cut_short_ends_no_process(folder: Path) -> None:
    """Nor does it hide a change: what cannot be read is asked of the database."""
    assert run_script(CUT_SHORT, folder) == "0 1 1"


def test_a_counter_that_cannot_be_written_lets_nothing_change(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other processes would not see it."""
    before = store.generation()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("tacit.store.shared_counter.os.pwrite", full)
        with pytest.raises(StoreReadOnly, match="cannot be shared"):
            change(store)
    assert store.generation() == before


FILL = """
import os, sys
from pathlib import Path
from tacit.errors import TacitError
from tacit.store import Store
folder = Path(sys.argv[1])
Store.open(folder).close()
(folder / "generation").unlink()
with open(folder.parent / "filler", "wb", buffering=0) as filler:
    try:
        while filler.write(bytes(4096)):
            pass
    except OSError:
        pass
try:
    with Store.open(folder) as store, store.database.write() as connection:
        store.meta.next_generation(connection)
except TacitError as error:
    print(error.code)
"""


@needs_mounts
def test_a_full_disk_does_not_kill_the_process(tmp_path: Path) -> None:
    """A counter that finds no room is an error that says so, not a signal."""
    disk = tmp_path / "disk"
    disk.mkdir()
    assert run_script(FILL, disk / "data", wrapper=tiny_disk(disk, 1_000_000)) == "store_read_only"
