"""Reading and writing pipes on the event loop."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from mcp.shared.message import SessionMessage
from mcp_types import CONNECTION_CLOSED, JSONRPCError, JSONRPCRequest, JSONRPCResponse

from tacit.tools.last_calls import CountedAnswers, LastCalls
from tacit.tools.standard_streams import LineReader, LineWriter, standard_pipes
from tacit.tools.unread_lines import ReadableMessages

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The backend that servers run on."""
    return "asyncio"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The reading and the writing end of a pipe; either may be closed by the test."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


async def test_lines_come_whole_however_they_were_written(pipe: tuple[int, int]) -> None:
    """Lines cut anywhere, even within a character, and several at once are read one by one."""
    reader = LineReader(pipe[0])
    first, second = "é".encode()
    os.write(pipe[1], b"one\ntw")
    got = [await anext(reader)]
    os.write(pipe[1], bytes([ord("o"), first]))
    os.write(pipe[1], bytes([second]) + b"\nthree\n")
    got += [await anext(reader), await anext(reader)]
    assert got == ["one\n", "twoé\n", "three\n"]


async def test_the_last_line_needs_no_end(pipe: tuple[int, int]) -> None:
    """What stands before the end of the stream is a line as well."""
    os.write(pipe[1], b"a\nb")
    os.close(pipe[1])
    assert [line async for line in LineReader(pipe[0])] == ["a\n", "b"]


async def test_bytes_that_are_no_text_do_not_end_the_stream(pipe: tuple[int, int]) -> None:
    """A line that is not UTF-8 is read with replacement characters, and the next one after it."""
    os.write(pipe[1], b"\xff\xfe\nb\n")
    reader = LineReader(pipe[0])
    assert [await anext(reader), await anext(reader)] == ["\ufffd\ufffd\n", "b\n"]


async def test_a_reader_that_waits_can_be_cancelled(pipe: tuple[int, int]) -> None:
    """Waiting for a line ends with its cancel scope."""
    with anyio.move_on_after(0.01) as scope:
        await anext(LineReader(pipe[0]))
    assert scope.cancelled_caught


async def test_a_reader_that_lags_does_not_hold_up_the_loop(pipe: tuple[int, int]) -> None:
    """A megabyte for somebody who reads late is written in full while other tasks go on."""
    text = "x" * (1 << 20)
    got = bytearray()

    async def read_late() -> None:
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        while len(got) < len(text):
            await anyio.wait_readable(pipe[0])
            got.extend(os.read(pipe[0], 1 << 16))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read_late)
        await LineWriter(pipe[1]).write(text)
    assert got == text.encode()


async def test_a_non_blocking_socket_takes_and_gives_all() -> None:
    """A megabyte goes through a non-blocking pair of sockets, as some clients give to their servers."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        text = "x" * (1 << 20) + "\n"
        got: list[str] = []

        async def read() -> None:
            got.append(await anext(LineReader(theirs.fileno())))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await LineWriter(ours.fileno()).write(text)
    assert got == [text]


async def test_nobody_reads_any_more(pipe: tuple[int, int]) -> None:
    """Writing to a pipe without a reader raises what anyio's streams raise."""
    os.close(pipe[0])
    with pytest.raises(anyio.BrokenResourceError):
        await LineWriter(pipe[1]).write("x")


async def test_a_writer_knows_whether_it_is_read(pipe: tuple[int, int]) -> None:
    """Without writing."""
    writer = LineWriter(pipe[1])
    assert writer.is_read()
    os.close(pipe[0])
    assert not writer.is_read()


async def test_a_client_that_says_no_more_is_asked_nothing() -> None:
    """What a call asks of it after its last message, or asked before, is answered with an error in its place."""
    incoming, outgoing = (anyio.create_memory_object_stream[SessionMessage](9) for _ in range(2))
    calls = LastCalls(gone=lambda: False)
    messages, answers = ReadableMessages(incoming[1], outgoing[0], calls), CountedAnswers(outgoing[0], calls)
    await incoming[0].send(SessionMessage(JSONRPCRequest(jsonrpc="2.0", id=1, method="tools/call")))
    incoming[0].close()
    await messages.receive()
    for asked in (5, 6):
        await answers.send(SessionMessage(JSONRPCRequest(jsonrpc="2.0", id=asked, method="elicitation/create")))
        said = (await messages.receive()).message
        assert isinstance(said, JSONRPCError)
        assert (said.id, said.error.code) == (asked, CONNECTION_CLOSED)
    await answers.send(SessionMessage(JSONRPCResponse(jsonrpc="2.0", id=1, result={})))
    with pytest.raises(anyio.EndOfStream):
        await messages.receive()
    for stream in (*incoming, *outgoing):
        stream.close()


PRINTS = """
import os, sys
from tacit.tools.standard_streams import standard_pipes
with standard_pipes() as (reader, writer):
    assert reader is not None
    print("stray", flush=True)
    os.system("echo stray child")
    assert sys.stdin.read() == ""
print("after")
"""


def test_only_the_protocol_reaches_stdout() -> None:
    """Meanwhile what this process and its children print goes to stderr, and stdin is empty."""
    done = subprocess.run([sys.executable, "-c", PRINTS], input="x", capture_output=True, text=True, check=True)
    assert done.stdout == "after\n"
    assert done.stderr == "stray\nstray child\n"


def test_files_are_left_to_the_sdk(tmp_path: Path) -> None:
    """A server whose stdin is a file, which no event loop can wait for, answers what the file asks."""
    ask = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    (tmp_path / "in").write_text(json.dumps(ask) + "\n")
    with (tmp_path / "in").open() as stdin:
        command = [sys.executable, "-m", "tacit.cli", "serve", "--data", str(tmp_path / "data")]
        done = subprocess.run(command, stdin=stdin, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout.splitlines()[0])["result"]["serverInfo"]["name"] == "tacit"


def test_streams_that_are_no_pipes_are_not_taken(tmp_path: Path) -> None:
    """Where both are files, nothing is taken."""
    with (tmp_path / "in").open("w+") as file:
        saved = [os.dup(number) for number in (0, 1)]
        for number in (0, 1):
            os.dup2(file.fileno(), number)
        try:
            with standard_pipes() as taken:
                assert taken == (None, None)
        finally:
            for number, descriptor in enumerate(saved):
                os.dup2(descriptor, number)
                os.close(descriptor)
