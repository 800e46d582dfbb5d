"""How the conversation of an author with its language model is printed; turns are as `building.protocol.Turn` has them.

It is all text of strangers, the model's and what its tools answered: made plain, and never taken apart further than
it lets itself be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

from tacit.cli.layout import indented
from tacit.models import Usage
from tacit.plain_text import made_plain
from tacit.texts import compact

_ROLES = {"system": "instructions", "developer": "instructions", "user": "asked", "assistant": "model"}


def transcript_text(turns: Sequence[dict[str, Any]]) -> str:
    """Return the conversation, step by step; a line says so where there is none."""
    if not turns:
        return "There is no transcript: no model wrote this."
    return made_plain("\n".join(_lines(turns)))


def _lines(turns: Sequence[dict[str, Any]]) -> Iterator[str]:
    called: dict[str, str] = {}
    step = None
    for turn in turns:
        if turn.get("step") != step:
            step = turn.get("step")
            yield f"=== {step} ===\n"
        for message in _objects(turn.get("sent")):
            yield from _message(message, called)
        if reply := _object(turn.get("reply")):  # the last turn of a step may only bring what its tools answered
            yield from _message({"role": "assistant", **reply}, called, _cost(turn))


def _message(message: dict[str, Any], called: dict[str, str], cost: str = "") -> Iterator[str]:
    role = str(message.get("role", ""))
    if role == "tool":
        speaker = f"tool {called.get(str(message.get('tool_call_id')), '')}".rstrip()
    else:
        speaker = _ROLES.get(role, role)
    yield f"[{speaker}]{cost}"
    if text := _content(message.get("content")):
        yield indented(text)
    for call in _objects(message.get("tool_calls")):
        function = _object(call.get("function"))
        name = str(function.get("name", "?"))
        called[str(call.get("id"))] = name
        yield indented(f"calls {name}")
        yield from _arguments(function.get("arguments"))
    yield ""


def _content(content: Any) -> str:
    """Return the text of a message, whose content is a text or a list of parts."""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in _objects(cast("list[Any]", content)))
    return content if isinstance(content, str) else ""


def _arguments(text: Any) -> Iterator[str]:
    try:
        given = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        given = None
    if not isinstance(given, dict):
        yield indented(str(text), 4)
        return
    for name, value in cast("dict[str, Any]", given).items():
        if isinstance(value, str) and "\n" in value:
            yield indented(f"{name}:", 4)
            yield indented(value, 6)
        else:
            yield indented(f"{name}: {value if isinstance(value, str) else compact(value)}", 4)


def _cost(turn: dict[str, Any]) -> str:
    usage = _object(turn.get("usage"))
    try:
        tokens = Usage.model_validate(usage).tokens
    except ValueError:
        return ""
    return f"  {turn.get('seconds', 0):.1f} s, {tokens:,} tokens"


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    given = cast("list[Any]", value) if isinstance(value, list) else []
    return [_object(each) for each in given if isinstance(each, dict)]
