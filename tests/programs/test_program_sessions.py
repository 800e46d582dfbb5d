"""What `tacit stats` says of sessions of MCP clients, held against counts by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, get_default_environment
from program_samples import GREET, OpenApp

from tacit.app import App
from tacit.models import MutateRequest
from tacit.store import Store, session_runs

LOUDLY = "call input 0\ncall greet 1\ncall upper 1\n"
WORD = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def request(name: str, source: str, tests: list[dict[str, Any]], *calls: str) -> dict[str, Any]:
    """Return the arguments that make a program that greets."""
    return {
        "id": name,
        "summary": f"Greets somebody by name, in the manner of {name}.",
        "language": "program",
        "source": source,
        "tests": tests,
        "input_schema": WORD,
        "permissions": {"call": list(calls)},
        "force": True,
    }


GREETINGS = {"Bob": "Hello, Bob!", "Ann": "Hello, Ann!"}
MAKE_GREET = request(
    "greet",
    GREET,
    [{"name": who, "input": {"name": who}, "expect": {"output": said}} for who, said in GREETINGS.items()],
)
MAKE_LOUDLY = request(
    "greet_loudly",
    LOUDLY,
    [
        {"name": who, "input": {"name": who}, "calls": {"greet": said}, "expect": {"output": said.upper()}}
        for who, said in GREETINGS.items()
    ],
    "greet",
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder that the apps of `open_app` have as well."""
    return tmp_path / "data"


@pytest.fixture
def server(data: Path) -> StdioServerParameters:
    """How to start a server of its own on that folder."""
    settings = {"TACIT_DATA": str(data), "TACIT_EMBEDDER": "none", "TACIT_SHIPPED": "false"}
    return StdioServerParameters(
        command=sys.executable, args=["-m", "tacit.cli", "serve"], env={**get_default_environment(), **settings}
    )


async def run(client: Client, capability: str, name: object) -> Any:
    """Run a program on a name."""
    arguments = {"id": capability, "input": {"name": name}}
    return (await client.call_tool("run_capability", arguments)).structured_content


def only(app: App) -> dict[str, Any]:
    """Return the one session that there is."""
    (session,) = app.service.stats()["sessions"]
    return session


@pytest.mark.anyio
async def test_a_clients_session_counts_what_it_made_and_ran(server: StdioServerParameters, open_app: OpenApp) -> None:
    """Two programs made, one of them twice in vain; runs that failed or that another one called do not count."""
    async with Client(server) as client:
        refused = await client.call_tool("mutate_capability", {**MAKE_GREET, "source": "pop\n"})
        assert refused.is_error
        for arguments in (MAKE_GREET, MAKE_GREET, MAKE_LOUDLY):
            made = await client.call_tool("mutate_capability", arguments)
            assert not made.is_error, made.content
        await run(client, "greet", 5)
        for name in ("Ada", "Bob", "Cleo", "Dan"):
            await run(client, "greet_loudly", name)
        assert (await run(client, "greet", "Dora"))["output"] == "Hello, Dora!"
    found = only(open_app(shipped=False))
    loudly = {"program": "greet_loudly@1", "composite": True, "learned": True}
    greet = {"program": "greet@1", "composite": False, "learned": True}
    tokens = len(LOUDLY) // 4
    assert list(found["programs"]) == [
        {**loudly, "runs": 4, "tokens_saved": 3 * tokens},
        {**greet, "runs": 1, "tokens_saved": 0},
    ]
    assert (found["compiled"], found["level_name"], found["tokens_saved"]) == (2, "optimised", 3 * tokens)


@pytest.mark.anyio
async def test_sessions_are_counted_apart(server: StdioServerParameters, open_app: OpenApp) -> None:
    """One client makes a program and another runs it: the first is raw, the second has compiled nothing."""
    async with Client(server) as client:
        await client.call_tool("mutate_capability", MAKE_GREET)
    async with Client(server) as client:
        await client.call_tool("mutate_capability", MAKE_GREET)
        await run(client, "greet", "Ada")
    later, earlier = open_app(shipped=False).service.stats()["sessions"]
    assert (earlier["compiled"], earlier["runs"], earlier["level_name"]) == (1, 0, "raw")
    assert (later["compiled"], later["runs"], later["level_name"]) == (0, 1, "compiled")


@pytest.mark.anyio
async def test_a_run_on_the_requests_input_counts(server: StdioServerParameters, open_app: OpenApp) -> None:
    """It is a run of that session like any other, and the first one saves nothing."""
    async with Client(server) as client:
        await client.call_tool("mutate_capability", {**MAKE_GREET, "input": {"name": "Ada"}})
    found = only(open_app(shipped=False))
    assert (found["compiled"], found["runs"], found["tokens_saved"], found["level"]) == (1, 1, 0, 1)


def test_makes_without_a_session_are_counted_together(open_app: OpenApp) -> None:
    """From the command line and from Python."""
    app = open_app(shipped=False)
    for arguments in (MAKE_GREET, MAKE_LOUDLY):
        answer = app.service.mutate(MutateRequest.model_validate(arguments))
        assert answer.status == "registered", answer
    found = only(app)
    assert (found["session"], found["compiled"], found["runs"]) == ("without a session", 2, 0)


def test_shipped_composites_earn_the_first_level_alone(open_app: OpenApp) -> None:
    """The others are earned by what was learned here."""
    app = open_app(shipped=True)
    for number in range(4):
        app.service.run("percentage_reversed_formatted", {"percentage": 25, "number": 100 * number}, session="s")
    found = only(app)
    assert (found["runs"], found["level_name"]) == (4, "compiled")
    assert found["tokens_saved"] > 0


def make_and_run(app: App, *sessions: str) -> dict[str, Any]:
    """Make both programs, run them in sessions, and return what is said of these."""
    for arguments in (MAKE_GREET, MAKE_LOUDLY):
        app.service.make(MutateRequest.model_validate(arguments), session=sessions[0])
    for session in sessions:
        for name in ("Ada", "Bob", "Cleo"):
            app.service.run("greet_loudly", {"name": name}, session=session)
        app.service.run("greet", {"name": "Dora"}, session=session)
    return app.service.stats()


def test_what_was_earned_stays_when_records_are_dropped(open_app: OpenApp, data: Path) -> None:
    """Levels, runs and tokens saved are the same to the last field, whatever of the records is still there."""
    app = open_app(shipped=False)
    before = make_and_run(app, "first", "second")
    assert [each["level_name"] for each in before["sessions"]] == ["optimised", "optimised"]
    for kept in (9, 4, 1):
        with Store.open(data, runs_kept=kept) as store:
            assert store.prune() > 0
        assert app.service.stats() == before


def test_sessions_without_a_name_count_towards_the_whole(
    open_app: OpenApp, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are too many, the first is no longer listed, but its runs are counted, and were the first ones."""
    monkeypatch.setattr(session_runs, "MAX_SESSIONS", 1)
    app = open_app(shipped=False)
    before = make_and_run(app, "first", "second", "third")
    with Store.open(data, runs_kept=1) as store:
        store.prune()
    after = app.service.stats()
    first = before["sessions"][-1]
    assert after["earlier"] == {"runs": 8, "tokens_saved": sum(each["tokens_saved"] for each in before["sessions"][1:])}
    assert after["sessions"][0] == before["sessions"][0]
    assert [(each["session"], each["runs"]) for each in after["sessions"][1:]] == [("first", 0)]
    assert first["tokens_saved"] == 2 * (len(LOUDLY) // 4)
