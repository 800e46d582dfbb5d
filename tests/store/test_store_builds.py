"""Builds: kept for whoever asks, and lost when their process died."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from store_samples import run_script

from tacit.store import Store, new_job_id
from tacit.store.owners import is_alive, this_process

DIES = """
import os, sys
from pathlib import Path
from tacit.store import Store, new_job_id
store = Store.open(Path(sys.argv[1]))
job = new_job_id()
store.builds.start(job, "a_b", "{}")
print(job, flush=True)
os._exit(0)
"""


def test_a_build_goes_from_running_to_its_result(store: Store) -> None:
    """What was started, reached and answered is kept."""
    job = new_job_id()
    before = time.time_ns() // 1_000_000
    store.builds.start(job, "convert_currency", '{"task": "x"}')
    store.builds.progress(job, "compile")
    running = store.builds.get(job)
    store.builds.finish(job, "registered", '{"version": 1}')
    done = store.builds.get(job)
    assert running is not None
    assert done is not None
    assert (running.status, running.stage, running.ended) == ("running", "compile", None)
    assert (done.capability, done.status, done.result) == ("convert_currency", "registered", '{"version": 1}')
    assert before <= done.started <= (done.ended or 0)


def test_an_unknown_build_is_none(store: Store) -> None:
    """A job that nobody started is not there."""
    assert store.builds.get("0" * 16) is None


def test_a_build_of_a_dead_process_is_lost(store: Store, folder: Path) -> None:
    """Whoever asks for it learns that at once, without waiting for a restart."""
    build = store.builds.get(run_script(DIES, folder))
    assert build is not None
    assert (build.status, build.ended is None) == ("lost", False)


def test_builds_of_the_dead_are_abandoned_and_no_others(store: Store, folder: Path) -> None:
    """A build of a living process runs on."""
    own = new_job_id()
    store.builds.start(own, "a_b", "{}")
    dead = run_script(DIES, folder)
    assert store.builds.abandon_stale() == [dead]
    build = store.builds.get(own)
    assert build is not None
    assert build.status == "running"


def test_a_lost_build_is_not_finished_later(store: Store) -> None:
    """The first end of a build is its end."""
    job = new_job_id()
    store.builds.start(job, "a_b", "{}")
    store.builds.abandon_stale(lambda _: False)
    store.builds.finish(job, "registered", "{}")
    build = store.builds.get(job)
    assert build is not None
    assert build.status == "lost"


def test_a_process_id_given_anew_is_not_the_same_process() -> None:
    """A process is named by when it started as well."""
    host, pid, started = this_process().rsplit(":", 2)
    assert is_alive(f"{host}:{pid}:{started}")
    assert not is_alive(f"{host}:{pid}:{int(started) - 1}")


def test_an_ended_process_that_nobody_waited_for_is_dead() -> None:
    """A zombie builds nothing."""
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    host, _, _ = this_process().rsplit(":", 2)
    fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    owner = f"{host}:{child.pid}:{fields[19]}"
    assert is_alive(owner)
    assert child.stdin is not None
    child.stdin.close()
    assert _ended(child.pid)
    assert not is_alive(owner)
    child.wait()


def _ended(pid: int) -> bool:
    """Wait until the process has ended, without reaping it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT) is not None


def test_a_process_of_another_host_is_left_alone() -> None:
    """Of other machines nothing is known."""
    assert is_alive("elsewhere.example:1:1")
