"""The agent's loop: search for the task, let the model use its two tools, until it answers."""

from __future__ import annotations

import time
from typing import Any

from tacit.agent.asking import Asker
from tacit.agent.conversation import Conversation, Message, unanswered
from tacit.agent.events import Answered, Found, Show, Spent, Thought
from tacit.agent.prompts import SPEAK, system_prompt
from tacit.agent.server import Server
from tacit.agent.spending import Spending
from tacit.agent.tool_use import ToolUse
from tacit.errors import InvalidArgument, LlmBroken
from tacit.llm import Reply
from tacit.models import Hit, Usage
from tacit.plain_text import made_plain
from tacit.prices import Prices

MAX_TURNS = 16
"""How often the model is asked for one task; the last time it may only answer."""

MAX_TASK = 20_000
"""Characters of a task."""

NEAREST = 3


class Agent:
    """Solves tasks one after another; each is told what came of those before."""

    def __init__(
        self, server: Server, tools: list[dict[str, Any]], asker: Asker, show: Show, prices: Prices | None
    ) -> None:
        self._server = server
        self._tools = tools
        self._asker = asker
        self._show = show
        self._prices = prices
        self._conversation = Conversation()
        self.spent = Spending(prices)

    async def nearest(self, task: str) -> tuple[Hit, ...]:
        """Return the capabilities nearest to a task, and show them."""
        hits = (await self._server.search(task, NEAREST)).hits
        self._show(Found(hits))
        return hits

    async def solve(self, task: str) -> str:
        """Return the model's final answer to a task.

        Raises `InvalidArgument` (no task, or too long a one), `LlmError` and `ServerFailed`. Cancelled, it stops the
        model, the run or the build under way; what was used by then is shown and counted in either case.
        """
        told: Message = {"role": "user", "content": _checked(task)}
        work = _Work(self._asker, ToolUse(self._server, self._show), self._tools, self._show)
        started = time.monotonic()
        answered = False
        try:
            known = self._conversation.meet(await self.nearest(told["content"]))
            before = [{"role": "system", "content": system_prompt(known)}, *self._conversation.messages]
            answer = await work.run(before, told)
            answered = True
        finally:
            self._conversation.keep(work.exchange if answered else unanswered(told))
            spending = Spending(self._prices, work.asked, work.built, time.monotonic() - started)
            self.spent += spending
            self._show(Spent(spending))
        return answer


class _Work:
    """One task's way to its answer; `exchange` is what was said for it, the task first."""

    def __init__(self, asker: Asker, use: ToolUse, tools: list[dict[str, Any]], show: Show) -> None:
        self._asker = asker
        self._use = use
        self._tools = tools
        self._show = show
        self.exchange: list[Message] = []
        self.asked = Usage()

    @property
    def built(self) -> Usage:
        """What the builds used so far."""
        return self._use.built

    async def run(self, before: list[Message], task: Message) -> str:
        """Return the final answer to `task`, which follows on the messages `before`."""
        self.exchange = [task]
        for turn in range(1, MAX_TURNS + 1):
            last = turn == MAX_TURNS
            reply = await self._asker.ask(before + self.exchange, self._tools, "none" if last else "auto")
            self.asked += reply.usage
            self.exchange.append(reply.message)
            text = made_plain(reply.text).strip()
            if text and not reply.calls:
                self._show(Answered(text))
                return text
            if not last:
                await self._go_on(reply, text)
        raise LlmBroken(
            f"The model gave no answer within {MAX_TURNS} turns.", hint="Ask for less at once, or set TACIT_LLM_MODEL."
        )

    async def _go_on(self, reply: Reply, text: str) -> None:
        if text:
            self._show(Thought(text))
        for call in reply.calls:
            told = await self._use.carry_out(call)
            self.exchange.append({"role": "tool", "tool_call_id": call.id, "content": told})
        if not reply.calls:
            self.exchange.append({"role": "user", "content": SPEAK})


def _checked(task: str) -> str:
    plain = made_plain(task).strip()
    if not plain:
        raise InvalidArgument("There is no task.", hint="Say in plain words what you want.")
    if len(plain) > MAX_TASK:
        raise InvalidArgument(f"The task has {len(plain)} characters; the limit is {MAX_TASK}.", hint="Say it shorter.")
    return plain
