"""The scripted server and its authors: that they refuse what the API refuses, and play what they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from api_rules import violations_of
from authors import any_of, at_random, good, malformed_calls, next_good_move
from samples import COUNT_VOWELS, REVERSE_WORDS
from scripted_llm import API_KEY, MODEL, STEPS, ChatRequest, ScriptedLlm, call, say

from tacit.llm import ChatModel

Connect = Callable[..., tuple[ScriptedLlm, ChatModel]]

USER = {"role": "user", "content": "hello"}
CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
}


def tool(name: str = "look", **changes: Any) -> dict[str, Any]:
    """Return a tool that differs from a good one by what is given."""
    parameters = {"type": "object", "properties": {}, "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": "d", "parameters": parameters} | changes}


def asked(**changes: Any) -> dict[str, Any]:
    """Return a request that differs from a good one by what is given."""
    return {"model": MODEL, "messages": [USER], "tools": [tool()]} | changes


@pytest.mark.parametrize(
    "request_",
    [
        asked(),
        asked(messages=[USER, CALLED, {"role": "tool", "tool_call_id": "a", "content": "ok"}, USER]),
        asked(tool_choice={"type": "function", "function": {"name": "look"}}),
        asked(tools=[tool(strict=True)], temperature=0.5, reasoning_effort="low"),
    ],
)
def test_what_the_api_takes_is_no_violation(request_: dict[str, Any]) -> None:
    """A request of the API's form passes."""
    assert violations_of(request_) == []


optional = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}


@pytest.mark.parametrize(
    "request_",
    [
        asked(messages=[]),
        asked(messages=[{"role": "user"}]),
        asked(messages=[{"role": "user", "content": 5}]),
        asked(messages=[{"role": "robot", "content": "hello"}]),
        asked(messages=[{**USER, "seconds": 1}]),
        asked(messages=[{"role": "assistant", "content": None}]),
        asked(messages=[USER, CALLED]),
        asked(messages=[USER, CALLED, USER]),
        asked(messages=[USER, {"role": "tool", "tool_call_id": "a", "content": "ok"}]),
        asked(messages=[USER, CALLED, {"role": "tool", "tool_call_id": "b", "content": "ok"}]),
        asked(tools=[]),
        asked(tools=[tool(), tool()]),
        asked(tools=[tool("not a name")]),
        asked(tools=[tool(parameters={"type": "objekt"})]),
        asked(tools=[tool(description="")]),
        asked(tools=[tool(strict=True, parameters=optional)]),
        asked(tool_choice={"type": "function", "function": {"name": "other"}}),
        asked(temperature="hot"),
        asked(max_retries=3),
        {"model": MODEL, "messages": [USER], "tool_choice": "required"},
        {"messages": [USER]},
    ],
    ids=str,
)
def test_what_the_api_refuses_is_a_violation(request_: dict[str, Any]) -> None:
    """A request that OpenAI's API, or a common server of it, refuses does not pass."""
    assert violations_of(request_)


def test_a_violation_is_kept_and_refused() -> None:
    """A request that breaks the rules never reaches the author."""
    with ScriptedLlm(lambda request: say("hi")) as llm:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        answer = httpx2.post(f"{llm.base_url}/chat/completions", json=asked(tools=[]), headers=headers, timeout=60)
    assert answer.status_code == 400
    assert llm.violations == ["tools: empty"]


def test_what_an_author_raises_is_raised_again() -> None:
    """A claim of an author that does not hold fails the test that plays it."""

    def claim(request: ChatRequest) -> Any:
        raise AssertionError("the claim does not hold")

    def play() -> None:
        with ScriptedLlm(claim) as llm:
            headers = {"Authorization": f"Bearer {API_KEY}"}
            httpx2.post(f"{llm.base_url}/chat/completions", json=asked(), headers=headers, timeout=60)

    with pytest.raises(AssertionError, match="does not hold"):
        play()


def test_steps_are_told_by_their_tools(connect: Connect) -> None:
    """The tool that only one step offers tells an author which step it is in."""
    seen: list[str] = []
    _, model = connect(lambda request: seen.append(request.step) or say("hi"))
    for name in STEPS:
        model.complete([USER], [tool(name), tool("other")])
    model.complete([USER], [tool("other")])
    assert seen == [*STEPS.values(), ""]


def context(step: str, *answers: str) -> ChatRequest:
    """Return what an author is asked in a step after it has spoken that often."""
    spoken = [{"role": "assistant", "content": text} for text in answers]
    tools = ("write_file", "test", "complete") if step == "implementation" else ()
    return ChatRequest([USER, *spoken], tools, step)


def test_a_good_author_does_one_thing_after_the_other() -> None:
    """What it says next follows from how often it has spoken in its context, and the last move stays."""
    author = good(COUNT_VOWELS)
    names = [
        author(context("implementation", *["x"] * turn)).message["tool_calls"][0]["function"]["name"]
        for turn in range(6)
    ]
    assert names == ["search_capabilities", "write_file", "test", "complete", "complete", "complete"]


def test_a_next_good_move_follows_from_the_context() -> None:
    """It writes what is not written, tests what is not tested, and then completes."""
    request = context("implementation")
    made: list[str] = []
    for _ in range(4):
        move = next_good_move(COUNT_VOWELS, request)
        made.append(move.message["tool_calls"][0]["function"]["name"])
        request.messages.append(move.message)
    assert made == ["write_file", "test", "complete", "complete"]


def test_one_server_plays_several_authors() -> None:
    """The author of the task that is asked for answers."""
    author = any_of(("vowels", good(COUNT_VOWELS)), ("words", good(REVERSE_WORDS)))
    request = ChatRequest([{"role": "user", "content": "turn the words around"}], (), "specification")
    assert '"reverse_words"' in author(request).message["tool_calls"][0]["function"]["arguments"]


@pytest.mark.parametrize("seed", range(10))
def test_random_authors_never_break_a_conversation(connect: Connect, seed: int) -> None:
    """Whatever an author says at random can be read, answered and sent back, and is the same for a seed again."""

    def talk() -> tuple[list[str], list[str]]:
        llm, model = connect(at_random(seed, COUNT_VOWELS, goodness=0.3))
        tools = [tool("write_file"), tool("test"), tool("complete")]
        messages: list[dict[str, Any]] = [USER]
        for _ in range(6):
            reply = model.complete(messages, tools)
            results = [{"role": "tool", "tool_call_id": one.id, "content": one.problem or "ok"} for one in reply.calls]
            messages += [reply.message, *(results or [USER])]
        said = [json.dumps([message.get("content"), len(message.get("tool_calls", ()))]) for message in messages]
        return said, llm.violations

    first = talk()
    assert first[1] == []
    assert talk() == first


def test_malformed_calls_come_right_in_the_end(connect: Connect) -> None:
    """The clumsy author's calls are told apart from good ones, and it ends with good ones."""
    llm, model = connect(malformed_calls(COUNT_VOWELS))
    messages: list[dict[str, Any]] = [USER]
    problems: list[bool] = []
    for _ in range(3):
        reply = model.complete(messages, [tool("submit_specification")])
        problems.append(bool(reply.calls[0].problem))
        messages += [reply.message, {"role": "tool", "tool_call_id": reply.calls[0].id, "content": "no"}]
    assert problems == [True, False, False]
    assert reply.calls[0].arguments == COUNT_VOWELS.specification
    assert llm.violations == []


def test_usage_can_be_left_out(connect: Connect) -> None:
    """A server that does not count leaves the estimate to the client."""
    _, counting = connect(call("look"))
    _, silent = connect(call("look"), counts=False)
    assert not counting.complete([USER], [tool()]).usage.estimated
    assert silent.complete([USER], [tool()]).usage.estimated
