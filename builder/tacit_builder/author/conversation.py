"""One context with the author's model: what is said, what is answered, what is kept, and what the server is told.

Every call that the model makes gets exactly one answer, whatever it is, since the API takes no less. Each exchange
goes to the server as a `Turn` as soon as it is over. Old outputs of tools are cut once the context grows long.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self, TypeVar

from tacit.building.protocol import Turn
from tacit.errors import BuildRefused, InvalidArgument, LlmWithoutTools
from tacit.llm import Reply, ToolCall
from tacit.models import Usage
from tacit.schemas.validator import shorten
from tacit.strict_json import parse
from tacit_builder.author.desk import Desk
from tacit_builder.author.lookups import Lookups
from tacit_builder.author.prompts import CUT, NUDGE

MAX_CONTEXT = 160_000
"""Characters of a context, about 40,000 tokens; when there are more, old ones are cut down to half of it."""
CHARACTERS_OF_A_TOKEN = 4
"""About; endpoints count by themselves."""
MAX_RESULT = 26_000
"""Characters of what one call is answered."""
MAX_ARGUMENTS = 200_000
"""Bytes of the arguments of one call."""
MAX_CALLS = 16
"""Calls of one message; more are left out of it."""
MAX_SUBMISSIONS = 4
"""How often a model may hand in what is asked of it until it holds."""

_KEPT_WHOLE = (6, 1)
"""How many of the last messages stay whole, at first, and where that is too long."""
_SHORT = 300

Accepted = TypeVar("Accepted")


class Conversation:
    """Messages with one model, in one step of the build, with the tools of that step. Close it at the end."""

    def __init__(self, desk: Desk, step: str, instructions: str, brief: str, tools: Sequence[dict[str, Any]]) -> None:
        self._desk = desk
        self.step = step
        self._tools = list(tools)
        self._messages: list[dict[str, Any]] = []
        self._unsent: list[dict[str, Any]] = []
        self._append({"role": "system", "content": instructions})
        self._append({"role": "user", "content": brief})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def tell(self, text: str) -> None:
        """Add a message of the user's."""
        self._append({"role": "user", "content": text})

    def answer(self, call: ToolCall, text: str) -> None:
        """Answer a call; each one once, before the next exchange."""
        content = _writable(shorten(text, MAX_RESULT)) or "(nothing)"
        self._append({"role": "tool", "tool_call_id": call.id, "content": content})

    def exchange(self) -> tuple[ToolCall, ...]:
        """Return the calls that the model makes next, at least one, each of which has to be answered.

        A model that answers in words is asked once more. Raises `LlmWithoutTools` when it does so again,
        `BuildRefused("budget")`, and whatever a `ChatModel` raises.
        """
        calls = self._ask("auto")
        if not calls:
            self.tell(NUDGE.format(tools=", ".join(self._names)))
            calls = self._ask("required")
        if not calls:
            raise LlmWithoutTools(
                f"The model {self._desk.model_name} answers in words where it has to call tools.",
                hint="Set TACIT_LLM_MODEL to a model that calls tools, or hand in source yourself.",
            )
        return calls

    def obtain(
        self,
        accept: Callable[[dict[str, Any]], Accepted],
        stage: str,
        lookups: Lookups | None = None,
    ) -> Accepted:
        """Return what `accept` makes of the arguments that the model hands in to the first tool.

        `accept` raises `InvalidArgument` for what does not hold, whose words the model is told. After
        `MAX_SUBMISSIONS` of them, `BuildRefused` is raised at `stage`, or at the `details.stage` of the last error.
        What is looked up meanwhile counts only once `lookups` are spent.
        """
        tool = self._names[0]
        error = InvalidArgument(f"No call of {tool} could be read.")
        tries = MAX_SUBMISSIONS
        while tries:
            found: list[Accepted] = []
            counts = False
            for call in self.exchange():
                if lookups and not found and (looked_up := lookups.answer(call)) is not None:
                    self.answer(call, looked_up)
                    counts |= lookups.spent
                    continue
                counts = True
                try:
                    self.answer(call, _consider(call, tool, accept, found))
                except InvalidArgument as wrong:
                    error = wrong
                    self.answer(call, f"Not accepted. {wrong} Mend that and call {tool} again with all of it.")
            tries -= counts
            if counts:
                self._desk.findings.note(f"What was wrong with the last call of {tool}", "" if found else str(error))
            if found:
                return found[0]
        raise BuildRefused(
            str(error.details.get("stage", stage)),
            f"The author was told {MAX_SUBMISSIONS} times what was wrong, and handed in nothing that holds: "
            f"{error.message}",
            hint=error.hint,
        )

    def close(self) -> None:
        """Tell the server what has happened since the last exchange, if anything."""
        attempts = self._desk.meter.take_attempts()
        if self._unsent or attempts:
            self._desk.say(Turn(step=self.step, sent=self._unsent, reply={}, usage=Usage(attempts=attempts)))
            self._unsent = []

    @property
    def _names(self) -> list[str]:
        return [tool["function"]["name"] for tool in self._tools]

    def _append(self, message: dict[str, Any]) -> None:
        self._messages.append(message)
        self._unsent.append(message)

    def _ask(self, choice: str) -> tuple[ToolCall, ...]:
        cut_short(self._messages)
        said = sum(map(_size, [*self._messages, *self._tools]))
        self._desk.meter.require_exchange(said // CHARACTERS_OF_A_TOKEN)
        reply = self._desk.model.complete(self._messages, self._tools, tool_choice=choice)
        self._desk.meter.count(reply.usage)
        message, calls = settled(reply)
        usage = reply.usage + Usage(attempts=self._desk.meter.take_attempts())
        self._desk.say(Turn(step=self.step, sent=self._unsent, reply=message, usage=usage, seconds=reply.seconds))
        self._unsent = []
        self._messages.append(message)
        return calls


def settled(reply: Reply) -> tuple[dict[str, Any], tuple[ToolCall, ...]]:
    """Return the reply's message and calls so that they can be sent and kept.

    Each call has an id of its own; arguments that are no JSON by the standard (NaN, lone surrogates, lists within
    lists without end) count as malformed; text is valid Unicode.
    """
    message: dict[str, Any] = {**reply.message, "content": reply.message.get("content")}
    if isinstance(message["content"], str):
        message["content"] = _writable(shorten(message["content"], MAX_RESULT))
    seen: set[str] = set()
    calls: list[ToolCall] = []
    shown: list[dict[str, Any]] = []
    for place, (call, given) in enumerate(zip(reply.calls, reply.message.get("tool_calls", ()), strict=True)):
        if place == MAX_CALLS:
            break
        own = _writable(call.id) if call.id not in seen else f"{_writable(call.id)}_{place}"
        seen |= {call.id, own}
        problem = call.problem or _unsendable(call.arguments)
        arguments = None if problem else call.arguments
        calls.append(replace(call, id=own, arguments=arguments, problem=_writable(problem)))
        function = {**given["function"], "arguments": json.dumps(arguments or {}, ensure_ascii=False)}
        shown.append({**given, "id": own, "function": function})
    if shown:
        message["tool_calls"] = shown
    return message, tuple(calls)


def cut_short(messages: list[dict[str, Any]]) -> None:
    """Cut old outputs and long arguments in place, oldest first, where the messages are over `MAX_CONTEXT`.

    The first two messages and the last few stay whole. It cuts down to half, so that what is before the cut stays
    the same from one exchange to the next, which endpoints charge less for.
    """
    if sum(map(_size, messages)) <= MAX_CONTEXT:
        return
    for kept in _KEPT_WHOLE:
        for place in range(2, len(messages) - kept):
            if sum(map(_size, messages)) <= MAX_CONTEXT // 2:
                return
            messages[place] = _cut(messages[place])


def _cut(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content") or ""
    shorter = {**message, "content": CUT} if len(content) > _SHORT else message
    if "tool_calls" not in message:
        return shorter
    return {**shorter, "tool_calls": [_cut_call(call) for call in message["tool_calls"]]}


def _cut_call(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    if len(function["arguments"]) <= _SHORT:
        return call
    given: dict[str, Any] = json.loads(function["arguments"])
    kept = {name: value if len(json.dumps(value)) <= _SHORT else CUT for name, value in given.items()}
    return {**call, "function": {**function, "arguments": json.dumps(kept, ensure_ascii=False)}}


def _size(message: dict[str, Any]) -> int:
    return len(json.dumps(message, ensure_ascii=False))


def _consider(call: ToolCall, tool: str, accept: Callable[[dict[str, Any]], Accepted], found: list[Accepted]) -> str:
    """Put what was accepted into `found`, which holds one at most, and return what to answer."""
    if found:
        return "Not looked at: a call before it was accepted."
    if call.name != tool:
        raise InvalidArgument(f"There is no tool {shorten(call.name, 80)!r} here.")
    if call.arguments is None:
        raise InvalidArgument(call.problem)
    found.append(accept(call.arguments))
    return "Accepted."


def _unsendable(arguments: dict[str, Any] | None) -> str:
    try:
        text = json.dumps(arguments, ensure_ascii=False).encode()
        if len(text) > MAX_ARGUMENTS:
            return f"The arguments have {len(text)} bytes; {MAX_ARGUMENTS} are the most."
        parse(text)
    except (ValueError, RecursionError) as error:
        return f"The arguments are not JSON by its standard: {shorten(str(error), 200)}."
    return ""


def _writable(text: str) -> str:
    return text.encode(errors="replace").decode()
