"""Capabilities that a language model writes, through the service: real builder, real compiler, scripted model."""

from __future__ import annotations

import random
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from authors import any_of, at_random, good, loops, played, specify
from llm_apps import await_that
from samples import COUNT_VOWELS, REVERSE_WORDS
from scripted_llm import API_KEY, ScriptedLlm, call, hang, raw, say, status
from service_samples import OpenApp, word_count

from tacit.models import MutateRequest
from tacit.sandbox import Cancellation

VOWELS = MutateRequest(task=COUNT_VOWELS.task, input=COUNT_VOWELS.input)


BOTH = any_of(*((text, good(each)) for each in (COUNT_VOWELS, REVERSE_WORDS) for text in (each.task, each.id)))
"""An author of both samples."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_task_alone_becomes_a_capability(open_app: OpenApp) -> None:
    """The model specifies, tests and writes; the version is registered and run on the request's input at once."""
    with ScriptedLlm(good(COUNT_VOWELS)) as llm:
        service = open_app(**llm.settings()).service
        answer = service.mutate(VOWELS, wait_seconds=60)
    assert (answer.status, answer.id, answer.author) == ("registered", COUNT_VOWELS.id, "scripted")
    assert answer.run is not None
    assert answer.run.output == COUNT_VOWELS.output
    assert (answer.usage.llm_calls, answer.usage.attempts) == (len(llm.requests), 1) if answer.usage else False
    assert llm.violations == []


def test_its_origin_is_kept(open_app: OpenApp) -> None:
    """The version knows its task, model, prompts, usage, job, held-out tests and transcript."""
    with ScriptedLlm(good(COUNT_VOWELS)) as llm:
        app = open_app(**llm.settings())
        answer = app.service.mutate(VOWELS, wait_seconds=60)
    origin = app.catalog.origin(COUNT_VOWELS.id, 1)
    assert (origin.task, origin.model, origin.job) == (COUNT_VOWELS.task, "scripted", answer.job)
    assert len(origin.prompts_hash) == 64
    assert origin.usage == answer.usage
    assert set(origin.held_out) == {test["name"] for test in COUNT_VOWELS.held_out}
    assert {turn["step"] for turn in origin.turns()} >= {"specification", "tests", "implementation"}


def test_no_secret_is_kept(open_app: OpenApp, tmp_path: Any) -> None:
    """The key of the endpoint, and what looks like one, is in no record, even where task and model say it."""
    told = f"{COUNT_VOWELS.task}; the key is {API_KEY}, Bearer Zx81kq02LmTr77pq"

    def author(request: Any) -> Any:
        if request.step == "implementation" and request.turn == 0:
            return call("search_capabilities", query=f"who uses {API_KEY}?")
        return good(COUNT_VOWELS)(request)

    with ScriptedLlm(author) as llm:
        app = open_app(**llm.settings())
        answer = app.service.mutate(MutateRequest(task=told), wait_seconds=60)
        assert answer.status == "registered", answer
        record = app.service.build(answer.job or "")
        kept = repr(record) + repr(app.catalog.origin(COUNT_VOWELS.id, 1).turns()) + repr(app.service.builds())
        app.close()
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir() if path.is_file())
    assert "[removed]" in kept
    assert [secret for secret in (API_KEY, "Zx81kq02LmTr77pq") if secret in kept] == []
    assert API_KEY.encode() not in stored


def test_a_refusal_quotes_no_secret(open_app: OpenApp, tmp_path: Any) -> None:
    """What a model hands in wrong is quoted to the caller and in the record without the endpoint's key."""
    wrong = call("submit_specification", **{**COUNT_VOWELS.specification, API_KEY: 1})
    with ScriptedLlm(lambda _: wrong) as llm:
        app = open_app(**llm.settings())
        answer = app.service.mutate(VOWELS, wait_seconds=60)
        app.close()
    assert answer.status == "refused"
    assert "[removed]" in answer.message
    assert API_KEY not in answer.model_dump_json()
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir() if path.is_file())
    assert API_KEY.encode() not in stored


@pytest.mark.parametrize(
    ("author", "changes", "named"),
    [
        (good(COUNT_VOWELS), {"openai_api_key": "sk-not-the-right-one"}, "TACIT_OPENAI_API_KEY"),
        (good(COUNT_VOWELS), {"llm_model": "no-such-model"}, "TACIT_LLM_MODEL"),
        (good(COUNT_VOWELS), {"llm_model": None}, "TACIT_LLM_MODEL"),
        (good(COUNT_VOWELS), {"openai_base_url": f"http://127.0.0.1:{free_port()}/v1"}, "TACIT_OPENAI_BASE_URL"),
        (lambda _: status(400, body={"error": {"message": "tools is not supported"}}), {}, "TACIT_LLM_MODEL"),
        (lambda _: status(503, retry_after=0.01), {"llm_retries": 1}, "TACIT_LLM_RETRIES"),
    ],
    ids=["wrong key", "unknown model", "no model", "no endpoint", "no tools", "overloaded"],
)
def test_a_model_that_cannot_be_used_leaves_it_to_the_caller(
    open_app: OpenApp, author: Any, changes: dict[str, Any], named: str
) -> None:
    """The answer is the brief; its message first says what is wrong and which setting, then that the caller can."""
    with ScriptedLlm(author) as llm:
        service = open_app(**{**llm.settings(), "llm_retries": 0, **changes}).service
        answer = service.mutate(VOWELS, wait_seconds=60)
    assert (answer.status, answer.run) == ("needs_source", None)
    assert answer.brief is not None
    assert named in answer.message.split("You can write it yourself.")[0]
    assert "You can write it yourself." in answer.message
    assert answer.author_error is not None
    assert answer.author_error["code"].startswith("llm_")
    assert API_KEY not in answer.model_dump_json()


def test_none_turns_it_off(open_app: OpenApp) -> None:
    """With `llm` none nothing is asked of the model, and the answer is the plain brief."""
    with ScriptedLlm(good(COUNT_VOWELS)) as llm:
        answer = open_app(**{**llm.settings(), "llm": "none"}).service.mutate(VOWELS)
        assert (answer.status, llm.requests) == ("needs_source", [])
    assert answer.message.startswith("Write the source")


def test_source_is_always_the_callers(open_app: OpenApp) -> None:
    """A request with source asks no model."""
    with ScriptedLlm(good(COUNT_VOWELS)) as llm:
        answer = open_app(**llm.settings()).service.mutate(word_count(), wait_seconds=60)
        assert (answer.status, answer.author, llm.requests) == ("registered", "caller", [])


def test_an_id_that_is_taken_costs_nothing(open_app: OpenApp) -> None:
    """An id that exists is refused before any model is asked."""
    with ScriptedLlm(good(COUNT_VOWELS)) as llm:
        answer = open_app(**llm.settings()).service.mutate(MutateRequest(task="Reverse it", id="reverse_string"))
        assert (answer.status, answer.stage, llm.requests) == ("refused", "duplicate", [])


def test_a_build_over_its_budget_is_refused_with_what_it_learnt(open_app: OpenApp) -> None:
    """The policy's budget of a build ends it; its record says how far it came and what it used."""
    with ScriptedLlm(loops(COUNT_VOWELS)) as llm:
        service = open_app(**llm.settings()).service
        service.set_policy("cost_limits", {"llm_calls_per_build": 5})
        answer = service.mutate(VOWELS, wait_seconds=60)
        assert (answer.status, answer.stage, len(llm.requests)) == ("refused", "budget", 5)
        record = service.build(answer.job or "")
    assert (record["status"], record["usage"]["llm_calls"]) == ("refused", 5)
    assert record["transcript"]
    assert record["learnt"]
    assert answer.usage is not None


def test_a_model_that_fails_half_way_leaves_what_it_learnt(open_app: OpenApp) -> None:
    """The record says why the model could not go on, and what it had found out; the answer to the caller does not."""
    author = played(specification=[specify(COUNT_VOWELS)], tests=[status(401)])
    with ScriptedLlm(author) as llm:
        service = open_app(**llm.settings()).service
        answer = service.mutate(VOWELS, wait_seconds=60)
        learnt = service.builds(1)[0]["learnt"]
    assert (answer.status, (answer.author_error or {})["code"]) == ("needs_source", "llm_key_refused")
    assert learnt.startswith(str((answer.author_error or {})["message"]))
    assert COUNT_VOWELS.specification["summary"] in learnt
    assert COUNT_VOWELS.specification["summary"] not in answer.model_dump_json()


def test_a_day_that_is_used_up_leaves_it_to_the_caller(open_app: OpenApp) -> None:
    """Once all builds of a day used the day's budget, the next gets a brief that names the policy."""
    with ScriptedLlm(BOTH) as llm:
        service = open_app(**llm.settings()).service
        assert service.mutate(VOWELS, wait_seconds=60).status == "registered"
        used = len(llm.requests)
        service.set_policy("cost_limits", {"llm_calls_per_day": used})
        answer = service.mutate(MutateRequest(task=REVERSE_WORDS.task), wait_seconds=60)
        assert (answer.status, len(llm.requests)) == ("needs_source", used)
    assert "cost_limits" in answer.message.split("You can write it yourself.")[0]


@pytest.mark.parametrize("unread", [hang(), raw('{"choices": []}')], ids=["cancelled", "unreadable"])
def test_calls_whose_answer_never_counts_use_up_the_day(open_app: OpenApp, unread: Any) -> None:
    """Who cancels while the model answers, or has a model that answers nothing readable, cannot go on for ever."""
    with ScriptedLlm(lambda _: unread) as llm, ThreadPoolExecutor(1) as threads:
        service = open_app(**llm.settings()).service
        service.set_policy("cost_limits", {"llm_calls_per_day": 2})
        for _ in range(3):
            llm.asked.clear()
            cancellation = Cancellation()
            answer = threads.submit(service.mutate, VOWELS, wait_seconds=60, cancellation=cancellation)
            await_that(lambda answer=answer: llm.asked.is_set() or answer.done(), "the model to be asked")
            if unread.hangs:
                cancellation.cancel()
            answer.exception(20)
    assert len(llm.requests) == 2
    assert "cost_limits" in answer.result().message


def test_a_day_that_is_used_up_elsewhere_stops_a_build(open_app: OpenApp) -> None:
    """What another process uses up ends the builds that run here, too."""
    apps: list[Any] = []

    def author(request: Any) -> Any:
        if request.step == "implementation":
            apps[1].service.set_policy("cost_limits", {"llm_calls_per_day": 1})
        return good(COUNT_VOWELS)(request)

    with ScriptedLlm(author) as llm:
        apps += [open_app(**llm.settings()), open_app(**llm.settings())]
        answer = apps[0].service.mutate(VOWELS, wait_seconds=60)
    assert (answer.status, answer.stage) == ("refused", "budget")
    assert "llm_calls_per_day" in answer.hint


def test_authors_at_once_share_the_day(open_app: OpenApp) -> None:
    """Builds that run at once, in two processes, do not each use what is left of the day."""
    with ScriptedLlm(loops(COUNT_VOWELS)) as llm, ThreadPoolExecutor(6) as threads:
        services = [open_app(**llm.settings()).service for _ in range(2)]
        services[0].set_policy("cost_limits", {"llm_calls_per_day": 6, "llm_calls_per_build": 4})
        asked = [
            threads.submit(services[number % 2].mutate, MutateRequest(task=f"task {number}"), wait_seconds=60)
            for number in range(6)
        ]
        for answer in asked:
            answer.result(60)
    assert 0 < len(llm.requests) <= 6


def test_builds_of_different_tasks_run_together(open_app: OpenApp) -> None:
    """Two tasks at once become two capabilities."""
    with ScriptedLlm(BOTH) as llm, ThreadPoolExecutor(2) as threads:
        service = open_app(**llm.settings()).service
        tasks = [COUNT_VOWELS.task, REVERSE_WORDS.task]
        made = list(threads.map(lambda task: service.mutate(MutateRequest(task=task), wait_seconds=90), tasks))
    assert {answer.id for answer in made} == {COUNT_VOWELS.id, REVERSE_WORDS.id}


def test_two_authors_never_write_one_id(open_app: OpenApp) -> None:
    """Two tasks whose authors propose the same id at once do not become versions of each other."""
    with ScriptedLlm(good(COUNT_VOWELS)) as llm, ThreadPoolExecutor(2) as threads:
        service = open_app(**llm.settings()).service
        tasks = ["count the vowels", "count vowels, please"]
        made = list(threads.map(lambda task: service.mutate(MutateRequest(task=task), wait_seconds=90), tasks))
        assert sorted(answer.status for answer in made) == ["refused", "registered"]
        assert len(service.history(COUNT_VOWELS.id)) == 1


@pytest.mark.parametrize("seed", range(6))
def test_random_authors_break_nothing(open_app: OpenApp, seed: int) -> None:
    """Whatever a model says, the answer is a version that works or a refusal, and the record is whole."""
    with ScriptedLlm(at_random(seed, COUNT_VOWELS, goodness=random.Random(seed).choice([0.3, 0.7, 0.9]))) as llm:
        service = open_app(**llm.settings()).service
        service.set_policy("cost_limits", {"llm_calls_per_build": 20})
        answer = service.mutate(VOWELS, wait_seconds=120)
        record = service.build(service.builds(1)[0]["job"])
    assert answer.status in {"registered", "refused", "needs_source"}
    assert record["status"] in {"registered", "refused", "failed"}
    assert sum(turn["usage"]["llm_calls"] for turn in record["transcript"]) == record["usage"]["llm_calls"] > 0
    if answer.status == "registered":
        assert service.run(COUNT_VOWELS.id, COUNT_VOWELS.input).output == COUNT_VOWELS.output


def test_a_model_that_only_talks_is_refused(open_app: OpenApp) -> None:
    """A model that never calls a tool makes nothing, and the answer says so."""
    with ScriptedLlm(lambda _: say("I would rather talk.")) as llm:
        answer = open_app(**llm.settings()).service.mutate(VOWELS, wait_seconds=60)
    assert answer.status in {"refused", "needs_source"}
    assert answer.message
