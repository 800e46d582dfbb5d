"""What stops an author: its budget, its circles, a model that cannot be used, and the end of its server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from author_samples import BROKEN, BUDGET, COMPLETED, GOOD, asked, plays, specified
from authors import hangs, loops, write
from samples import COUNT_VOWELS
from scripted_llm import ScriptedLlm, call, malformed_call, say, status

from tacit.building import Builder
from tacit.building.orders import Machine, Order
from tacit.building.process import clean_environment
from tacit.building.protocol import Turn, encode_order
from tacit.config import Settings
from tacit.errors import LlmMissing, RunCancelled
from tacit.llm import Endpoint
from tacit.sandbox.cancellation import Cancellation
from tacit_builder.author.conversation import MAX_CONTEXT

Write = Callable[..., Any]


def test_an_author_over_its_calls_stops_with_what_it_learnt(author: Write) -> None:
    """The record has the specification, what the compiler said last, and the source as it was."""
    refusal = author(loops_with(BROKEN), asked(budget=BUDGET.model_copy(update={"llm_calls": 6}))).refusal
    assert refusal["stage"] == "budget"
    assert "6 calls of the language model" in refusal["message"]
    assert "llm_calls" in refusal["hint"]
    learnt = refusal["learnt"]
    assert COUNT_VOWELS.specification["behaviour"][0] in learnt
    assert "mismatched types" in learnt
    assert "// draft" in learnt


def test_an_author_over_its_tokens_stops(author: Write) -> None:
    """Tokens in and out count together, as the endpoint says; it stops before the exchange that would not fit."""
    outcome = author(loops(COUNT_VOWELS), asked(budget=BUDGET.model_copy(update={"tokens": 12_000})))
    assert outcome.refusal["stage"] == "budget"
    assert "tokens" in outcome.refusal["hint"]
    assert 6_000 < outcome.usage.tokens <= 12_000


def test_an_author_over_its_attempts_stops(author: Write) -> None:
    """Sources that were compiled are counted, and the turns say how many there were."""
    outcome = author(loops(COUNT_VOWELS), asked(budget=BUDGET.model_copy(update={"attempts": 3})))
    assert outcome.refusal["stage"] == "budget"
    assert outcome.usage.attempts == 3


def test_an_empty_budget_asks_for_nothing(author: Write) -> None:
    """Where the day's budget is spent, the model is not asked once."""
    outcome = author(plays(), asked(budget=BUDGET.model_copy(update={"llm_calls": 0})))
    assert outcome.refusal["stage"] == "budget"
    assert outcome.llm.requests == []


@pytest.mark.parametrize(
    "part",
    [
        (write(BROKEN), call("build")),
        (call("read_file", path="sdk/crates.txt"),),
        (malformed_call("write_file", "{"),),
        (call("no_such_tool"),),
    ],
    ids=["builds", "reads", "malformed", "unknown"],
)
def test_the_same_call_again_and_again_is_stopped(author: Write, part: Any) -> None:
    """The third time with no new source in between ends the build, long before its budget does."""
    outcome = author(plays(implementation=part))
    assert outcome.refusal["stage"] == "implementation"
    assert "went in circles" in outcome.refusal["message"]
    assert len(outcome.requests("write_file")) == len(part) + 2
    assert "count_vowels" in outcome.refusal["learnt"]


def test_turns_that_write_nothing_new_are_stopped(author: Write) -> None:
    """Reading something else each time is no progress either."""
    reads = [call("rustc_explain", code=f"E03{number:02}") for number in range(20)]
    outcome = author(plays(implementation=reads))
    assert outcome.refusal["stage"] == "implementation"
    assert "in 10 turns it wrote nothing new" in outcome.refusal["message"]


def test_a_source_that_comes_back_is_not_new(author: Write) -> None:
    """Going from one source to another and back does not look like progress."""
    there_and_back = [write(source) for _ in range(20) for source in (BROKEN, GOOD)]
    assert author(plays(implementation=there_and_back)).refusal["stage"] == "implementation"


def test_a_submission_that_never_holds_ends_the_build(author: Write) -> None:
    """After four times the author is told no more, and the refusal has the last problem."""
    outcome = author(plays(specification=specified(id="No Id")))
    assert outcome.refusal["stage"] == "specification"
    assert len(outcome.llm.requests) == 4
    assert "id" in outcome.refusal["message"]


def test_a_model_that_answers_in_words_is_asked_once_more(author: Write) -> None:
    """One answer without a call is forgiven; the next request requires one."""
    outcome = author(plays(specification=[say("Sure, I can do that!"), specified()]))
    assert outcome.made
    first, second = outcome.requests("submit_specification")
    assert "tool_choice" not in first
    assert second["tool_choice"] == "required"


def test_a_model_without_tool_calls_is_named(author: Write) -> None:
    """Words twice in a row are one sentence that names the setting."""
    outcome = author(plays(specification=say("Here is the code: fn main() {}")))
    assert outcome.refusal["code"] == "llm_without_tools"
    assert "TACIT_LLM_MODEL" in str(outcome.error)


@pytest.mark.parametrize(("code", "error"), [(401, "llm_key_refused"), (500, "llm_overloaded")])
def test_errors_of_the_endpoint_reach_the_caller(author: Write, code: int, error: str) -> None:
    """In whichever step they come."""
    outcome = author(plays(tests=status(code, retry_after=0.01)), llm_retries=1)
    assert outcome.refusal["code"] == error


def test_no_model_is_said_before_anything_is_started(tmp_path: Path) -> None:
    """Without a language model there is no author."""
    builder = Builder(Settings.load(data=tmp_path))
    with pytest.raises(LlmMissing):
        builder.build(asked())
    builder.close()


def test_a_missing_toolchain_is_said_before_the_model_is_asked(author: Write, tmp_path: Path) -> None:
    """Nothing is spent on what could not be compiled."""
    outcome = author(plays(), toolchain=tmp_path / "nowhere")
    assert outcome.refusal["code"] == "toolchain_missing"
    assert outcome.llm.requests == []


def test_cancelling_ends_an_author_whose_model_hangs(tmp_path: Path) -> None:
    """The turns until then have reached the server."""
    turns: list[Turn] = []
    cancellation = Cancellation()
    with ScriptedLlm(hangs(COUNT_VOWELS, at="tests")) as llm:
        builder = Builder(Settings.load(data=tmp_path, **llm.settings()))

        def heard(turn: Turn) -> None:
            turns.append(turn)
            cancellation.cancel()

        with pytest.raises(RunCancelled):
            builder.build(asked(), None, cancellation, on_turn=heard)
        builder.close()
    assert [turn.step for turn in turns] == ["specification"]


def test_the_end_of_stdin_ends_an_author_whose_model_hangs(tmp_path: Path) -> None:
    """An author does not outlive its server, whatever it waits for."""
    with ScriptedLlm(hangs(COUNT_VOWELS, at="specification")) as llm:
        settings = Settings.load(data=tmp_path, **llm.settings())
        machine = Machine.of(settings).model_copy(update={"llm": Endpoint.of(settings)})
        command = [sys.executable, "-m", "tacit_builder"]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd=tmp_path,
            env=clean_environment(tmp_path),
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(encode_order(Order(request=asked(), machine=machine)))
        process.stdin.flush()
        assert llm.asked.wait(30)
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(30) != 0


def loops_with(source: str) -> Any:
    """Return an author that writes a new draft of a source and builds it, for ever."""
    moves = [said for number in range(50) for said in (write(f"// draft {number}\n{source}"), call("build"))]
    return plays(implementation=moves)


def test_a_long_loop_does_not_outgrow_a_models_window(author: Write) -> None:
    """However much is written and read, each request stays within what a context may hold."""
    drafts = [write(f"// {number}\n" + f"// {'x' * 96}\n" * 1000) for number in range(8)]
    outcome = author(plays(implementation=[*drafts, write(GOOD), *COMPLETED]))
    assert outcome.made.authored.source == {"main.rs": GOOD}
    assert max(len(json.dumps(each["messages"])) for each in outcome.llm.requests) < MAX_CONTEXT
    first = next(turn for turn in outcome.turns if turn.step == "implementation")
    assert first.reply["tool_calls"][0]["function"]["arguments"].count("x" * 96) == 1000
