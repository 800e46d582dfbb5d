"""The author's pieces by themselves: contexts that stay bounded, values that are not given away, answers that come."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from tacit.building.orders import Budget
from tacit.building.protocol import Answer, Finding, Question, encode_answer
from tacit.errors import BuilderFailed, BuildRefused
from tacit.llm import Reply, ToolCall
from tacit.models import TestCase, Usage
from tacit_builder.answers import Answers
from tacit_builder.author import materials
from tacit_builder.author.conversation import MAX_CALLS, MAX_CONTEXT, cut_short, settled
from tacit_builder.author.findings import MAX_FINDING, Findings
from tacit_builder.author.meter import Meter
from tacit_builder.author.prompts import framed
from tacit_builder.author.suite import quotes

STATED = "The words come in reverse order, at most 10 of them."


def case(given: Any, expect: dict[str, Any], **world: Any) -> TestCase:
    """Return a test."""
    return TestCase.model_validate({"name": "one", "input": given, "expect": expect, **world})


@pytest.mark.parametrize(
    ("behaviour", "test"),
    [
        ("It turns tac into something else.", case("tac", {"output": "cat"})),
        ("The result is Cat.", case("tac", {"output": "cat"})),
        ("It adds up to 42 here.", case([40, 2], {"output": 42})),
        ("It adds up to 0.5 here.", case([1], {"output": 0.5})),
        ("The owner of the file comes first.", case(1, {"output": 2}, files={"a.txt": "name,owner\n"})),
        ("A host example.org is asked.", case(1, {"output": 2}, http={"https://example.org/a": "x"})),
        ("A zebra is counted.", case({"text": "lion zebra"}, {"output": 2})),
    ],
)
def test_values_of_a_test_are_seen_in_a_sentence(behaviour: str, test: TestCase) -> None:
    """Whole texts and their longer words, numbers, names, files and pages, in either case."""
    assert quotes(behaviour, test, STATED)


@pytest.mark.parametrize(
    ("behaviour", "test"),
    [
        ("The words of a sentence come in reverse order.", case("some words", {"output": "words some"})),
        ("There are at most 10 of them.", case(["a"] * 11, {"output": 10})),
        ("A category is kept.", case("cat", {"output": "tac"})),
    ],
)
def test_what_the_specification_says_gives_nothing_away(behaviour: str, test: TestCase) -> None:
    """Nor do words that only hold a value within."""
    assert not quotes(behaviour, test, STATED)


def conversation(turns: int, size: int) -> list[dict[str, Any]]:
    """Return messages in which each turn wrote and read a text of that size."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": "s"}, {"role": "user", "content": "u" * 5000}]
    for number in range(turns):
        text = {"path": "src/main.rs", "text": "x" * size}
        function = {"name": "write_file", "arguments": json.dumps(text)}
        made = {"id": f"call_{number}", "type": "function", "function": function}
        messages.append({"role": "assistant", "content": None, "tool_calls": [made]})
        messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": "y" * size})
    return messages


def test_a_long_context_is_cut_to_what_a_window_holds() -> None:
    """Pairs of calls and answers stay whole, arguments stay JSON, and the last ones stay as they were."""
    messages = conversation(40, 8000)
    last = json.dumps(messages[-2:])
    cut_short(messages)
    assert len(json.dumps(messages)) <= MAX_CONTEXT
    assert json.dumps(messages[-2:]) == last
    assert len(messages) == 82
    assert all(json.loads(each["tool_calls"][0]["function"]["arguments"])["path"] for each in messages[2::2])


def test_a_context_of_few_long_messages_is_cut_as_well() -> None:
    """Where even the last ones are too long together, only the very last stays whole."""
    messages = conversation(3, 60_000)
    cut_short(messages)
    assert len(json.dumps(messages)) <= MAX_CONTEXT
    assert messages[-1]["content"] == "y" * 60_000


def test_a_short_context_stays_as_it_is() -> None:
    """Nothing is cut before it has to be."""
    messages = conversation(3, 1000)
    before = json.dumps(messages)
    cut_short(messages)
    assert json.dumps(messages) == before


def reply(*calls: ToolCall, text: str = "") -> Reply:
    """Return a reply as a model's client gives it."""
    made = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": json.dumps(call.arguments)}}
        for call in calls
    ]
    return Reply({"role": "assistant", "content": text or None, "tool_calls": made}, text, calls, Usage(), 0.0)


def test_calls_with_one_id_get_ids_of_their_own() -> None:
    """The API takes one answer for each id, and some servers give all calls the same."""
    message, calls = settled(reply(*(ToolCall("same", "build", {}) for _ in range(3))))
    assert len({call.id for call in calls}) == 3
    assert [made["id"] for made in message["tool_calls"]] == [call.id for call in calls]


def test_a_message_of_very_many_calls_is_shortened() -> None:
    """Calls beyond the most are neither kept nor answered."""
    message, calls = settled(reply(*(ToolCall(f"call_{number}", "build", {}) for number in range(1000))))
    assert len(calls) == len(message["tool_calls"]) == MAX_CALLS


def test_text_that_is_not_unicode_can_be_sent_and_kept() -> None:
    """A lone surrogate in what the model says becomes a question mark."""
    message, calls = settled(reply(ToolCall("a\ud800", "build", {"text": "\udfff"}), text="so \ud800"))
    json.dumps(message, ensure_ascii=False).encode()
    assert message["content"] == "so ?"
    assert calls[0].arguments is None
    assert "not JSON" in calls[0].problem


def test_a_frame_is_marked_by_what_it_holds() -> None:
    """Other text, other marks; so no text can hold its own."""
    first, second = framed("page", "one"), framed("page", "two")
    assert first.splitlines()[-1] != second.splitlines()[-1]
    assert framed("page", "\ud800").startswith("[data ")


def test_very_many_tests_are_shown_in_part() -> None:
    """A version may have more tests, and longer ones, than a context has room for."""
    text = materials.tests_text(
        [case("x" * 50_000, {"output": 1}), *(case(number, {"output": 1}) for number in range(5000))]
    )
    assert len(text) < 30_000
    assert text.endswith(" more")
    (shown,) = json.loads(materials.tests_text([case(None, {"output": None})]))
    assert shown == {"name": "one", "input": None, "expect": {"output": None}}


def test_findings_keep_the_last_of_each_kind() -> None:
    """What is said of them stays short, holds no text that steers a terminal, and repeats nothing."""
    said: list[Finding] = []
    findings = Findings(said.append)
    for about, text in [("First", "old"), ("Second", "x" * 100_000), ("First", "new\x1b[2J"), ("First", "new\x1b[2J")]:
        findings.note(about, text)
    findings.note("Third", "")
    assert [each.about for each in said] == ["First", "Second", "First"]
    assert said[2].text == "new[2J"
    assert MAX_FINDING <= len(said[1].text) < 2 * MAX_FINDING


def test_a_meter_refuses_before_it_is_exceeded() -> None:
    """Attempts are counted as they begin, exchanges once they are over."""
    meter = Meter(Budget(tokens=100, llm_calls=2, attempts=1))
    meter.require_exchange(99)
    meter.count(Usage(llm_calls=1, prompt_tokens=99))
    meter.require_exchange(1)
    meter.count(Usage(llm_calls=1, completion_tokens=1))
    with pytest.raises(BuildRefused, match="calls of the language model"):
        meter.require_exchange(0)
    meter.count_attempt()
    with pytest.raises(BuildRefused, match="attempts"):
        meter.count_attempt()
    assert (meter.take_attempts(), meter.take_attempts()) == (1, 0)


def test_a_meter_refuses_an_exchange_that_would_not_fit() -> None:
    """There has to be room for what is said and for an answer as long as the last one."""
    meter = Meter(Budget(tokens=100, llm_calls=9, attempts=1))
    meter.count(Usage(llm_calls=1, prompt_tokens=30, completion_tokens=20))
    meter.require_exchange(30)
    with pytest.raises(BuildRefused, match="has used 50 tokens, the next exchange takes about 51, and 100 are"):
        meter.require_exchange(31)


def test_answers_reach_those_who_asked() -> None:
    """Several may ask at once, and are answered in any order."""
    asked: list[Question] = []
    both = threading.Barrier(2)

    def say(question: Question) -> None:
        asked.append(question)
        if both.wait() == 0:
            for each in reversed(asked):
                answers.hear(encode_answer(Answer(number=each.number, text=f"to {each.query}")))

    answers = Answers(say, seconds=20)
    got: dict[str, str] = {}

    def ask(number: int, query: str) -> None:
        got[query] = answers.ask(Question(number=number, asks="search", query=query)).text

    threads = [threading.Thread(target=ask, args=(number, query)) for number, query in ((1, "one"), (2, "two"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {"one": "to one", "two": "to two"}


def test_a_question_that_nobody_answers_ends() -> None:
    """A server that says nothing holds no author for ever."""
    answers = Answers(lambda _: None, seconds=0.01)
    with pytest.raises(BuilderFailed, match="gave no answer"):
        answers.ask(Question(number=1, asks="search", query="?"))


def test_a_line_that_is_no_answer_fails_who_asks() -> None:
    """What is not in the protocol is not waited on."""
    answers = Answers(lambda _: answers.hear(b"{}\n"), seconds=20)
    with pytest.raises(BuilderFailed, match="not in the protocol"):
        answers.ask(Question(number=1, asks="search", query="?"))
