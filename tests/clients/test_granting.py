"""Permissions of new capabilities through MCP: the person is asked where the client can ask, and only a yes grants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from granting import ARGUMENTS, open_app
from mcp import Client
from mcp.client.context import ClientRequestContext
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult

from tacit.tools import TacitServer, build_server

pytestmark = pytest.mark.anyio
ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])
Callback = Callable[[Any, ElicitRequestParams], Awaitable[ElicitResult]]


class Person:
    """Answers every question in the same way, and remembers what was asked."""

    def __init__(self, action: str, content: dict[str, Any] | None = None) -> None:
        self.asked: list[str] = []
        self._answer = ElicitResult.model_validate({"action": action, "content": content})

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        self.asked.append(params.message)
        return self._answer


@pytest.fixture
def real(tmp_path: Path) -> TacitServer:
    """The three tools over the real service."""
    return build_server(lambda: open_app(tmp_path / "data"))


async def make(server: TacitServer, era: str, person: Person | None) -> tuple[dict[str, Any], CallToolResult]:
    """Make the capability, and run it once more; return the answer and the run."""
    async with Client(server, mode=era, elicitation_callback=person) as client:
        made = await client.call_tool("mutate_capability", ARGUMENTS)
        again = await client.call_tool("run_capability", {"id": "count_lines", "input": ARGUMENTS["input"]})
        assert made.structured_content is not None
        return made.structured_content, again


@ERAS
async def test_a_yes_grants_and_runs(real: TacitServer, era: str) -> None:
    """What the person accepts is granted to this capability, and the run on the input follows in the same answer."""
    person = Person("accept", {"allow": True})
    answer, again = await make(real, era, person)
    assert (len(person.asked), answer["permissions_not_granted"]) == (1, None)
    assert answer["run"]["output"] == {"lines": 2}
    assert not again.is_error


@ERAS
@pytest.mark.parametrize(
    ("action", "content"), [("decline", None), ("cancel", None), ("accept", {"allow": False})], ids=str
)
async def test_anything_else_grants_nothing(
    real: TacitServer, era: str, action: str, content: dict[str, Any] | None
) -> None:
    """Without a yes the answer names what is missing and the command that grants it, and nothing was granted."""
    answer, again = await make(real, era, Person(action, content))
    assert answer["permissions_not_granted"]["read"] == ["logs/*.txt"]
    assert "tacit grant count_lines" in answer["hint"]
    assert answer["run_error"]["code"] == "permission_denied"
    assert again.is_error


@ERAS
async def test_a_client_that_cannot_ask_gets_an_answer(real: TacitServer, era: str) -> None:
    """A client without elicitation gets the version, and is told how to grant what it lacks."""
    answer, _ = await make(real, era, None)
    assert (answer["status"], answer["permissions_not_granted"]["read"]) == ("registered", ["logs/*.txt"])
    assert "tacit grant count_lines" in answer["hint"]


@ERAS
async def test_the_question_cannot_be_forged(real: TacitServer, era: str) -> None:
    """The capability's own words stand on one line of the question, quoted and cut, and cannot close the quote."""
    person = Person("decline")
    await make(real, era, person)
    lines = person.asked[0].splitlines()
    assert lines[0] == "Tacit asks: may the capability count_lines do this, now and in every later run?"
    assert lines[1] == '- read files: "logs/*.txt"'
    assert "caller" in lines[2]
    assert (lines[2].count("”"), lines[2].endswith("…”")) == (2, True)
    assert len(lines) == 4


async def test_the_audit_log_says_that_a_person_was_asked(tmp_path: Path) -> None:
    """A grant by elicitation is noted as the client's."""
    server = build_server(lambda: open_app(tmp_path / "data"))
    await make(server, "auto", Person("accept", {"allow": True}))
    with open_app(tmp_path / "data") as app:
        entry = app.service.audit_log(1)[0]
        assert (entry["actor"], entry["action"], entry["capability"]) == ("client", "grant", "count_lines")


@ERAS
async def test_a_question_builds_once(real: TacitServer, era: str) -> None:
    """The rounds of a question are one build and one version."""
    async with Client(real, mode=era, elicitation_callback=Person("accept", {})) as client:
        made = await client.call_tool("mutate_capability", ARGUMENTS)
        service = real.opening.opened
        assert service is not None
        assert (made.structured_content or {})["version"] == 1
        assert len(service.builds()) == 1
