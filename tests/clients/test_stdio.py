"""The server as a program on stdio: what clients start."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, get_default_environment
from sample_service import await_event

SERVER_FILE = Path(__file__).parents[2] / "server" / "tacit" / "mcp_server.py"
INITIALIZE = {
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


class Wire:
    """A server process, spoken to line by line."""

    def __init__(self, stdio: StdioServerParameters) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen([stdio.command, *stdio.args], **pipes, text=True)
        self.ask(INITIALIZE)
        self.send({"method": "notifications/initialized"})

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdout is not None
        self.send({"id": 1, **message})
        return json.loads(self.process.stdout.readline())

    def call(self, capability: str) -> dict[str, Any]:
        return {"method": "tools/call", "params": {"name": "run_capability", "arguments": {"id": capability}}}


@pytest.fixture
def wire(stdio: StdioServerParameters) -> Iterator[Wire]:
    """A server process that was initialized."""
    wire = Wire(stdio)
    yield wire
    wire.process.kill()
    wire.process.communicate()


@pytest.mark.anyio
@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_three_tools_answer_over_stdio(stdio: StdioServerParameters, era: str) -> None:
    """Each tool, in each protocol era, over a real pipe."""
    async with Client(stdio, mode=era) as client:
        search = await client.call_tool("search_capabilities", {"query": "x"})
        run = await client.call_tool("run_capability", {"id": "echo", "input": [1]})
        mutate = await client.call_tool("mutate_capability", {"task": "x"})
    assert [search.is_error, run.is_error, mutate.is_error] == [False, False, False]
    assert run.structured_content is not None
    assert run.structured_content["output"] == [1]


def test_stdout_carries_only_the_protocol(wire: Wire) -> None:
    """What a capability's host or library prints goes to stderr."""
    answer = wire.ask(wire.call("noisy"))
    assert answer["result"]["structuredContent"]["output"] == "quiet"
    out, err = wire.process.communicate(timeout=60)
    assert out == ""
    assert "not the protocol" in err


def test_end_of_stdin_closes_the_app(wire: Wire, events: Path) -> None:
    """A client that leaves ends the server, with success."""
    wire.ask(wire.call("echo"))
    wire.process.communicate(timeout=60)
    assert wire.process.returncode == 0
    assert (events / "closed").exists()


def test_a_client_that_reads_no_more_is_no_defect(wire: Wire, events: Path) -> None:
    """A client that was killed leaves an answer that cannot be written: the server ends as it does when stdin ends."""
    assert wire.process.stdout is not None
    assert wire.process.stderr is not None
    wire.process.stdout.close()
    wire.send({"id": 2, **wire.call("echo")})
    assert wire.process.wait(timeout=60) == 0
    assert (events / "closed").exists()
    assert "Traceback" not in wire.process.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_closes_the_app(wire: Wire, events: Path, number: signal.Signals) -> None:
    """Told to stop while stdin is open, the server closes the App before it goes."""
    wire.ask(wire.call("echo"))
    wire.process.send_signal(number)
    assert wire.process.wait(timeout=60) == 128 + number
    assert (events / "closed").exists()


def test_end_of_stdin_stops_a_run(wire: Wire, events: Path) -> None:
    """A client that leaves in the middle of a run leaves no guest behind."""
    wire.send({"id": 2, **wire.call("stuck")})
    await_event(events, "started")
    wire.process.communicate(timeout=60)
    assert (events / "stopped").exists()


def test_cancelled_notification_stops_a_run(wire: Wire, events: Path) -> None:
    """`notifications/cancelled` reaches the guest, and the server serves on."""
    wire.send({"id": 2, **wire.call("stuck")})
    await_event(events, "started")
    wire.send({"method": "notifications/cancelled", "params": {"requestId": 2}})
    await_event(events, "stopped")
    assert "result" in wire.ask(wire.call("echo"))


def test_line_that_is_not_json_does_not_end_the_server(wire: Wire) -> None:
    """A broken line is answered or skipped; the next request is served."""
    assert wire.process.stdin is not None
    wire.process.stdin.write("{not json\n")
    answers = [wire.ask({"method": "ping"})]
    if answers[0].get("id") != 1:
        assert wire.process.stdout is not None
        answers.append(json.loads(wire.process.stdout.readline()))
    assert answers[-1]["result"] == {}


@pytest.mark.parametrize(
    "text", ['"\\ud800"', "[" * 3000 + "]" * 3000, "{not: JSON}"], ids=["half a pair", "deep nesting", "not JSON"]
)
@pytest.mark.parametrize("last", [False, True], ids=["id first", "id last"])
def test_call_that_cannot_be_read_is_answered(wire: Wire, text: str, last: bool) -> None:
    """Whoever sent it gets an error under its id, instead of waiting for ever."""
    call = '"method": "tools/call", "params": {"name": "run_capability", "arguments": {"id": "echo", "input": ' + text
    head = '"jsonrpc": "2.0", "id": 7'
    line = f"{{{call}}}}}, {head}}}" if last else f"{{{head}, {call}}}}}}}"
    assert wire.process.stdin is not None
    assert wire.process.stdout is not None
    wire.process.stdin.write(line + "\n")
    wire.send({"id": 1, "method": "ping"})
    answer = json.loads(wire.process.stdout.readline())
    assert (answer["id"], answer["error"]["code"]) == (7, -32700)


@pytest.mark.anyio
async def test_mcp_run_starts_the_server_file(tmp_path: Path) -> None:
    """`mcp run FILE` loads the file by its path, with absolute imports."""
    command = StdioServerParameters(
        command=str(Path(sys.executable).with_name("mcp")),
        args=["run", str(SERVER_FILE)],
        env={**get_default_environment(), "TACIT_DATA": str(tmp_path)},
        cwd=tmp_path,
    )
    with anyio.fail_after(60):
        async with Client(command) as client:
            tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == ["search_capabilities", "run_capability", "mutate_capability"]


def test_server_file_starts_by_itself(tmp_path: Path) -> None:
    """As a plain script, as `mcp install` and `mcp dev` start it in the end."""
    wire = Wire(StdioServerParameters(command=sys.executable, args=[str(SERVER_FILE)]))
    answer = wire.ask({"method": "ping"})
    wire.process.communicate(timeout=60)
    assert answer["result"] == {}
