"""What a model answers: its message, the text and the tool calls in it, and what that used.

Models write malformed calls. They are kept, with what is wrong with them, so that the model can be told.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, Field, ValidationError

from tacit.errors import LlmBroken
from tacit.models import Usage, problems_in

_BYTES_A_TOKEN = 4
_MOST_TOKENS = 1_000_000_000
_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_QUOTED = 200


@dataclass(frozen=True)
class ToolCall:
    """One tool call; `arguments` is None where they cannot be read, and `problem` says why, for the model to mend.

    Answer it with `{"role": "tool", "tool_call_id": id, "content": text}` in either case.
    """

    id: str
    name: str
    arguments: dict[str, Any] | None
    problem: str = ""


@dataclass(frozen=True)
class Reply:
    """One answer: `message` to append to the conversation, its `text` and `calls`, and what it used.

    `message` can be sent back as it is, whatever the model wrote: a call whose arguments cannot be read stands in it
    with none, because several servers refuse a conversation with such arguments.
    """

    message: dict[str, Any]
    text: str
    calls: tuple[ToolCall, ...]
    usage: Usage
    seconds: float


class _Function(BaseModel):
    name: str = ""
    arguments: str | dict[str, Any] | None = None


class _Call(BaseModel):
    id: str | None = None
    function: _Function = Field(default_factory=_Function)


class _Part(BaseModel):
    text: str = ""


class _Message(BaseModel):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: Any = None


def read_reply(body: bytes, request: dict[str, Any], seconds: float) -> Reply:
    """Return the reply in the body of a chat completion; raises `LlmBroken` where it is none."""
    try:
        completion = _Completion.model_validate_json(body)
    except ValidationError as error:
        raise LlmBroken(f"The endpoint's answer is no chat completion: {problems_in(error)}.") from None
    choice = completion.choices[0]
    text = _text(choice.message)
    cut = choice.finish_reason == "length"
    calls = tuple(_read_call(call, place, cut) for place, call in enumerate(choice.message.tool_calls or []))
    message = _message(text, calls)
    usage = _usage(completion.usage, request, message)
    return Reply(message=message, text=text, calls=calls, usage=usage, seconds=seconds)


def _text(message: _Message) -> str:
    content = message.content
    text = "".join(part.text for part in content) if isinstance(content, list) else content
    return text or message.refusal or ""


def _read_call(call: _Call, place: int, cut: bool) -> ToolCall:
    name = call.function.name or "unnamed"
    arguments, problem = _read_arguments(call.function.arguments, cut)
    return ToolCall(call.id or f"call_{place}", name, arguments, problem)


def _read_arguments(given: str | dict[str, Any] | None, cut: bool) -> tuple[dict[str, Any] | None, str]:
    if isinstance(given, dict):
        return given, ""
    try:
        value = json.loads(given or "{}")
    except (ValueError, RecursionError) as error:
        why = "the answer was cut off at the model's longest" if cut else str(error)
        return None, f"The arguments are not JSON ({why}): {(given or '')[:_QUOTED]}"
    if not isinstance(value, dict):
        return None, f"The arguments have to be one JSON object, not: {(given or '')[:_QUOTED]}"
    return cast("dict[str, Any]", value), ""


def _message(text: str, calls: tuple[ToolCall, ...]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else "")}
    if calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": _NAME.sub("_", call.name)[:64],
                    "arguments": json.dumps(call.arguments or {}, ensure_ascii=False),
                },
            }
            for call in calls
        ]
    return message


def _usage(given: Any, request: dict[str, Any], message: dict[str, Any]) -> Usage:
    counts = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    prompt, completion = _count(counts.get("prompt_tokens")), _count(counts.get("completion_tokens"))
    if prompt and completion is not None:
        return Usage(llm_calls=1, prompt_tokens=prompt, completion_tokens=completion)
    return Usage(llm_calls=1, prompt_tokens=_estimate(request), completion_tokens=_estimate(message), estimated=True)


def _count(value: Any) -> int | None:
    """Return a number of tokens, None where it is not one that can be."""
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None


def _estimate(value: dict[str, Any]) -> int:
    return -(-len(json.dumps(value, ensure_ascii=False).encode(errors="replace")) // _BYTES_A_TOKEN)
