"""Ids of runs and builds."""

from __future__ import annotations

import threading

from store_samples import run_script

from tacit.store.ids import IdSource, new_run_id


def test_ids_sort_by_time() -> None:
    """Each id of a process is greater than the one before, as text too."""
    ids = [new_run_id() for _ in range(1000)]
    assert ids == sorted(set(ids))


def test_ids_are_unique_across_threads() -> None:
    """Threads that make ids at once never get the same."""
    source = IdSource()
    made: list[list[int]] = []
    threads = [threading.Thread(target=lambda: made.append([source.number() for _ in range(2000)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({number for some in made for number in some}) == 8000


def test_an_id_is_short_and_fits_a_signed_integer() -> None:
    """16 hexadecimal digits, below 2^63."""
    made = new_run_id()
    assert len(made) == 16
    assert int(made, 16) < 1 << 63


FORK = """
import os
from tacit.store import ids
mine = ids._source
child = os.fork()
if not child:
    os._exit(0 if ids._source is not mine else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_makes_ids_of_its_own() -> None:
    """A child does not go on with its parent's source, which would repeat the parent's ids."""
    assert run_script(FORK) == "0"
