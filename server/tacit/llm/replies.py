"""What a model answers: its message, the text and the tool calls in it, and what that used.

Models write malformed calls. They are kept, with what is wrong with them, so that the model can be told.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from pydantic import BaseModel, Field, ValidationError

from tacit import strict_json
from tacit.llm.sendable import made_sendable
from tacit.models import Usage, problems_in

if TYPE_CHECKING:
    from collections.abc import Iterable

_BYTES_A_TOKEN = 4
_MOST_TOKENS = 1_000_000_000
_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_QUOTED = 200
MAX_CALLS = 256
"""Calls of one message that are read; the others are left out of it."""
_LONGEST_ID = 16 << 10
"""Characters of a call's id that is kept; some servers keep what they think in it."""


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
    name: str | None = None
    arguments: Any = None


class _Call(BaseModel):
    id: str | None = None
    function: _Function | None = None


class _Part(BaseModel):
    text: str = ""


class _Message(BaseModel):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[Any] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: Any = None


class NoCompletion(Exception):
    """A body is no chat completion; it says why."""


def read_reply(body: bytes, asked_bytes: int, seconds: float) -> Reply:
    """Return the reply in the body of a chat completion; raises `NoCompletion` where it is none.

    `asked_bytes` is the size of the request, from which its tokens are estimated where the body does not count them.
    """
    completion = _read_completion(body)
    choice = completion.choices[0]
    text = _text(choice.message)
    cut = choice.finish_reason == "length"
    calls = _with_own_ids(_read_call(call, cut) for call in (choice.message.tool_calls or [])[:MAX_CALLS])
    message = _message(text, calls)
    usage = _usage(completion.usage, asked_bytes, message)
    return Reply(message=message, text=text, calls=calls, usage=usage, seconds=seconds)


def _read_completion(body: bytes) -> _Completion:
    try:
        answer: Any = json.loads(body)
        if not isinstance(answer, dict):
            raise NoCompletion("it is no JSON object")
        return _Completion.model_validate(made_sendable(answer))
    except ValidationError as error:
        raise NoCompletion(problems_in(error)) from None
    except (ValueError, RecursionError) as error:
        raise NoCompletion(f"it is not JSON: {type(error).__name__}") from None


def _text(message: _Message) -> str:
    content = message.content
    text = "".join(part.text for part in content) if isinstance(content, list) else content
    return text or message.refusal or ""


def _with_own_ids(calls: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    """Return the calls with an id each, which some servers leave out or give twice."""
    named: dict[str, ToolCall] = {}
    for call in calls:
        own = 0 < len(call.id) <= _LONGEST_ID and call.id not in named
        free = call.id if own else f"call_{uuid4().hex}"
        named[free] = replace(call, id=free)
    return tuple(named.values())


def _read_call(given: Any, cut: bool) -> ToolCall:
    try:
        call = _Call.model_validate(given)
    except ValidationError as error:
        return ToolCall("", "", None, f"The call is malformed: {problems_in(error)[:_QUOTED]}.")
    function = call.function or _Function()
    arguments, problem = _read_arguments(function.arguments, cut)
    return ToolCall(call.id or "", function.name or "", arguments, problem)


def _read_arguments(given: Any, cut: bool) -> tuple[dict[str, Any] | None, str]:
    if isinstance(given, dict):
        return cast("dict[str, Any]", given), ""
    text = (given if isinstance(given, str) else json.dumps(given)) if given is not None else ""
    text = text or "{}"
    try:
        # Line breaks within a text are let pass: models that write source forget to escape them.
        value: Any = json.loads(text, strict=False)
        if number := strict_json.inexact_in(text.encode("utf-8", "surrogatepass")):
            raise number
        value = strict_json.parse(json.dumps(value).encode())
    except (ValueError, RecursionError) as error:
        why = "the answer was cut off at the longest that the model writes" if cut else str(error)
        return None, f"The arguments are not JSON ({why}). They began with: {text[:_QUOTED]}"
    if not isinstance(value, dict):
        return None, f"The arguments have to be one JSON object, and are: {text[:_QUOTED]}"
    return cast("dict[str, Any]", value), ""


def _message(text: str, calls: tuple[ToolCall, ...]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else "")}
    if calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": _NAME.sub("_", call.name)[:64] or "unnamed",
                    "arguments": json.dumps(call.arguments or {}, ensure_ascii=False),
                },
            }
            for call in calls
        ]
    return message


def _usage(given: Any, asked_bytes: int, message: dict[str, Any]) -> Usage:
    counts = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    prompt, completion = _count(counts.get("prompt_tokens")), _count(counts.get("completion_tokens"))
    if prompt and completion is not None:
        return Usage(llm_calls=1, prompt_tokens=prompt, completion_tokens=completion)
    answered = len(json.dumps(message, ensure_ascii=False).encode())
    return Usage(
        llm_calls=1, prompt_tokens=_estimate(asked_bytes), completion_tokens=_estimate(answered), estimated=True
    )


def _count(value: Any) -> int | None:
    """Return a number of tokens, None where it is not one that can be."""
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None


def _estimate(size: int) -> int:
    return -(-size // _BYTES_A_TOKEN)
