"""The server as a program on stdio: what clients start."""

from __future__ import annotations

import json
import shlex
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

    def end_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.stdin = None

    def echo(self, text: str) -> dict[str, Any]:
        """Have a JSON text echoed, its digits as they are, and return the result."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        arguments = f'{{"id": "echo", "input": {text}}}'
        call = f'"method": "tools/call", "params": {{"name": "run_capability", "arguments": {arguments}}}'
        self.process.stdin.write(f'{{"jsonrpc": "2.0", "id": 2, {call}}}\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())["result"]

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


def test_a_client_that_is_gone_stops_a_run(wire: Wire, events: Path) -> None:
    """A client that leaves in the middle of a run, and so reads no more either, leaves no guest behind."""
    wire.send({"id": 2, **wire.call("stuck")})
    await_event(events, "started")
    wire.end_input()
    assert wire.process.stdout is not None
    wire.process.stdout.close()
    assert wire.process.wait(timeout=60) == 0
    assert (events / "stopped").exists()


def test_a_signal_stops_what_goes_on_after_the_end_of_stdin(wire: Wire, events: Path) -> None:
    """A client that closed stdin and lost its patience has the run under way stopped."""
    wire.send({"id": 2, **wire.call("stuck")})
    await_event(events, "started")
    wire.end_input()
    with pytest.raises(subprocess.TimeoutExpired):
        wire.process.wait(timeout=1)
    wire.process.terminate()
    assert wire.process.wait(timeout=60) == 128 + signal.SIGTERM
    assert (events / "stopped").exists()


HANDSHAKE = [{"id": 0, **INITIALIZE}, {"method": "notifications/initialized"}]
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


def call(number: int, name: str, meta: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    """Return a call of a tool, in the protocol of today where it has its `_meta`."""
    params = {"name": name, "arguments": arguments, **({"_meta": meta} if meta else {})}
    return {"id": number, "method": "tools/call", "params": params}


def piped(stdio: StdioServerParameters, given: str) -> dict[int, dict[str, Any]]:
    """Return what a server answers, by id, to what is piped in with the end of stdin right behind it."""
    done = subprocess.run(
        [stdio.command, *stdio.args], input=given, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return {message["id"]: message for message in map(json.loads, done.stdout.splitlines()) if "id" in message}


def lines(*messages: dict[str, Any]) -> str:
    """Return messages as a client writes them."""
    return "".join(json.dumps({"jsonrpc": "2.0", **message}) + "\n" for message in messages)


@pytest.mark.parametrize(("lead", "meta"), [(HANDSHAKE, None), ([], ENVELOPE)], ids=["handshake", "modern"])
def test_calls_right_before_the_end_of_stdin_are_answered(
    stdio: StdioServerParameters, lead: list[dict[str, Any]], meta: dict[str, Any] | None
) -> None:
    """Each of many, with its own result; the App is still opening when stdin ends."""
    runs = [call(number, "run_capability", meta, id="echo", input=number) for number in range(1, 60)]
    answers = piped(stdio, lines(*lead, call(60, "search_capabilities", meta, query="x"), *runs))
    assert [answers[number]["result"]["structuredContent"]["output"] for number in range(1, 60)] == [*range(1, 60)]
    assert answers[60]["result"]["structuredContent"]["hits"]


@pytest.mark.parametrize(
    "last",
    [
        '{"jsonrpc": "2.0"',
        "{not json\n\n",
        '[{"jsonrpc": "2.0", "id": 8, "method": "ping"}]\n',
        '{"jsonrpc": "2.0", "method": "notifications/initialized"}\n',
        '{"jsonrpc": "2.0", "id": 1, "result": {}}\n',
    ],
    ids=["cut off", "garbage", "a batch", "a notification", "an answer to nothing"],
)
def test_whatever_ends_stdin_the_call_before_is_answered(stdio: StdioServerParameters, last: str) -> None:
    """The server answers what it can, and ends."""
    answers = piped(stdio, lines(*HANDSHAKE, call(1, "run_capability", id="echo", input="x")) + last)
    assert answers[1]["result"]["structuredContent"]["output"] == "x"


def test_the_last_line_is_a_call_without_its_end(stdio: StdioServerParameters) -> None:
    """As `printf` writes it."""
    given = lines(*HANDSHAKE, call(1, "run_capability", id="echo", input="x")).removesuffix("\n")
    assert piped(stdio, given)[1]["result"]["structuredContent"]["output"] == "x"


def test_a_cancelled_call_does_not_keep_the_server(stdio: StdioServerParameters) -> None:
    """It is never answered; the others are, a subscription by its end."""
    listen = {"id": 3, "method": "subscriptions/listen", "params": {"notifications": {}, "_meta": ENVELOPE}}
    cancel = {"method": "notifications/cancelled", "params": {"requestId": 1}}
    stuck, echo = (call(number, "run_capability", ENVELOPE, id=name) for number, name in ((1, "stuck"), (2, "echo")))
    answers = piped(stdio, lines(stuck, listen, cancel, echo))
    assert set(answers) == {2, 3}
    assert "result" in answers[2]


def test_a_build_is_waited_for_by_whoever_cannot_ask_again(stdio: StdioServerParameters) -> None:
    """The answer is what it comes to, not that it goes on."""
    build = call(1, "mutate_capability", id="slow_one", source="slow", task="x")
    answer = piped(stdio, lines(*HANDSHAKE, build))[1]["result"]["structuredContent"]
    assert (answer["status"], answer["id"]) == ("registered", "slow_one")


def test_a_build_is_answered_at_once_where_its_job_can_be_asked_for(wire: Wire) -> None:
    """While stdin is open."""
    answer = wire.ask(call(1, "mutate_capability", id="slow_one", source="slow", task="x"))
    assert answer["result"]["structuredContent"]["status"] == "building"


@pytest.mark.parametrize(("stdin", "stdout"), [("file", "pipe"), ("file", "file"), ("pipe", "file")])
def test_files_are_as_good_as_pipes(stdio: StdioServerParameters, tmp_path: Path, stdin: str, stdout: str) -> None:
    """Calls that are kept in a file, and answers that are written to one."""
    given, taken = tmp_path / "calls", tmp_path / "answers"
    given.write_text(lines(*HANDSHAKE, *(call(number, "run_capability", id="echo") for number in range(1, 9))))
    command = shlex.join([stdio.command, *stdio.args])
    before, after = ("", f" < {given}") if stdin == "file" else (f"cat {given} | ", "")
    line = f"{before}{command}{after} > {taken}" if stdout == "file" else f"{before}{command}{after} | cat > {taken}"
    subprocess.run(["/bin/sh", "-c", line], timeout=60, check=True)
    answered = [json.loads(each)["id"] for each in taken.read_text().splitlines()]
    assert sorted(answered) == [*range(9)]


def test_nobody_reads_what_a_file_asked(stdio: StdioServerParameters, events: Path, tmp_path: Path) -> None:
    """A server that reads a file, and whose reader is gone, stops what it is at."""
    (tmp_path / "calls").write_text(lines(*HANDSHAKE, call(1, "run_capability", id="stuck")))
    with (tmp_path / "calls").open() as given:
        process = subprocess.Popen([stdio.command, *stdio.args], stdin=given, stdout=subprocess.PIPE)
    await_event(events, "started")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 0
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


def test_a_number_that_would_lose_digits_is_refused(wire: Wire) -> None:
    """The SDK would hand over another one; what the client wrote is looked at before."""
    refused = wire.echo("[1, 0.1234567890123456789]")
    assert refused["isError"]
    error = refused["_meta"]["tacit/error"]
    assert error["code"] == "too_many_digits"
    assert error["details"] == {"path": "$.input[1]", "written": "0.1234567890123456789"}
    assert wire.echo("0.10000000000000001")["structuredContent"]["output"] == 0.1


def test_whole_numbers_of_any_size_are_kept_both_ways(wire: Wire) -> None:
    """In the structured content as in the text."""
    large = 12345678901234567890123
    answer = wire.echo(str(large))
    assert answer["structuredContent"]["output"] == large
    assert answer["content"][0]["text"] == str(large)
