"""What a request to chat completions has to be: the API's own types, and the rules that types do not say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, get_type_hints

import jsonschema_rs
from openai.types.chat import (
    ChatCompletionAssistantMessageParam,
    ChatCompletionFunctionToolParam,
    ChatCompletionSystemMessageParam,
    ChatCompletionToolMessageParam,
    ChatCompletionUserMessageParam,
)
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter, ValidationError

_REQUEST: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsNonStreaming)
_MESSAGES = {
    "system": ChatCompletionSystemMessageParam,
    "user": ChatCompletionUserMessageParam,
    "assistant": ChatCompletionAssistantMessageParam,
    "tool": ChatCompletionToolMessageParam,
}
_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")


def violations_of(request: dict[str, Any]) -> list[str]:
    """Return what is wrong with a request's body, in sentences; none where the API would take it."""
    typed = _type_problems(request)
    if typed:
        return typed
    return [
        *_unknown_keys("request", request, CompletionCreateParamsNonStreaming),
        *_message_problems(request["messages"]),
        *_tool_problems(request),
    ]


def _type_problems(request: dict[str, Any]) -> list[str]:
    try:
        _consume(_REQUEST.validate_python(request))
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:8]]
    return []


def _consume(value: Any) -> None:
    """Go through a validated value to its end, since pydantic checks what is Iterable only as it is read."""
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            _consume(item)


def _unknown_keys(what: str, value: dict[str, Any], kind: type) -> list[str]:
    return [f"{what}: unknown key {name}" for name in value if name not in get_type_hints(kind)]


def _message_problems(messages: list[dict[str, Any]]) -> list[str]:
    problems: list[str] = [] if messages else ["messages: empty"]
    waiting: set[str] = set()
    for place, message in enumerate(messages):
        where = f"messages.{place}"
        problems += _unknown_keys(where, message, _MESSAGES[message["role"]])
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                problems.append(f"{where}: answers the call {message['tool_call_id']}, which is not open")
            waiting.discard(message["tool_call_id"])
            continue
        if waiting:
            problems.append(f"{where}: the calls {sorted(waiting)} before it are not answered")
        made = message.get("tool_calls", []) if message["role"] == "assistant" else []
        waiting = {call["id"] for call in made}
        problems += _call_problems(where, made)
        if not made and message.get("content") is None:
            problems.append(f"{where}: neither content nor calls")
    return problems + ([f"messages: the calls {sorted(waiting)} at the end are not answered"] if waiting else [])


def _call_problems(where: str, made: list[dict[str, Any]]) -> list[str]:
    problems = [f"{where}: several calls with one id"] if len({call["id"] for call in made}) < len(made) else []
    for call in made:
        if not _NAME.match(call["function"]["name"]):
            problems.append(f"{where}: {call['function']['name']!r} is no name of a function")
        try:
            whole = isinstance(json.loads(call["function"]["arguments"]), dict)
        except ValueError:
            whole = False
        if not whole:
            problems.append(f"{where}: arguments that are no JSON object, which vLLM and Ollama refuse")
    return problems


def _tool_problems(request: dict[str, Any]) -> list[str]:
    if "tools" not in request:
        return ["tool_choice: without tools"] if "tool_choice" in request else []
    tools = request["tools"]
    problems = [] if tools else ["tools: empty"]
    names = [tool["function"]["name"] for tool in tools]
    if len(set(names)) < len(names):
        problems.append("tools: a name twice")
    chosen = request.get("tool_choice")
    if isinstance(chosen, dict) and chosen["function"]["name"] not in names:
        problems.append("tool_choice: names no tool that is offered")
    for tool in tools:
        problems += _unknown_keys("tools", tool, ChatCompletionFunctionToolParam)
        problems += _schema_problems(tool["function"])
    return problems


def _schema_problems(function: dict[str, Any]) -> list[str]:
    name, schema = function["name"], function.get("parameters", {})
    problems = [] if _NAME.match(name) else [f"tools: {name!r} is no name of a function"]
    if not function.get("description"):
        problems.append(f"tools: {name} has no description")
    if not jsonschema_rs.meta.is_valid(schema):
        problems.append(f"tools: the parameters of {name} are no JSON Schema")
    if function.get("strict") and not _is_strict(schema):
        problems.append(f"tools: {name} is strict, and an object in it has optional or unknown properties")
    return problems


def _is_strict(schema: Any) -> bool:
    """Tell whether every object names all its properties as required and forbids others, as strict tools must."""
    if isinstance(schema, list):
        return all(_is_strict(one) for one in schema)
    if not isinstance(schema, dict):
        return True
    if schema.get("type") == "object":
        closed = schema.get("additionalProperties") is False
        if not closed or set(schema.get("required", ())) != set(schema.get("properties", {})):
            return False
    return all(_is_strict(one) for one in schema.values())
