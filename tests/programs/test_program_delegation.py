"""Programs that hand tasks to an agent: a real `tacit agent` with a scripted model, or none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from delegations import ASKING, agents_of, make_asking
from program_samples import OpenApp
from scripted_llm import Author, ChatRequest, Says, ScriptedLlm, call, hang, say

from tacit.errors import CapabilityFailed, RunCancelled, RunTimedOut
from tacit.sandbox import Cancellation

Play = Callable[[Author], ScriptedLlm]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """Start a model that an author plays, for the processes that this one starts."""
    with ExitStack() as running:

        def start(author: Author) -> ScriptedLlm:
            llm = running.enter_context(ScriptedLlm(author))
            for name, value in llm.settings().items():
                monkeypatch.setenv(f"TACIT_{name.upper()}", str(value))
            return llm

        yield start


def test_an_agent_answers_and_a_replay_asks_nobody(open_app: OpenApp, play: Play) -> None:
    """It is asked once, with the task and nothing else; the record has its answer."""
    llm = play(lambda _: say("36"))
    service = open_app(**ASKING).service
    make_asking(service)
    answer = service.run("ask_agent", {"name": "Zoe"})
    asked = len(llm.requests)
    assert answer.output == "Zoe, the answer is 36"
    assert service.replay(answer.run_id).output == answer.output
    assert (asked, len(llm.requests)) == (1, 1)
    assert "Zoe" not in str(llm.requests)


def test_without_the_setting_there_is_no_agent(open_app: OpenApp) -> None:
    """The program gets a reference to the task."""
    service = open_app(shipped=False).service
    make_asking(service)
    assert service.run("ask_agent", {"name": "Ada"}).output == (
        'Ada, the answer is {"$reference":"agent:What is 15 percent of 240?"}'
    )


def test_an_agent_without_a_model_fails_the_program(open_app: OpenApp) -> None:
    """The error says what is missing."""
    service = open_app(**ASKING).service
    make_asking(service)
    with pytest.raises(CapabilityFailed, match="llm_missing"):
        service.run("ask_agent", {"name": "Ada"})


def test_an_agent_may_not_delegate_in_turn(open_app: OpenApp, play: Play) -> None:
    """A program that it runs gets the reference, so no chain of agents grows."""

    def says(request: ChatRequest) -> Says:
        if not request.results:
            return call("run_capability", id="ask_agent", input={"name": "Eve"})
        return say("a reference" if "agent:What is 15 percent" in request.results[-1] else "an agent")

    llm = play(says)
    service = open_app(**ASKING).service
    make_asking(service)
    assert service.run("ask_agent", {"name": "Ada"}).output == "Ada, the answer is a reference"
    assert len(llm.requests) == 2


def test_a_cancelled_run_kills_its_agent(open_app: OpenApp, play: Play, tmp_path: Path) -> None:
    """At once, while the model is still thinking."""
    thinking = threading.Event()

    def says(_: ChatRequest) -> Says:
        thinking.set()
        return hang()

    play(says)
    service = open_app(**ASKING).service
    make_asking(service)
    stop = Cancellation()
    waiter = threading.Thread(target=lambda: (thinking.wait(60), stop.cancel()))
    waiter.start()
    with pytest.raises(RunCancelled):
        service.run("ask_agent", {"name": "Ada"}, cancellation=stop)
    waiter.join()
    assert thinking.is_set()
    assert agents_of(tmp_path / "data") == []


def test_an_agent_that_takes_too_long_is_killed(open_app: OpenApp, play: Play, tmp_path: Path) -> None:
    """The run ends with its time."""
    play(lambda _: hang())
    service = open_app(**{**ASKING, "limits": {"wall_seconds": 2}}).service
    make_asking(service)
    with pytest.raises(RunTimedOut, match="before agent had answered"):
        service.run("ask_agent", {"name": "Ada"})
    assert agents_of(tmp_path / "data") == []
