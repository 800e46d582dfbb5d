"""Carrying out the model's tool calls: what the server is asked, what the person sees, what the model is told."""

from __future__ import annotations

from typing import Any

from tacit.agent.events import Progressed, Resulted, Show, Used
from tacit.agent.prompts import framed, hits_text
from tacit.agent.server import TOOLS, Server, ToolAnswer
from tacit.llm import ToolCall
from tacit.models import Usage

RESULT_CHARACTERS = 12_000
BRIEF_CHARACTERS = 48_000
"""What the model sees of a brief, which holds another capability's source."""


class ToolUse:
    """Carries out tool calls on one server; `built` is what the builds for the task used so far."""

    def __init__(self, server: Server, show: Show) -> None:
        self._server = server
        self._show = show
        self.built = Usage()

    async def carry_out(self, call: ToolCall) -> str:
        """Return what the model is told of a call; one that is malformed or unknown is told of as well."""
        if call.arguments is None:
            return f"Nothing was done. {call.problem}"
        if call.name not in TOOLS:
            return f"Nothing was done: there is no tool {call.name[:100]!r}. The tools are {' and '.join(TOOLS)}."
        self._show(Used(call.name, call.arguments))
        if call.name == "run_capability":
            answer = await self._server.call(call.name, call.arguments)
            told = self._told(call.name, answer)
        else:
            answer = await self._mutate(call.arguments)
            told = self._told(call.name, answer) + await self._introduced(answer)
        return told

    async def _mutate(self, arguments: dict[str, Any]) -> ToolAnswer:
        """Ask for a capability and wait until it is built or refused, however often the server says `building`."""
        answer = await self._server.call("mutate_capability", arguments, self._progressed)
        given = {"input": arguments["input"]} if "input" in arguments else {}
        while answer.ok and answer.data is not None and answer.data.get("status") == "building":
            again = {"job": answer.data["job"], **given}
            answer = await self._server.call("mutate_capability", again, self._progressed)
        if answer.data is not None and answer.data.get("usage"):
            self.built += Usage.model_validate(answer.data["usage"])
        return answer

    async def _introduced(self, answer: ToolAnswer) -> str:
        """Return how to run what was registered, of which the model has not seen the schema."""
        made = answer.data.get("id") if answer.data and answer.data.get("status") == "registered" else None
        if not made:
            return ""
        hits = [hit for hit in (await self._server.search(made, 1)).hits if hit.id == made]
        return "\n" + framed("It can be run now.", hits_text(hits), RESULT_CHARACTERS) if hits else ""

    def _told(self, tool: str, answer: ToolAnswer) -> str:
        self._show(Resulted(tool, answer.ok, answer.text, answer.data))
        brief = answer.data is not None and answer.data.get("status") == "needs_source"
        said = f"{tool} {'answered' if answer.ok else 'failed'}."
        return framed(said, answer.text, BRIEF_CHARACTERS if brief else RESULT_CHARACTERS)

    def _progressed(self, message: str, fraction: float) -> None:
        self._show(Progressed(message, fraction))
