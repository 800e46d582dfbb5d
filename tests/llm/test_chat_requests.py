"""What a model is asked, as it arrives at the server."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from scripted_llm import API_KEY, MODEL, ScriptedLlm, call, say

from tacit.errors import LlmBroken, LlmKeyRefused
from tacit.llm import ChatModel, Endpoint

Connect = Callable[..., tuple[ScriptedLlm, ChatModel]]

HELLO = [{"role": "user", "content": "hello"}]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "look", "description": "Look.", "parameters": {"type": "object", "properties": {}}},
}


def test_the_plainest_request_holds_nothing_more(connect: Connect) -> None:
    """Without tools and settings, the model and the messages are all that is sent."""
    llm, model = connect(say("hi"))
    assert model.complete(HELLO).text == "hi"
    assert llm.requests == [{"model": MODEL, "messages": HELLO}]


def test_tools_are_sent_and_chosen_from(connect: Connect) -> None:
    """Tools go as they are; a choice other than `auto` goes with them."""
    llm, model = connect(call("look"))
    model.complete(HELLO, [TOOL])
    model.complete(HELLO, [TOOL], tool_choice="required")
    assert [request["tools"] for request in llm.requests] == [[TOOL], [TOOL]]
    assert [request.get("tool_choice") for request in llm.requests] == [None, "required"]


def test_a_choice_without_tools_is_left_out(connect: Connect) -> None:
    """Where there are no tools, there is nothing to choose from."""
    llm, model = connect(say("hi"))
    model.complete(HELLO, tool_choice="required")
    assert llm.violations == []


def test_temperature_and_effort_are_sent_where_they_are_set(connect: Connect) -> None:
    """What the settings say of the model goes with each request."""
    llm, model = connect(say("hi"), temperature=0.5, reasoning_effort="low")
    model.complete(HELLO)
    assert (llm.requests[0]["temperature"], llm.requests[0]["reasoning_effort"]) == (0.5, "low")


def test_openai_is_asked_with_a_bearer_token(connect: Connect) -> None:
    """OpenAI's form has the key as a bearer token, and says nothing of this machine."""
    llm, model = connect(say("hi"))
    model.complete(HELLO)
    assert llm.paths == ["/v1/chat/completions"]
    assert llm.headers[0]["authorization"] == f"Bearer {API_KEY}"
    assert not [name for name in llm.headers[0] if name.startswith(("x-stainless", "openai-"))]


def test_azure_is_asked_for_its_deployment(connect: Connect) -> None:
    """Azure's form has the deployment in the path, the version in the query and the key in a header of its own."""
    llm, model = connect(say("hi"), azure=True)
    model.complete(HELLO)
    assert llm.paths == [f"/openai/deployments/{MODEL}/chat/completions?api-version=2024-12-01-preview"]
    assert llm.headers[0]["api-key"] == API_KEY
    assert "authorization" not in llm.headers[0]


def test_a_server_without_keys_gets_none(connect: Connect) -> None:
    """Without a key, no made-up one is sent."""
    llm, model = connect(say("hi"), api_key="")
    with pytest.raises(LlmKeyRefused, match="TACIT_OPENAI_API_KEY"):
        model.complete(HELLO)
    assert "authorization" not in llm.headers[0]


@pytest.mark.parametrize("azure", [False, True], ids=["openai", "azure"])
def test_the_environment_changes_nothing(connect: Connect, monkeypatch: pytest.MonkeyPatch, azure: bool) -> None:
    """Neither the library's own variables nor proxies change where and how a model is asked."""
    variables = {
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "OPENAI_API_KEY": "sk-of-the-environment-1",
        "OPENAI_ADMIN_KEY": "sk-of-the-environment-2",
        "OPENAI_ORG_ID": "org-of-the-environment",
        "OPENAI_PROJECT_ID": "project-of-the-environment",
        "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer other\napi-key: other\nHost: other\nX-Extra: other",
        "OPENAI_API_VERSION": "1999-01-01",
        "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:9",
        "AZURE_OPENAI_API_KEY": "other",
        "AZURE_OPENAI_AD_TOKEN": "other",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }
    llm, model = connect(say("hi"), azure=azure)
    model.complete(HELLO)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    address = {"base_url": llm.address, "kind": "azure"} if azure else {"base_url": llm.base_url}
    endpoint = {"kind": "openai", "api_key": API_KEY, "api_version": "2024-12-01-preview", "model": MODEL}
    second = ChatModel(Endpoint.model_validate(endpoint | address))
    second.complete(HELLO)
    second.close()
    assert llm.headers[0] == llm.headers[1]
    assert llm.paths[0] == llm.paths[1]


@pytest.mark.parametrize(
    ("content", "arrives"),
    [
        ("half \ud83e of a crab", "half \ufffd of a crab"),
        ("a whole \ud83e\udd80", "a whole \U0001f980"),
        ("null \0 and \u202e", "null \0 and \u202e"),
        ("", ""),
        ("x" * 3_000_000, "x" * 3_000_000),
    ],
    ids=["lone surrogate", "pair", "controls", "empty", "huge"],
)
def test_any_text_can_be_sent(connect: Connect, content: str, arrives: str) -> None:
    """Text that UTF-8 cannot hold is mended on the way, and any other arrives as it is."""
    llm, model = connect(say("hi"))
    model.complete([{"role": "user", "content": content}])
    assert llm.requests[0]["messages"][0]["content"] == arrives


def test_numbers_that_json_has_not_are_sent_as_text(connect: Connect) -> None:
    """NaN and the infinities in a schema arrive as texts, where JSON has no such numbers."""
    llm, model = connect(say("hi"))
    schema = {"type": "object", "properties": {"x": {"enum": [float("nan"), float("-inf"), 1.5]}}}
    model.complete(HELLO, [{"type": "function", "function": {**TOOL["function"], "parameters": schema}}])
    sent = llm.requests[0]["tools"][0]["function"]["parameters"]
    assert sent["properties"]["x"]["enum"] == ["nan", "-inf", 1.5]


@pytest.mark.parametrize(
    "content", [object(), 10**5000, json.loads("[" * 900 + "]" * 900)], ids=["object", "number", "deep"]
)
def test_what_is_no_json_is_an_error(connect: Connect, content: object) -> None:
    """What cannot be written is refused before anything is sent, or by the server, and never a crash."""
    llm, model = connect(say("hi"))
    with pytest.raises(LlmBroken):
        model.complete([{"role": "user", "content": content}])
    assert len(llm.requests) == len(llm.violations[:1])


def test_one_model_is_asked_by_many_threads(connect: Connect) -> None:
    """Each of many askers at once gets the answer to its own question."""
    _, model = connect(lambda request: say(request.messages[0]["content"]))
    questions = [f"question {number}" for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        texts = list(threads.map(lambda text: model.complete([{"role": "user", "content": text}]).text, questions))
    assert texts == questions


@pytest.mark.parametrize(
    "key", ["sk-with-a-break-0001\nX-Evil: 1", "sk-\u20ac-0001-secret"], ids=["line break", "Unicode"]
)
def test_a_key_that_no_header_holds_is_refused(key: str) -> None:
    """A key with characters that no key has is named by its setting, and not repeated."""
    with pytest.raises(LlmKeyRefused, match="TACIT_OPENAI_API_KEY") as raised:
        ChatModel(Endpoint(kind="openai", base_url="http://127.0.0.1:9/v1", api_key=key, model="m"))
    assert "0001" not in str(raised.value)


def test_blanks_around_a_key_are_dropped(connect: Connect) -> None:
    """A key that was read with its line end works."""
    _, model = connect(say("hi"), api_key=f"{API_KEY}\n")
    assert model.complete(HELLO).text == "hi"


def test_an_endpoint_shows_no_key() -> None:
    """The key is not in what a log or a traceback shows of an endpoint."""
    assert API_KEY not in repr(Endpoint(kind="openai", api_key=API_KEY, model="m"))
