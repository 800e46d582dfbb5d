"""An agent without memory: it writes the program for each task, compiles it, runs it, and keeps nothing.

It gets what Tacit's author gets: the same instructions for guests, the same tools, the same compiler and sandbox. It is
spared what a program that is kept needs and one that is thrown away does not: a specification, tests, verification.
"""

from __future__ import annotations

import json
from typing import Any

from tacit.building.orders import Machine, Web
from tacit.config import Settings
from tacit.llm import ChatModel, Endpoint, ToolCall
from tacit.models import Expectation, Permissions, TestCase, Usage
from tacit.sandbox import FixtureWorld, Sandbox
from tacit_builder.author.prompts import IMPLEMENTATION
from tacit_builder.pipeline import Module, compile_module
from tacit_builder.workbench.definitions import tools_for

NOWHERE = FixtureWorld(TestCase(name="none", expect=Expectation(output=None)), Permissions())
SPARED = {"search_capabilities", "test", "complete"}
RUN: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "run",
        "description": "Compile the crate if it changed, and run it on an input: JSON as a text.",
        "parameters": {
            "type": "object",
            "properties": {"input": {"type": "string"}},
            "required": ["input"],
            "additionalProperties": False,
        },
    },
}


class Coder:
    """Solves one task after another, each from nothing."""

    def __init__(self, settings: Settings, endpoint: Endpoint) -> None:
        self._machine = Machine.of(settings)
        self._model = ChatModel(endpoint)
        self._tools = [*(tool for tool in tools_for(Web(), "rust") if tool["function"]["name"] not in SPARED), RUN]
        self._source: dict[str, str] = {}
        self._module: Module | None = None

    def solve(self, task: str) -> tuple[str, Usage]:
        """Return the answer, and what the model used for it."""
        self._source, self._module = {}, None
        used = Usage()
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": IMPLEMENTATION["rust"]},
            {"role": "user", "content": task},
        ]
        while True:
            reply = self._model.complete(messages, self._tools)
            used += reply.usage
            messages.append(reply.message)
            if not reply.calls:
                return reply.text, used
            messages.extend(self._told(call) for call in reply.calls)

    def close(self) -> None:
        """Close the model's connections."""
        self._model.close()

    def _told(self, call: ToolCall) -> dict[str, Any]:
        return {"role": "tool", "tool_call_id": call.id, "content": self._carry_out(call)}

    def _carry_out(self, call: ToolCall) -> str:
        arguments = call.arguments or {}
        if call.name == "write_file":
            self._source, self._module = {"main.rs": arguments["text"]}, None
            return "It is written."
        if call.name == "build":
            return f"It compiles: {len(self._compiled().wasm)} bytes."
        return self._run(arguments["input"])

    def _compiled(self) -> Module:
        if self._module is None:
            self._module = compile_module(self._source, Permissions(), self._machine)
        return self._module

    def _run(self, given: str) -> str:
        module = self._compiled()
        with Sandbox(self._machine.limits, workers=1) as sandbox:
            program = sandbox.load(module.digest, lambda: module.wasm)
            return json.dumps(json.loads(sandbox.run(program, given.encode(), NOWHERE).output))
