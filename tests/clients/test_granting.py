"""Permissions of new capabilities through MCP: the person is asked where the client can ask, and only a yes grants."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import granting
import pytest
from granting import ARGUMENTS, open_app
from mcp import Client
from mcp.client.context import ClientRequestContext
from mcp.client.stdio import StdioServerParameters
from mcp_types import INVALID_REQUEST, CallToolResult, ElicitRequestParams, ElicitResult, ErrorData
from server_process import listening_on

from tacit.tools.server import TacitServer, build_server

pytestmark = pytest.mark.anyio
ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])
PROGRAM = str(Path(granting.__file__))


class Person:
    """Answers every question in the same way, and remembers what was asked."""

    def __init__(self, action: str, content: dict[str, Any] | None = None) -> None:
        self.asked: list[str] = []
        self._answer: ElicitResult | ErrorData = (
            ErrorData(code=INVALID_REQUEST, message="No person is here.")
            if action == "error"
            else ElicitResult.model_validate({"action": action, "content": content})
        )

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult | ErrorData:
        self.asked.append(params.message)
        return self._answer


@pytest.fixture
def real(tmp_path: Path) -> TacitServer:
    """The three tools over the real service."""
    return build_server(lambda: open_app(tmp_path / "data"))


@pytest.fixture
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The same in a process of its own, over the transport that the test names; what a client connects to."""
    arguments = [PROGRAM, str(tmp_path / "data"), request.param]
    if request.param == "stdio":
        yield StdioServerParameters(command=sys.executable, args=arguments)
        return
    process = subprocess.Popen([sys.executable, *arguments], stderr=subprocess.PIPE, text=True)
    yield f"{listening_on(process)}/mcp"
    process.terminate()
    process.communicate(timeout=60)


async def make(server: Any, era: str, person: Person | None) -> tuple[dict[str, Any], CallToolResult]:
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
    ("action", "content"),
    [
        *(("decline", None), ("cancel", None), ("accept", {"allow": False})),
        *(("accept", None), ("accept", {"allow": "yes"}), ("accept", {"allow": ["true"]})),
    ],
    ids=str,
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


async def test_a_clients_error_grants_nothing(real: TacitServer) -> None:
    """A client that answers the question with an error gets the version that was registered, without a grant."""
    answer, again = await make(real, "legacy", Person("error"))
    assert (answer["status"], answer["run_error"]["code"]) == ("registered", "permission_denied")
    assert "tacit grant count_lines" in answer["hint"]
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


@ERAS
@pytest.mark.parametrize("served", ["stdio", "http"], indirect=True)
async def test_the_person_is_asked_over_every_transport(served: Any, era: str) -> None:
    """Over stdio and HTTP, in both eras, a yes grants and the run follows."""
    person = Person("accept", {"allow": True})
    answer, again = await make(served, era, person)
    assert (len(person.asked), answer["permissions_not_granted"]) == (1, None)
    assert answer["run"]["output"] == {"lines": 2}
    assert not again.is_error


@pytest.mark.parametrize(("era", "asked"), [("auto", 1), ("legacy", 0)])
@pytest.mark.parametrize("served", ["stateless"], indirect=True)
async def test_without_sessions_only_the_new_era_can_ask(served: Any, era: str, asked: int) -> None:
    """Where no channel leads back to the client, it is not asked and gets its answer all the same."""
    person = Person("accept", {"allow": True})
    answer, _ = await make(served, era, person)
    assert (len(person.asked), answer["status"]) == (asked, "registered")
    assert (answer["permissions_not_granted"] is None) == bool(asked)
