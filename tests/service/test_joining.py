"""Who waits for which build: joining it, leaving it, ending it, and what is left of it then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from authors import good, hangs
from llm_apps import await_that, below, running_job
from processes_seen import name_of, running
from samples import COUNT_VOWELS
from scripted_llm import ScriptedLlm, hang
from service_samples import WORD_COUNT, OpenApp, word_count

from tacit.errors import RunCancelled
from tacit.models import MutateAnswer, MutateRequest
from tacit.sandbox import Cancellation
from tacit.service import Service
from tacit.service.authoring import MAX_KEPT_RUNS
from tacit.store.builds import Build

VOWELS = MutateRequest(task=COUNT_VOWELS.task)

SERVER = """
import sys
from pathlib import Path
import tacit
from tacit.config import Settings
from tacit.models import MutateRequest
data, url, key, task = sys.argv[1:]
model = {"llm": "openai", "llm_model": "scripted", "openai_base_url": url, "openai_api_key": key}
with tacit.open(Settings.load(data=Path(data), embedder="none", **model)) as app:
    print(app.service.mutate(MutateRequest(task=task), wait_seconds=60).model_dump_json(), flush=True)
"""


class Caller:
    """Somebody who asks on a thread of their own, and can give up."""

    def __init__(self, threads: ThreadPoolExecutor, service: Service, request: MutateRequest) -> None:
        self.cancellation = Cancellation()
        self.answer: Future[MutateAnswer] = threads.submit(
            service.mutate, request, wait_seconds=60, cancellation=self.cancellation
        )


def find(app: Any, job: str) -> Build:
    build = app.catalog.store.builds.get(job)
    assert build is not None
    return build


def started(service: Service, llm: ScriptedLlm) -> str:
    """Return the job of the author that hangs by now, at its implementation."""
    await_that(lambda: any("write_file" in str(request.get("tools")) for request in llm.requests), "the implementation")
    return running_job(service)


def test_cancelling_ends_author_and_record(open_app: OpenApp) -> None:
    """A cancelled build's processes are gone; its record says so, with the transcript so far."""
    with ScriptedLlm(hangs(COUNT_VOWELS)) as llm, ThreadPoolExecutor(1) as threads:
        app = open_app(**llm.settings())
        caller = Caller(threads, app.service, VOWELS)
        job = started(app.service, llm)
        mine = below(os.getpid())
        assert mine
        caller.cancellation.cancel()
        await_that(lambda: not mine & below(os.getpid()), "the builder's end")
        with pytest.raises(RunCancelled):
            caller.answer.result(60)
        record = app.service.build(job)
    assert (record["status"], record["capability"]) == ("cancelled", "")
    assert {turn["step"] for turn in record["transcript"]} == {"specification", "tests"}
    assert record["usage"]["llm_calls"] == len(llm.requests) == 3
    assert COUNT_VOWELS.id not in {row["id"] for row in app.service.list()}


def test_a_cancelled_author_has_its_attempts_counted(open_app: OpenApp) -> None:
    """What was compiled before the call of the model that is cut off counts, although its turn never came."""
    tried = threading.Event()

    def author(request: Any) -> Any:
        if request.step == "implementation" and "'name': 'test'" in str(request.messages):
            tried.set()
            return hang()
        return good(COUNT_VOWELS)(request)

    with ScriptedLlm(author) as llm, ThreadPoolExecutor(1) as threads:
        app = open_app(**llm.settings())
        caller = Caller(threads, app.service, VOWELS)
        await_that(tried.is_set, "the call after the compilation")
        caller.cancellation.cancel()
        with pytest.raises(RunCancelled):
            caller.answer.result(60)
        assert app.service.builds(1)[0]["usage"]["attempts"] == 1


def test_cancelling_ends_the_compiler_too(open_app: OpenApp) -> None:
    """A build that is cancelled while it compiles leaves no process."""
    endless = (
        WORD_COUNT
        + "const fn f(n: u64) -> u64 { if n < 2 { n } else { f(n - 1) + f(n - 2) } }\n"
        + ("#[allow(long_running_const_eval)]\nconst SLOW: u64 = f(60);\n#[no_mangle]\npub static USED: u64 = SLOW;\n")
    )
    with ThreadPoolExecutor(1) as threads:
        app = open_app()
        caller = Caller(threads, app.service, word_count(source=endless))
        await_that(lambda: "rustc" in map(name_of, below(os.getpid())), "the compiler")
        mine = below(os.getpid())
        caller.cancellation.cancel()
        await_that(lambda: not mine & below(os.getpid()), "the compiler's end")
        with pytest.raises(RunCancelled):
            caller.answer.result(60)
        assert app.service.builds(1)[0]["status"] == "cancelled"


def test_the_same_task_joins(open_app: OpenApp) -> None:
    """Two who ask for the same task at once get the same build, and it is written once."""
    with ScriptedLlm(good(COUNT_VOWELS)) as llm, ThreadPoolExecutor(2) as threads:
        service = open_app(**llm.settings()).service
        both = [Caller(threads, service, VOWELS), Caller(threads, service, MutateRequest(task=f" {VOWELS.task}  "))]
        jobs = {caller.answer.result(90).job for caller in both}
        assert (len(jobs), len(service.builds()), len(llm.requests)) == (1, 1, 6)


@pytest.mark.parametrize(
    "given",
    [
        {"permissions": {}},
        {"output_schema": {"type": "string"}},
        {"tests": [{"name": "none", "input": {"text": ""}, "expect": {"output": {"vowels": 0}}}]},
        {"force": True},
    ],
    ids=str,
)
def test_what_is_given_beside_the_task_makes_another_build(open_app: OpenApp, given: dict[str, Any]) -> None:
    """Who gives schemas, tests or permissions is not answered by a build that knew nothing of them."""
    with ScriptedLlm(hangs(COUNT_VOWELS, at="specification")) as llm:
        service = open_app(**llm.settings()).service
        plain = service.mutate(VOWELS, wait_seconds=0)
        other = service.mutate(MutateRequest.model_validate({"task": VOWELS.task, **given}), wait_seconds=0)
        again = service.mutate(MutateRequest.model_validate({"task": VOWELS.task, **given}), wait_seconds=0)
    assert plain.job != other.job == again.job


def test_one_of_two_may_leave(open_app: OpenApp) -> None:
    """A build goes on until the last of those who joined it gives up."""
    with ScriptedLlm(hangs(COUNT_VOWELS)) as llm, ThreadPoolExecutor(2) as threads:
        app = open_app(**llm.settings())
        first = Caller(threads, app.service, VOWELS)
        job = started(app.service, llm)
        second = Caller(threads, app.service, VOWELS)
        jobs = app.service._author._jobs  # who waits is nobody's business but the build's
        await_that(lambda: jobs.get(job)._here == 2, "the second to join")
        first.cancellation.cancel()
        with pytest.raises(RunCancelled):
            first.answer.result(60)
        assert find(app, job).status == "running"
        second.cancellation.cancel()
        with pytest.raises(RunCancelled):
            second.answer.result(60)
        assert find(app, job).status == "cancelled"


def test_who_was_told_that_it_goes_on_still_waits(open_app: OpenApp) -> None:
    """A build that somebody was answered a job for is not ended by another one's leaving; by their own it is."""
    with ScriptedLlm(hangs(COUNT_VOWELS)) as llm, ThreadPoolExecutor(1) as threads:
        app = open_app(**llm.settings())
        told = app.service.mutate(VOWELS, wait_seconds=0)
        job = told.job or ""
        other = Caller(threads, app.service, VOWELS)
        started(app.service, llm)
        other.cancellation.cancel()
        with pytest.raises(RunCancelled):
            other.answer.result(60)
        assert find(app, job).status == "running"
        back = Caller(threads, app.service, MutateRequest(job=job))
        back.cancellation.cancel()
        with pytest.raises(RunCancelled):
            back.answer.result(60)
        assert find(app, job).status == "cancelled"


def test_another_process_joins_and_keeps_it_going(open_app: OpenApp) -> None:
    """Two servers on one folder share a build; the one that builds ends it once nobody waits in either."""
    with ScriptedLlm(hangs(COUNT_VOWELS)) as llm, ThreadPoolExecutor(2) as threads:
        here, there = open_app(**llm.settings()), open_app(**llm.settings())
        first = Caller(threads, here.service, VOWELS)
        job = started(here.service, llm)
        second = Caller(threads, there.service, VOWELS)
        await_that(lambda: find(here, job).waiting == 1, "the second to join")
        first.cancellation.cancel()
        with pytest.raises(RunCancelled):
            first.answer.result(60)
        assert find(here, job).status == "running"
        second.cancellation.cancel()
        with pytest.raises(RunCancelled):
            second.answer.result(60)
        await_that(lambda: find(here, job).status == "cancelled", "the end of the build")


def test_two_processes_write_once(open_app: OpenApp, tmp_path: Path) -> None:
    """The same task asked of two processes at once is written by one of them, and answered by both."""
    app = open_app()

    def author(request: Any) -> Any:
        await_that(lambda: find(app, running_job(app.service)).waiting == 1, "the other process to join")
        return good(COUNT_VOWELS)(request)

    with ScriptedLlm(author) as llm:
        command = [sys.executable, "-c", SERVER, str(tmp_path / "data"), llm.base_url]
        command += [llm.settings()["openai_api_key"], VOWELS.task]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        answers = [MutateAnswer.model_validate_json(each.communicate(timeout=90)[0]) for each in both]
    assert [answer.status for answer in answers] == ["registered", "registered"]
    assert answers[0].job == answers[1].job
    assert len(app.service.builds()) == 1


def test_a_killed_server_leaves_no_author(open_app: OpenApp, tmp_path: Path) -> None:
    """When the server is killed, its author ends by itself; the build is lost, and what it used is kept."""
    with ScriptedLlm(hangs(COUNT_VOWELS)) as llm:
        app = open_app(**llm.settings())
        command = [sys.executable, "-c", SERVER, str(tmp_path / "data"), llm.base_url]
        process = subprocess.Popen([*command, llm.settings()["openai_api_key"], VOWELS.task])
        job = started(app.service, llm)
        await_that(lambda: app.service.build(job)["usage"]["llm_calls"] == 2, "the first two turns to be kept")
        authors = below(process.pid)
        assert authors
        process.send_signal(signal.SIGKILL)
        process.wait()
        await_that(lambda: not any(map(running, authors)), "the author's end")
        record = app.service.build(job)
        answer = app.service.mutate(MutateRequest(job=job))
    assert (record["status"], record["usage"]["llm_calls"]) == ("lost", 2)
    assert (answer.status, "with the task" in answer.hint) == ("refused", True)
    assert record["message"] == "The process that was at it ended before it was done; nothing was registered."
    assert record["message"] in answer.message
    assert record["transcript"]


def test_closing_ends_builds_and_says_so(open_app: OpenApp) -> None:
    """A server that closes ends its builds, and their records say that they were cancelled."""
    with ScriptedLlm(hangs(COUNT_VOWELS)) as llm:
        app = open_app(**llm.settings())
        job = app.service.mutate(VOWELS, wait_seconds=0).job or ""
        started(app.service, llm)
        mine = below(os.getpid())
        app.close()
        await_that(lambda: not mine & below(os.getpid()), "the builder's end")
        assert open_app().service.build(job)["status"] == "cancelled"


def test_the_same_request_again_is_the_same_build(open_app: OpenApp) -> None:
    """A request repeated within a short time is answered by its build, and its input is not run twice."""
    service = open_app().service
    request = word_count(input={"text": "a b c"})
    first, second = service.mutate(request, wait_seconds=60), service.mutate(request, wait_seconds=60)
    assert first == second
    assert (len(service.builds()), first.run.output if first.run else None) == (1, {"words": 3})


def test_a_refused_request_is_built_again(open_app: OpenApp) -> None:
    """What was refused is tried anew: the cause may be gone."""
    service = open_app().service
    request = word_count(source="fn main() { let x: u8 = 300; }")
    assert [service.mutate(request, wait_seconds=60).status for _ in range(2)] == ["refused", "refused"]
    assert len(service.builds()) == 2


def test_what_is_offered_no_longer_is_built_again(open_app: OpenApp) -> None:
    """The same request after its version was deprecated is not answered as if nothing had happened."""
    service = open_app().service
    service.mutate(word_count(), wait_seconds=60)
    service.deprecate("count_words")
    answer = service.mutate(word_count(), wait_seconds=60)
    assert (answer.status, answer.stage) == ("refused", "duplicate")


def test_a_job_runs_nobody_elses_input(open_app: OpenApp) -> None:
    """A job alone runs nothing, here and from another process: another caller's input and output stay theirs."""
    here, there = open_app(), open_app()
    job = here.service.mutate(word_count(input={"text": "a b c"}), wait_seconds=0).job
    for app in (here, there):
        answer = app.service.mutate(MutateRequest(job=job), wait_seconds=60)
        assert (answer.status, answer.run) == ("registered", None)
    assert "a b c" not in str(here.service.build(job or "")["request"])


def test_who_gave_an_input_is_told_to_send_it_again(open_app: OpenApp) -> None:
    """The hint of a build that goes on names the input where the caller gave one, and only there."""
    service = open_app().service
    hints = [service.mutate(request, wait_seconds=0).hint for request in (word_count(input=None), word_count())]
    assert ["input" in hint for hint in hints] == [True, False]


def test_a_job_runs_the_input_beside_it(open_app: OpenApp) -> None:
    """Who sends the input again with the job gets its run."""
    service = open_app().service
    job = service.mutate(word_count(input={"text": "a b c"}), wait_seconds=0).job
    answer = service.mutate(MutateRequest(job=job, input={"text": "a"}), wait_seconds=60)
    assert answer.run is not None
    assert answer.run.output == {"words": 1}


def test_a_build_remembers_few_runs(open_app: OpenApp) -> None:
    """Inputs without end for one job fill no memory: each is run, and few are remembered."""
    service = open_app().service
    job = service.mutate(word_count(), wait_seconds=60).job
    for number in range(MAX_KEPT_RUNS + 5):
        answer = service.mutate(MutateRequest(job=job, input={"text": "a " * number}))
        assert answer.run is not None
        assert answer.run.output == {"words": number}
    kept = service._author._jobs.get(job or "")
    assert kept is not None
    assert len(kept.runs) == MAX_KEPT_RUNS
