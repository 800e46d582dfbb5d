"""Builds: kept for whoever asks, and lost when their process died."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from store_samples import run_script

from tacit.errors import StoreDamaged
from tacit.models import Usage
from tacit.store import Store, new_job_id, pack_transcript, unpack_transcript
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


def test_a_process_of_another_host_that_holds_nothing_is_gone(store: Store) -> None:
    """What an earlier Tacit left in a container, whose name nothing has any more, does not run for ever."""
    job = new_job_id()
    store.builds.start(job, "a_b", "{}")
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE builds SET owner = 'elsewhere.example:1:1'")
    assert store.builds.abandon_stale() == [job]


BUILDS = """
import socket, sys
socket.gethostname = lambda: sys.argv[2]
from pathlib import Path
from tacit.store import Store, new_job_id
store = Store.open(Path(sys.argv[1]))
job = new_job_id()
store.builds.start(job, "a_b", "{}", "key")
print(job, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("host", [socket.gethostname(), "another-container"])
def test_a_killed_build_is_lost_when_the_folder_is_opened(folder: Path, host: str) -> None:
    """And runs on until then, for others that share the folder, whatever the name of their machine."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    other = subprocess.Popen([sys.executable, "-c", BUILDS, str(folder), host], **pipes)
    job = other.stdout.readline().strip()
    with Store.open(folder) as store:
        assert kept(folder) == [(job, "running")]
        assert store.builds.start(new_job_id(), "a_b", "{}", "key") == job
    other.kill()
    other.communicate()
    with Store.open(folder):
        assert kept(folder) == [(job, "lost")]
        assert list((folder / "owners").iterdir()) == []


def kept(folder: Path) -> list[tuple[str, str]]:
    """Return what the database has of each build's status."""
    with closing(sqlite3.connect(folder / "tacit.db")) as connection:
        return connection.execute("SELECT job, status FROM builds").fetchall()


def test_a_process_that_got_the_same_id_and_start_is_another(store: Store) -> None:
    """After a restart of the machine, say; what counts is what it holds."""
    job = new_job_id()
    store.builds.start(job, "a_b", "{}")
    with store.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE builds SET owner = '{this_process()}:00000000'")
    assert store.builds.abandon_stale() == [job]


def test_a_closed_store_is_at_nothing(open_store: Callable[[], Store]) -> None:
    """What it was at when it was closed is lost, though its process lives on; a process may have two."""
    first, second = open_store(), open_store()
    jobs = [new_job_id(), new_job_id()]
    for store, job in zip((first, second), jobs, strict=True):
        store.builds.start(job, "a_b", "{}")
    first.close()
    assert second.builds.abandon_stale() == jobs[:1]


def test_who_only_reads_sees_what_is_lost(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though nothing can be written down."""
    job = run_script(DIES, folder)
    monkeypatch.setattr(store.database, "writable", False)
    found = store.builds.get(job)
    assert found is not None
    assert (found.status, [each.status for each in store.builds.recent(1)]) == ("lost", ["lost"])
    assert kept(folder) == [(job, "running")]


def test_without_a_folder_to_hold_a_process_is_known_by_its_id(store: Store, folder: Path) -> None:
    """As on a full disk."""
    (folder / "owners").write_text("in the way")
    job = new_job_id()
    store.builds.start(job, "a_b", "{}")
    assert store.builds.abandon_stale() == []


def test_what_is_being_built_is_not_started_again(store: Store) -> None:
    """A second start of the same key answers with the job to wait for, and keeps nothing."""
    first, second = new_job_id(), new_job_id()
    assert store.builds.start(first, "a_b", "{}", "key") == first
    assert store.builds.start(second, "a_b", "{}", "key") == first
    running = store.builds.find_running("key")
    assert running is not None
    assert (running.job, store.builds.get(second)) == (first, None)


def test_what_was_built_is_started_anew(store: Store) -> None:
    """A build that has ended is joined by nobody."""
    first, second = new_job_id(), new_job_id()
    store.builds.start(first, "a_b", "{}", "key")
    store.builds.finish(first, "refused")
    assert store.builds.find_running("key") is None
    assert store.builds.start(second, "a_b", "{}", "key") == second


def test_the_build_of_a_dead_process_is_joined_by_nobody(store: Store, folder: Path) -> None:
    """A key that a dead process was at is free."""
    run_script(DIES.replace('"{}")', '"{}", "key")'), folder)
    own = new_job_id()
    assert store.builds.find_running("key") is None
    assert store.builds.start(own, "a_b", "{}", "key") == own


def test_builds_without_a_key_are_each_their_own(store: Store) -> None:
    """An empty key is the same as no other."""
    jobs = [new_job_id(), new_job_id()]
    assert [store.builds.start(job, "a_b", "{}") for job in jobs] == jobs
    assert store.builds.find_running("") is None


def test_of_processes_that_start_one_key_at_once_one_builds(store: Store, folder: Path) -> None:
    """All of them are told the same job."""
    script = """
import sys
from pathlib import Path
from tacit.store import Store, new_job_id
store = Store.open(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(store.builds.start(new_job_id(), "a_b", "{}", "key"), flush=True)
sys.stdin.readline()
"""
    command = [sys.executable, "-c", script, folder]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]
    jobs: set[str] = set()
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        jobs.add(process.stdout.readline().strip())
    for process in processes:
        process.communicate("end\n", timeout=60)
    assert len(jobs) == 1


def test_usage_adds_up_in_a_build_and_over_builds(store: Store) -> None:
    """What an author used is added at once; a span of time counts what started in it."""
    jobs = [new_job_id(), new_job_id()]
    before = time.time_ns() // 1_000_000
    for job in jobs:
        store.builds.start(job, "a_b", "{}")
        store.builds.add_usage(job, Usage(llm_calls=1, prompt_tokens=10, completion_tokens=5))
        store.builds.add_usage(job, Usage(attempts=2, estimated=True))
    build = store.builds.get(jobs[0])
    assert build is not None
    assert build.usage == Usage(llm_calls=1, prompt_tokens=10, completion_tokens=5, attempts=2, estimated=True)
    assert store.builds.used_since(before).tokens == 30
    assert store.builds.used_since(before + 3_600_000) == Usage()


def test_usage_of_threads_is_not_lost(store: Store) -> None:
    """Each addition is one transaction."""
    job = new_job_id()
    store.builds.start(job, "a_b", "{}")
    add = partial(store.builds.add_usage, job, Usage(llm_calls=1))
    threads = [threading.Thread(target=lambda: [add() for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.builds.used_since(0).llm_calls == 80


def test_a_refused_build_keeps_its_transcript_and_what_was_learnt(store: Store) -> None:
    """They are there however it ended, whatever characters they have; lists of builds leave transcripts out."""
    job, turns = new_job_id(), [{"kind": "turn", "step": "tests", "reply": {"content": "\ud800 ü"}}]
    store.builds.start(job, "a_b", "{}")
    store.builds.keep_record(job, pack_transcript(turns), "the tests\ud800 contradict")
    store.builds.finish(job, "refused")
    build = store.builds.get(job)
    assert build is not None
    assert unpack_transcript(build.transcript) == turns
    assert (build.status, build.learnt) == ("refused", "the tests? contradict")
    assert [(each.job, each.transcript) for each in store.builds.recent(5)] == [(job, b"")]


def test_transcripts_are_compressed() -> None:
    """A long one takes a small part of its length."""
    turns = [{"step": "implementation", "sent": ["fn main() {}"] * 100}] * 20
    assert len(pack_transcript(turns)) * 50 < len(json.dumps(turns))


def test_a_damaged_transcript_is_a_value_error() -> None:
    """Whoever shows it can say so."""
    with pytest.raises(ValueError, match="damaged"):
        unpack_transcript(b"no transcript")


def test_recent_builds_come_newest_first(store: Store, folder: Path) -> None:
    """At most as many as asked for, and those of dead processes as lost."""
    dead = run_script(DIES, folder)
    jobs = [new_job_id() for _ in range(3)]
    for job in jobs:
        store.builds.start(job, "a_b", "{}")
    assert [build.job for build in store.builds.recent(2)] == jobs[:0:-1]
    assert [build.status for build in store.builds.recent(9) if build.job == dead] == ["lost"]


def test_damaged_usage_is_damage(store: Store) -> None:
    """A row that cannot be understood is named as such."""
    store.builds.start(new_job_id(), "a_b", "{}")
    with store.database.write() as connection:
        connection.exec_driver_sql("""UPDATE builds SET usage = '{"tokens": -'""")
    with pytest.raises(StoreDamaged, match="used cannot be read"):
        store.builds.used_since(0)


def test_builds_that_a_process_cut_off_are_not_counted(store: Store) -> None:
    """Those that are running, lost or cancelled came to nothing by no fault of theirs."""
    for status in ("registered", "refused", "failed", "cancelled", "lost"):
        job = new_job_id()
        store.builds.start(job, "a_b", "{}", "repair a_b@1")
        store.builds.finish(job, status)
    store.builds.start(new_job_id(), "a_b", "{}", "repair a_b@1")
    assert store.builds.count("repair a_b@1") == 3


WAITS = """
import os, sys
from pathlib import Path
from tacit.store import Store
Store.open(Path(sys.argv[1])).builds.await_elsewhere(sys.argv[2], 1)
os._exit(0)
"""


def test_a_dead_process_waits_for_nothing(store: Store, folder: Path) -> None:
    """Who was killed while it waited for a build is not counted; who lives is, until it stops waiting."""
    job = new_job_id()
    store.builds.start(job, "a_b", "{}")
    store.builds.await_elsewhere(job, 1)
    subprocess.run([sys.executable, "-c", WAITS, str(folder), job], check=True)
    waiting = store.builds.get(job)
    store.builds.await_elsewhere(job, -1)
    left = store.builds.get(job)
    assert waiting is not None
    assert left is not None
    assert (waiting.waiting, left.waiting) == (1, 0)


def test_a_running_builds_reservation_is_spoken_for(store: Store) -> None:
    """The rest of what a running build may use is spoken for, and free again once it has ended."""
    first, second = new_job_id(), new_job_id()
    store.builds.start(first, "a_b", "{}")
    store.builds.start(second, "c_d", "{}")
    store.builds.reserve(first, 0, lambda _: Usage(llm_calls=5, prompt_tokens=100, attempts=2))
    store.builds.add_usage(first, Usage(llm_calls=1, prompt_tokens=150))
    told: list[Usage] = []
    store.builds.reserve(second, 0, lambda spoken_for: told.append(spoken_for) or Usage())
    store.builds.finish(first, "refused")
    assert told == [Usage(llm_calls=5, prompt_tokens=150, attempts=2)]
    assert store.builds.spoken_for_since(0) == Usage(llm_calls=1, prompt_tokens=150)
