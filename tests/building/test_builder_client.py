"""The client against programs that stand in for the builder, well-behaved and not."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from processes_seen import running

from tacit.building.client import Builder
from tacit.building.orders import BuildRequest
from tacit.building.process import MAX_STDERR_BYTES
from tacit.building.protocol import FOLDER_PREFIX, Progress
from tacit.config import Settings
from tacit.errors import (
    BuilderFailed,
    BuildRefused,
    ConfinementMissing,
    InvalidSettings,
    RunCancelled,
    ServiceClosed,
    TacitError,
    ToolchainMissing,
)
from tacit.sandbox.cancellation import Cancellation

MakeBuilder = Callable[..., Builder]
MakeRequest = Callable[..., BuildRequest]
WaitUntil = Callable[[Callable[[], bool], str], None]

PREAMBLE = """
import json, os, subprocess, sys, time
def say(**reply):
    print(json.dumps(reply), flush=True)
def progress(message, stage="compile"):
    say(kind="progress", stage=stage, message=message, fraction=0.5)
def result():
    say(kind="result", wasm="AGFzbQ==", digest="d", effects=["reads"], toolchain="t", tests=[], seconds={})
"""
GOOD = PREAMBLE + "order = json.loads(sys.stdin.readline()); progress(str(os.getpid())); result()"
STUCK = (
    PREAMBLE
    + """
sys.stdin.readline()
child = subprocess.Popen(["sleep", "300"])
progress(f"{os.getpid()} {child.pid}", "tests")
time.sleep(300)
"""
)


def test_result_and_progress_come_back(make_builder: MakeBuilder, make_request: MakeRequest) -> None:
    """Progress is reported before the result is returned."""
    seen: list[Progress] = []
    result = make_builder(GOOD).build(make_request(), seen.append)
    assert (result.wasm, result.effects, [each.stage for each in seen]) == (b"\0asm", ("reads",), ["compile"])


def test_refusal_carries_stage_diagnostics_and_tests(make_builder: MakeBuilder, make_request: MakeRequest) -> None:
    """A refusal becomes a BuildRefused with all that the builder said."""
    program = PREAMBLE + (
        "sys.stdin.readline(); say(kind='refusal', stage='tests', message='No.', hint='Mend.', diagnostics='why',"
        " tests=[{'name': 'one', 'passed': False, 'difference': '1 != 2'}])"
    )
    with pytest.raises(BuildRefused) as refused:
        make_builder(program).build(make_request())
    assert refused.value.to_dict() == {
        "code": "refused",
        "message": "No.",
        "hint": "Mend.",
        "details": {
            "stage": "tests",
            "diagnostics": "why",
            "tests": [{"name": "one", "passed": False, "difference": "1 != 2"}],
        },
    }


@pytest.mark.parametrize("error", [ToolchainMissing, ConfinementMissing, InvalidSettings, BuilderFailed])
def test_failure_keeps_its_class(error: type[TacitError], make_builder: MakeBuilder, make_request: MakeRequest) -> None:
    """What the operator must mend arrives as the error that says so."""
    program = PREAMBLE + f"sys.stdin.readline(); say(kind='failure', code={error.code!r}, message='Mend me.')"
    with pytest.raises(error, match=r"^Mend me\."):
        make_builder(program).build(make_request())


@pytest.mark.parametrize(
    "answer",
    ["hello", "{}", "[1]", '{"kind": "progress"}', '{"kind": "result", "wasm": "%"}', "\xff"],
)
def test_garbage_is_a_builder_failure(answer: str, make_builder: MakeBuilder, make_request: MakeRequest) -> None:
    """An answer outside the protocol is never taken for a result."""
    with pytest.raises(BuilderFailed, match="protocol"):
        make_builder(f"input(); print({answer!r}, flush=True)").build(make_request())


def test_endless_line_is_cut_off(make_builder: MakeBuilder, make_request: MakeRequest) -> None:
    """A line without end is a failure, not memory."""
    program = "import sys\nsys.stdin.readline()\nwhile True: sys.stdout.write('x' * 1_000_000)"
    with pytest.raises(BuilderFailed, match="line of over"):
        make_builder(program).build(make_request())


def test_stderr_of_a_dying_builder_is_told_without_folders(
    make_builder: MakeBuilder, make_request: MakeRequest
) -> None:
    """The end of stderr helps the operator, and names no folder of the machine."""
    program = "import sys; sys.stdin.readline(); sys.exit('lost /home/someone/secret/place.py and 1/2')"
    with pytest.raises(BuilderFailed) as failed:
        make_builder(program).build(make_request())
    assert failed.value.details == {"exit_status": 1, "stderr": "lost place.py and 1/2\n"}


def test_flood_of_stderr_neither_blocks_nor_grows(make_builder: MakeBuilder, make_request: MakeRequest) -> None:
    """Only the end of stderr is kept, and a builder never waits for it to be read."""
    program = "import sys; sys.stdin.readline(); sys.stderr.write('a' * 5_000_000 + 'the end')"
    with pytest.raises(BuilderFailed) as failed:
        make_builder(program).build(make_request())
    kept = failed.value.details["stderr"]
    assert (len(kept), kept[-7:]) == (MAX_STDERR_BYTES, "the end")


def test_builder_that_talks_before_it_reads_does_not_deadlock(
    make_builder: MakeBuilder, make_request: MakeRequest
) -> None:
    """Sending a large request and reading many answers happen at once."""
    program = PREAMBLE + "for _ in range(3000): progress('x' * 500)\nsys.stdin.readline(); result()"
    request = make_request(source={"main.rs": "y" * 3_000_000})
    assert make_builder(program).build(request).digest == "d"


def test_builder_killed_midway_fails_and_the_next_build_works(
    make_builder: MakeBuilder, make_request: MakeRequest
) -> None:
    """One dead builder is one failed build."""
    builder = make_builder(GOOD)

    def kill(progress: Progress) -> None:
        os.kill(int(progress.message), signal.SIGKILL)

    program = PREAMBLE + "sys.stdin.readline(); progress(str(os.getpid())); time.sleep(300)"
    with pytest.raises(BuilderFailed) as failed:
        make_builder(program).build(make_request(), kill)
    assert failed.value.details["exit_status"] == -signal.SIGKILL
    assert builder.build(make_request()).digest == "d"


def test_overrun_kills_the_whole_group(
    make_builder: MakeBuilder, make_request: MakeRequest, wait_until: WaitUntil
) -> None:
    """Past its time a build is refused at the stage it was in, and its children are gone."""
    pids: list[int] = []
    with pytest.raises(BuildRefused, match="longer than 1 seconds") as refused:
        make_builder(STUCK, build_seconds=1).build(
            make_request(), lambda progress: pids.extend(map(int, progress.message.split()))
        )
    assert (refused.value.stage, len(pids)) == ("tests", 2)
    wait_until(lambda: not any(map(running, pids)), "the group's end")


def test_cancelling_kills_the_whole_group(
    make_builder: MakeBuilder, make_request: MakeRequest, wait_until: WaitUntil
) -> None:
    """A cancelled build raises RunCancelled and leaves no process."""
    pids: list[int] = []
    cancellation = Cancellation()

    def cancel(progress: Progress) -> None:
        pids.extend(map(int, progress.message.split()))
        cancellation.cancel()

    with pytest.raises(RunCancelled):
        make_builder(STUCK).build(make_request(), cancel, cancellation)
    wait_until(lambda: not any(map(running, pids)), "the group's end")


def test_listener_that_raises_leaves_no_process(
    make_builder: MakeBuilder, make_request: MakeRequest, wait_until: WaitUntil
) -> None:
    """An error of the caller's own passes through, after the builder is killed."""
    pids: list[int] = []

    def fail(progress: Progress) -> None:
        pids.extend(map(int, progress.message.split()))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make_builder(STUCK).build(make_request(), fail)
    wait_until(lambda: not any(map(running, pids)), "the group's end")


def test_cancelled_before_it_began_starts_nothing(
    make_builder: MakeBuilder, make_request: MakeRequest, tmp_path: Path
) -> None:
    """A build that nobody waits for is not started."""
    cancellation = Cancellation()
    cancellation.cancel()
    seen: list[Progress] = []
    with pytest.raises(RunCancelled):
        make_builder(GOOD).build(make_request(), seen.append, cancellation)
    assert seen == []


def test_closing_ends_builds_that_run_and_refuses_more(
    make_builder: MakeBuilder, make_request: MakeRequest, wait_until: WaitUntil
) -> None:
    """Close kills what runs; its caller and later ones are told that it is closed."""
    builder, pids = make_builder(STUCK), list[int]()

    def close(progress: Progress) -> None:
        pids.extend(map(int, progress.message.split()))
        builder.close()

    with pytest.raises(ServiceClosed):
        builder.build(make_request(), close)
    with pytest.raises(ServiceClosed):
        builder.build(make_request())
    wait_until(lambda: not any(map(running, pids)), "the group's end")


def test_at_most_two_builds_at_once(make_builder: MakeBuilder, make_request: MakeRequest) -> None:
    """Four builds of one id all complete, and never more than two of them run together."""
    builder, lock, pair = make_builder(GOOD), threading.Lock(), threading.Barrier(2)
    running_now: set[str] = set()
    together: list[int] = []

    def meet(progress: Progress) -> None:
        with lock:
            running_now.add(progress.message)
            together.append(len(running_now))
        pair.wait(20)

    def build(number: int) -> str:
        mine: list[Progress] = []

        def listen(progress: Progress) -> None:
            mine.append(progress)
            meet(progress)

        try:
            return builder.build(make_request(job=str(number)), listen).digest
        finally:
            with lock:
                running_now.difference_update(each.message for each in mine)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(build, range(4))) == ["d"] * 4
    assert max(together) == 2


def test_sessions_take_turns_in_building(
    make_builder: MakeBuilder, make_request: MakeRequest, wait_until: WaitUntil
) -> None:
    """One session has both places and four builds that wait; the next to begin is another session's."""
    builder, release, order = make_builder(GOOD), threading.Semaphore(0), list[str]()
    line = builder._builds._ordinary  # pyright: ignore[reportPrivateUsage]

    def build(session: str) -> str:
        def hold(_: Progress) -> None:
            order.append(session)
            release.acquire(timeout=20)

        return builder.build(make_request(), hold, session=session).digest

    with ThreadPoolExecutor(7) as pool:
        builds = [pool.submit(build, "a") for _ in range(2)]
        wait_until(lambda: len(order) == 2, "both builds")
        builds += [pool.submit(build, "a") for _ in range(4)]
        wait_until(lambda: len(line.all()) == 4, "those that wait")
        builds.append(pool.submit(build, "b"))
        wait_until(lambda: len(line.all()) == 5, "the other session's")
        release.release()
        wait_until(lambda: len(order) == 3, "the next")
        release.release(6)
        assert [each.result(20) for each in builds] == ["d"] * 7
    assert order[:3] == ["a", "a", "b"]


def test_a_build_that_waits_for_its_turn_can_be_cancelled(make_builder: MakeBuilder, make_request: MakeRequest) -> None:
    """Cancelling reaches a build that has no process yet."""
    builder, release, cancellation = make_builder(GOOD), threading.Event(), Cancellation()
    started = threading.Barrier(3)

    def hold(_: Progress) -> None:
        started.wait(20)
        release.wait(20)

    with ThreadPoolExecutor(3) as pool:
        held = [pool.submit(builder.build, make_request(), hold) for _ in range(2)]
        started.wait(20)
        waiting = pool.submit(builder.build, make_request(), None, cancellation)
        cancellation.cancel()
        with pytest.raises(RunCancelled):
            waiting.result(20)
        release.set()
        assert [build.result(20).digest for build in held] == ["d", "d"]


def test_builder_inherits_no_secret(
    make_builder: MakeBuilder, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment of the server stays with the server; home and working folder are the builder's own."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    program = PREAMBLE + (
        "sys.stdin.readline(); progress(json.dumps([sorted(os.environ), os.environ['HOME'] == os.getcwd()])); result()"
    )
    seen: list[Progress] = []
    make_builder(program).build(make_request(), seen.append)
    assert seen[0].message == ('[["HOME", "LANG", "PATH", "PYTHONPATH", "TMPDIR"], true]')


def test_build_leaves_no_folder(make_builder: MakeBuilder, make_request: MakeRequest) -> None:
    """The builder's temporary folder goes with it, whatever is in it."""
    program = PREAMBLE + "open('left', 'w').close(); sys.stdin.readline(); progress(os.getcwd()); result()"
    seen: list[Progress] = []
    make_builder(program).build(make_request(), seen.append)
    assert Path(seen[0].message).name.startswith(FOLDER_PREFIX)
    assert not Path(seen[0].message).exists()


@pytest.mark.parametrize("change", [{"source": {"main.rs": "\ud800"}}, {"input_schema": {"title": "\ud800"}}])
def test_text_that_is_not_unicode_is_refused(
    change: dict[str, object], make_builder: MakeBuilder, make_request: MakeRequest
) -> None:
    """Lone surrogates cannot be written as UTF-8 and are refused before anything starts."""
    with pytest.raises(BuildRefused, match="Unicode") as refused:
        make_builder(GOOD).build(make_request(**change))
    assert refused.value.stage == "request"


def test_request_over_the_line_limit_is_refused(make_builder: MakeBuilder, make_request: MakeRequest) -> None:
    """A request that the builder would not read is not sent."""
    with pytest.raises(BuildRefused, match="the limit is") as refused:
        make_builder(GOOD).build(make_request(source={"main.rs": "x" * (33 << 20)}))
    assert refused.value.stage == "request"


def test_builder_that_cannot_start_is_a_builder_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_request: MakeRequest
) -> None:
    """A missing program is said in one sentence, and leaves no folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    builder = Builder(Settings.load(data=tmp_path / "data"), command=("/no/such/program",))
    with pytest.raises(BuilderFailed, match="could not be started: No such file or directory"):
        builder.build(make_request())
    assert list(tmp_path.glob(f"{FOLDER_PREFIX}*")) == []


def counting(log: Path) -> str:
    """Return a builder that writes its process id to `log` when it starts."""
    note = f"open({str(log)!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
    return PREAMBLE + note + "sys.stdin.readline(); progress(str(os.getpid())); result()"


def test_prepared_builder_serves_the_next_build(
    make_builder: MakeBuilder, make_request: MakeRequest, tmp_path: Path, wait_until: WaitUntil
) -> None:
    """A spare that was started ahead takes the request."""
    log = tmp_path / "started"
    builder = make_builder(counting(log))
    builder.prepare()
    builder.prepare()
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"), "the spare")
    seen: list[Progress] = []
    builder.build(make_request(), seen.append)
    assert seen[0].message == log.read_text().split()[0]


def test_spare_that_died_is_replaced(
    make_builder: MakeBuilder, make_request: MakeRequest, tmp_path: Path, wait_until: WaitUntil
) -> None:
    """A build does not depend on the spare."""
    log = tmp_path / "started"
    builder = make_builder(counting(log))
    builder.prepare()
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"), "the spare")
    spare = int(log.read_text())
    os.kill(spare, signal.SIGKILL)
    wait_until(lambda: not running(spare), "the spare's end")
    seen: list[Progress] = []
    builder.build(make_request(), seen.append)
    assert int(seen[0].message) != spare


def test_closing_ends_the_spare(make_builder: MakeBuilder, tmp_path: Path, wait_until: WaitUntil) -> None:
    """No process is left after close."""
    log = tmp_path / "started"
    builder = make_builder(counting(log))
    builder.prepare()
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"), "the spare")
    builder.close()
    assert not running(int(log.read_text()))
