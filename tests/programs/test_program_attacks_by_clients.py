"""Attacks on programs through real servers, by real clients: cancelled, timed out, failing, two servers at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from callee_samples import add_guest, add_program, traps, writes
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp_types import CallToolResult
from program_samples import OpenApp
from server_process import listening_on

from tacit.errors import FileConflict
from tacit.models import Permissions
from tacit.sandbox import FilesFolder
from tacit.store import Store

pytestmark = pytest.mark.anyio
GRANTS = {"write": ["*.json"], "call": ["*"]}
FOREVER = "again:\npush true\njump_if again"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def data(open_app: OpenApp, tmp_path: Path) -> Path:
    """A data folder with programs of guests that write three files, and of what fails or never ends after them."""
    app = open_app(shipped=False, grants=Permissions(**GRANTS))
    for name in "abc":
        add_guest(app, f"write_{name}", writes(f"{name}.json"), write=[f"{name}.json"])
    add_guest(app, "trap_now", traps())
    add_program(app, "endless_one", FOREVER)
    add_program(app, "write_all", "call input 0\ncall write_a 1\ncall write_b 1\ncall write_c 1")
    for name, last in {
        "hang": "call endless_one 1",
        "trap": "call trap_now 1",
        "slip": "push 0\ncall divide 2",
    }.items():
        add_program(app, f"write_and_{name}", f"call input 0\ncall write_a 1\n{last}")
    app.close()
    return tmp_path / "data"


def environment(data: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a server on that data folder."""
    given = {"data": str(data), "grants": json.dumps(GRANTS), "embedder": "none", "shipped": "false", **settings}
    return {**os.environ, **{f"TACIT_{name.upper()}": value for name, value in given.items()}}


def stdio(data: Path, **settings: str) -> StdioServerParameters:
    """Return how to start a server on stdio."""
    arguments = ["-m", "tacit.cli", "serve"]
    return StdioServerParameters(command=sys.executable, args=arguments, env=environment(data, **settings))


@pytest.fixture
def two_servers(data: Path) -> Iterator[list[str]]:
    """The addresses of two servers on one data folder."""
    command = [sys.executable, "-m", "tacit.cli", "serve"]
    env = environment(data, transport="http", port="0")
    started = [subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        yield [f"{listening_on(process)}/mcp" for process in started]
    finally:
        for process in started:
            process.terminate()
            process.communicate(timeout=60)


async def run(client: Client, capability: str, given: Any, **options: Any) -> CallToolResult:
    """Call the tool that runs a capability."""
    return await client.call_tool("run_capability", {"id": capability, "input": given, **options})


def code_of(answer: CallToolResult) -> str:
    """Return the code of a failed call's error, which its text begins with and no traceback is in."""
    error = (answer.meta or {})["tacit/error"]
    text = "\n".join(part.text for part in answer.content if part.type == "text")
    assert answer.is_error
    assert text.startswith(f"{error['code']}: ")
    assert "Traceback" not in text
    return error["code"]


def files_in(data: Path) -> dict[str, str]:
    """Return what is in the files folder."""
    return {each.name: each.read_text() for each in (data / "files").glob("*.json")}


def await_lock(data: Path, path: str) -> None:
    """Wait until a run holds the lock of a file."""
    with Store.open(data) as store, suppress(FileConflict):
        folder = FilesFolder(data / "files", data / "journal", store.commits)
        while True:
            with folder.transaction((path,), None, 0.01):
                pass


async def test_a_cancelled_program_leaves_no_write_and_no_lock(data: Path) -> None:
    """Cancelled by the client while a callee is under way, after another one wrote."""
    with anyio.fail_after(120):
        async with Client(stdio(data, limits__energy=str(1 << 60), limits__wall_seconds="3600")) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run, client, "write_and_hang", 1)
                await anyio.to_thread.run_sync(await_lock, data, "a.json")
                tasks.cancel_scope.cancel()
            answer = await run(client, "write_b", 2)
            await run(client, "write_a", 3)
    assert not answer.is_error
    assert files_in(data) == {"a.json": "3", "b.json": "2"}


async def test_time_that_is_up_in_a_callee_undoes_what_others_wrote(data: Path) -> None:
    """And the error names the line that called it."""
    with anyio.fail_after(120):
        async with Client(stdio(data, limits__energy=str(1 << 60), limits__wall_seconds="1")) as client:
            answer = await run(client, "write_and_hang", 1)
    assert code_of(answer) == "timeout"
    assert answer.meta["tacit/error"]["details"]["line"] == 3
    assert files_in(data) == {}


async def test_failures_reach_clients_with_a_code(data: Path) -> None:
    """Whatever fails a program; the client gets no traceback, and nothing lands."""
    with anyio.fail_after(120):
        async with Client(stdio(data)) as client:
            failed = {
                "capability_error": await run(client, "write_and_trap", 1),
                "division_by_zero": await run(client, "write_and_slip", 1),
                "energy_exhausted": await run(client, "write_and_hang", 1, energy=500_000),
                "value_too_large": await run(client, "write_all", json.loads("[" * 120 + "]" * 120)),
                "unknown_capability": await run(client, "write_all@1", 1),
                "invalid_argument": await run(client, "write_all", 1, energy=0),
            }
    assert {code: code_of(answer) for code, answer in failed.items()} == {code: code for code in failed}
    assert files_in(data) == {}


async def test_two_servers_on_one_folder_mix_no_runs(two_servers: list[str], data: Path) -> None:
    """Each of twenty runs that write three files writes all of them, one run after another."""
    answers: list[CallToolResult] = []

    async def write(client: Client, given: int) -> None:
        answers.append(await run(client, "write_all", given))

    with anyio.fail_after(120):
        async with Client(two_servers[0]) as one, Client(two_servers[1]) as other, anyio.create_task_group() as tasks:
            for given in range(10):
                tasks.start_soon(write, one, given)
                tasks.start_soon(write, other, given + 10)
    assert [answer.is_error for answer in answers] == [False] * 20
    assert len(set(files_in(data).values())) == 1
    assert files_in(data).keys() == {"a.json", "b.json", "c.json"}


async def test_the_same_request_several_times_at_once_makes_one_version(data: Path) -> None:
    """All who ask get the version of one build."""
    request = {
        "id": "say_hello",
        "summary": "Says hello to somebody by name, politely.",
        "language": "program",
        "source": 'push "Hello, {name}!"\ncall input 0\ncall format 2\n',
        "input_schema": {"type": "object"},
        "tests": [
            {"name": name, "input": {"name": name}, "expect": {"output": f"Hello, {name}!"}} for name in ("Ada", "Bob")
        ]
        + [{"name": "nobody", "input": {}, "expect": {"error": "out_of_range"}}],
    }
    answers: list[CallToolResult] = []

    async def make(client: Client) -> None:
        answers.append(await client.call_tool("mutate_capability", request))

    with anyio.fail_after(120):
        async with Client(stdio(data)) as client, anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(make, client)
    told = [answer.structured_content or {} for answer in answers]
    assert {(each["status"], each["id"], each["version"]) for each in told} == {("registered", "say_hello", 1)}
    assert len({each["job"] for each in told}) == 1
