"""What a model's answer is read as, whatever it wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from scripted_llm import Says, ScriptedLlm, call, calls, malformed_call, raw, say

from tacit.errors import LlmBroken
from tacit.llm import ChatModel, Reply
from tacit.llm.replies import MAX_CALLS

Connect = Callable[..., tuple[ScriptedLlm, ChatModel]]

HELLO = [{"role": "user", "content": "hello"}]
TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {"name": name, "description": name, "parameters": {"type": "object", "properties": {}}},
    }
    for name in ("look", "write_file")
]


def completion(message: object, **further: object) -> Says:
    """Return an answer with this message, whatever it is."""
    return raw(json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **further}))


def answered(model: ChatModel, reply: Reply) -> Reply:
    """Answer every call of the reply and return what the model says then."""
    results = [{"role": "tool", "tool_call_id": each.id, "content": each.problem or "ok"} for each in reply.calls]
    return model.complete([*HELLO, reply.message, *results], TOOLS)


def test_calls_are_read_with_their_arguments(connect: Connect) -> None:
    """Several calls come in order, each with an id and its arguments."""
    _, model = connect(calls(call("look"), call("write_file", path="a", text="b")))
    reply = model.complete(HELLO, TOOLS)
    assert [(each.name, each.arguments, each.problem) for each in reply.calls] == [
        ("look", {}, ""),
        ("write_file", {"path": "a", "text": "b"}, ""),
    ]
    assert len({each.id for each in reply.calls}) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"path": "a', "not JSON"),
        ("[1]", "one JSON object"),
        ('"text"', "one JSON object"),
        ("null", "one JSON object"),
        ('{"a": NaN}', "not JSON"),
        ('{"a": 1e999}', "not JSON"),
        ('{"a": "\\ud800"}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"a": ' * 500 + "1" + "}" * 500, "not JSON"),
        (f'{{"a": {"9" * 5000}}}', "not JSON"),
        ("{}{}", "not JSON"),
    ],
    ids=["cut", "list", "text", "null", "nan", "infinite", "surrogate", "brackets", "deep", "vast", "two"],
)
def test_a_malformed_call_can_be_answered(connect: Connect, text: str, told: str) -> None:
    """Arguments that cannot be read are None, with what is wrong; the conversation can go on all the same."""
    llm, model = connect(lambda request: say("sorry") if request.turn else malformed_call("look", text))
    reply = model.complete(HELLO, TOOLS)
    assert reply.calls[0].arguments is None
    assert told in reply.calls[0].problem
    assert len(reply.calls[0].problem) < 600
    assert answered(model, reply).text == "sorry"
    assert llm.violations == []


@pytest.mark.parametrize(
    ("text", "read"),
    [("", {}), ('{"text": "two\nlines"}', {"text": "two\nlines"}), ('{"a": "\\ud83e\\udd80"}', {"a": "\U0001f980"})],
    ids=["empty", "raw line break", "surrogate pair"],
)
def test_what_models_write_for_arguments_is_read(connect: Connect, text: str, read: object) -> None:
    """No arguments at all, and line breaks that are not escaped, are no reason to ask again."""
    _, model = connect(malformed_call("look", text))
    assert model.complete(HELLO, TOOLS).calls[0].arguments == read


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "tool_calls": [{"function": {"name": "look", "arguments": {"a": 1}}}] * 2},
        {"content": None, "tool_calls": [{"id": "same", "function": {"name": "look", "arguments": "{}"}}] * 2},
        {"content": "x", "tool_calls": [{"id": "", "type": "custom", "function": {"name": "\u00fc ?" * 50}}]},
        {"content": "\ud800", "tool_calls": [{"id": "\ud800", "function": {"name": "\ud800", "arguments": None}}]},
        {"content": None, "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "x", "input": "y"}}]},
        {"content": [{"type": "text", "text": "in parts"}], "tool_calls": None},
        {"content": None, "tool_calls": [], "refusal": "I won't."},
        {"content": None},
        {},
    ],
    ids=["no ids", "one id twice", "odd name", "surrogates", "custom", "parts", "refusal", "nothing", "less"],
)
def test_odd_messages_can_be_sent_back(connect: Connect, message: dict[str, Any]) -> None:
    """Whatever a server answers, the message that is kept of it is one that the API takes."""
    llm, model = connect(lambda request: say("done") if request.turn else completion(message))
    assert answered(model, model.complete(HELLO, TOOLS)).text == "done"
    assert llm.violations == []


@pytest.mark.parametrize(
    "given",
    [
        None,
        "look",
        {"function": "look"},
        {"id": 5, "function": {"name": "look"}},
        {"function": {"name": ["look"]}},
        {"function": {"name": "look", "arguments": [1]}},
        {"function": {"name": "look", "arguments": 5}},
    ],
    ids=repr,
)
def test_a_call_of_no_known_form_is_told_to_the_model(connect: Connect, given: object) -> None:
    """A call that is none ends nothing: it has a problem to answer, and the calls beside it are read."""
    good = {"id": "a", "function": {"name": "look", "arguments": "{}"}}
    message = {"content": None, "tool_calls": [given, good]}
    llm, model = connect(lambda request: say("done") if request.turn else completion(message))
    reply = model.complete(HELLO, TOOLS)
    wrong, right = reply.calls
    assert wrong.problem
    assert (wrong.arguments, right.arguments, right.problem) == (None, {}, "")
    assert answered(model, reply).text == "done"
    assert llm.violations == []


@pytest.mark.parametrize(
    "call", [{}, {"id": "a", "function": None}, {"function": {"name": None, "arguments": None}}], ids=repr
)
def test_a_call_of_nothing_has_no_name(connect: Connect, call: dict[str, Any]) -> None:
    """What says neither a tool nor arguments is a call of no tool."""
    _, model = connect(completion({"tool_calls": [call]}))
    assert [(each.name, each.arguments) for each in model.complete(HELLO, TOOLS).calls] == [("", {})]


def test_a_flood_of_calls_is_cut(connect: Connect) -> None:
    """Of a million calls, and ids of megabytes, no more is kept than can be answered."""
    flood = b'{"choices": [{"message": {"tool_calls": [' + b",".join([b"{}"] * 1_000_000) + b"]}}]}"
    _, model = connect(raw(flood))
    assert len(model.complete(HELLO, TOOLS).calls) == MAX_CALLS
    _, model = connect(completion({"tool_calls": [{"id": "i" * 1_000_000, "function": {"name": "look"}}]}))
    assert len(json.dumps(model.complete(HELLO, TOOLS).message)) < 1000


def test_text_is_what_was_said(connect: Connect) -> None:
    """Text in parts is joined, and a refusal is text as well."""
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    _, model = connect(completion({"content": parts}))
    assert model.complete(HELLO).text == "one two"
    _, model = connect(completion({"content": None, "refusal": "I won't."}))
    assert model.complete(HELLO).text == "I won't."


def test_a_cut_call_says_so(connect: Connect) -> None:
    """A call whose answer ended at the model's longest tells the model why it cannot be read."""
    cut = malformed_call("look", '{"text": "aaa')
    _, model = connect(Says(cut.message, finish="length"))
    assert "cut off" in model.complete(HELLO, TOOLS).calls[0].problem


def test_usage_is_the_endpoints_own(connect: Connect) -> None:
    """Tokens are what the endpoint counts, for one call."""
    usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    _, model = connect(completion({"content": "hi"}, usage=usage))
    used = model.complete(HELLO).usage
    assert (used.llm_calls, used.prompt_tokens, used.completion_tokens, used.estimated) == (1, 12, 3, False)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [],
        "many",
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": -5, "completion_tokens": 3},
        {"prompt_tokens": 1.5, "completion_tokens": True},
        {"prompt_tokens": 10**30, "completion_tokens": 1},
        {"prompt_tokens": 0, "completion_tokens": 0},
    ],
    ids=repr,
)
def test_usage_is_estimated_where_there_is_none(connect: Connect, usage: object) -> None:
    """Where the endpoint does not count, or not in numbers that can be, a token is four bytes."""
    llm, model = connect(completion({"content": "hi" * 100}, usage=usage))
    used = model.complete([{"role": "user", "content": "x" * 4000}]).usage
    assert used.estimated
    assert used.prompt_tokens == pytest.approx(1000, rel=0.05)
    assert used.completion_tokens == pytest.approx(60, rel=0.2)
    assert len(llm.requests) == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>Log in</html>", "web page"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"null", "no JSON object"),
        (b"{}", "choices"),
        (b'{"choices": []}', "choices"),
        (b'{"choices": null}', "choices"),
        (b'{"choices": [{"message": "hi"}]}', "message"),
        (b'{"choices": [{"message": {"content": 5}}]}', "content"),
        (b'{"choices": [{"message": {"tool_calls": "look"}}]}', "tool_calls"),
        (b'{"error": {"message": "the upstream is gone"}}', "the upstream is gone"),
        (b'{"error": "no such thing"}', "no such thing"),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else None,
)
def test_what_is_no_completion_is_an_error(connect: Connect, body: bytes, told: str) -> None:
    """A body that is no chat completion is an error that names the address, and is not asked for again."""
    llm, model = connect(raw(body))
    with pytest.raises(LlmBroken, match="TACIT_OPENAI_BASE_URL") as raised:
        model.complete(HELLO)
    assert told in str(raised.value)
    assert len(llm.requests) == 1
