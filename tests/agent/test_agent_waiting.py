"""How the agent waits for a build that takes longer than one call."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from tacit.agent.server import Server, ToolAnswer
from tacit.agent.tool_use import ToolUse
from tacit.llm import ToolCall


class SlowServer(Server):
    """A server whose first answer is that the build goes on."""

    def __init__(self) -> None:
        self.given: list[dict[str, Any]] = []

    async def call(self, name: str, arguments: dict[str, Any], *_: Any) -> ToolAnswer:
        """Keep what is asked for; answer `building`, then a refusal."""
        self.given.append(arguments)
        return ToolAnswer(True, "", {"status": "refused" if self.given[1:] else "building", "job": "b1"})


@pytest.mark.parametrize("given", [{"input": {"text": "a"}}, {"input": None}, {}], ids=str)
def test_the_job_is_asked_for_with_the_input(given: dict[str, Any]) -> None:
    """The server keeps no caller's input, so the agent sends its own again with the job, where it gave one."""
    server = SlowServer()
    call = ToolCall("c1", "mutate_capability", {"task": "count words", **given}, "")
    anyio.run(ToolUse(server, lambda _: None).carry_out, call)
    assert server.given[1] == {"job": "b1", **given}
