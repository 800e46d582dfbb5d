"""Ids of runs and builds."""

from __future__ import annotations

import threading
import time

import pytest
from store_samples import run_script

from tacit.store.ids import IdSource, least_number, new_run_id, run_number, started_millis


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


@pytest.mark.parametrize("millis", [-5, 0, 1_577_836_800_001, 1_800_000_000_000])
def test_the_least_number_of_a_time_bounds_its_ids(millis: int) -> None:
    """Ids of that millisecond are not below it, and the one before it is of an earlier time."""
    least = least_number(millis)
    assert started_millis(f"{least:016x}") >= millis
    assert least == 0 or started_millis(f"{least - 1:016x}") < millis


def test_an_id_made_now_is_not_below_the_least_number_of_now() -> None:
    """What is registered and runs at once is found."""
    least = least_number(time.time_ns() // 1_000_000)
    assert (run_number(new_run_id()) or 0) >= least


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
