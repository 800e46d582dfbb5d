"""Clients that are gone in the middle of a call: what stops then, and what stops what goes on."""

from __future__ import annotations

import json
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import httpx2
import pytest
from client_programs import SAMPLE
from sample_service import await_event
from server_process import listening_on

from tacit.web.departures import Departures

Serve = Callable[..., str]
ACCEPT = {"Accept": "application/json, text/event-stream"}
CALLER = """
import sys
import anyio
from mcp import Client
from mcp.client.sse import sse_client

async def main(address, kind):
    to = sse_client(f"{address}/sse") if kind == "sse" else f"{address}/mcp"
    async with Client(to, mode="legacy" if kind == "sse" else kind) as client:
        await client.call_tool("run_capability", {"id": "stuck"})

anyio.run(main, *sys.argv[1:])
"""


def call_and_die(address: str, kind: str, events: Path) -> None:
    """Have a client of its own process call what never ends, and kill it in the middle of that."""
    caller = subprocess.Popen([sys.executable, "-c", CALLER, address, kind])
    try:
        await_event(events, "started")
    finally:
        caller.send_signal(signal.SIGKILL)
        caller.wait(timeout=60)


@pytest.mark.parametrize("kind", ["auto", "sse"])
def test_a_connection_that_is_lost_stops_its_calls(serve_http: Serve, events: Path, kind: str) -> None:
    """With the protocol of today, and over SSE."""
    call_and_die(serve_http(), kind, events)
    await_event(events, "stopped")


@pytest.mark.parametrize("ended_by", ["cancelled", "delete"])
def test_earlier_protocols_go_on_until_they_are_told(serve_http: Serve, events: Path, ended_by: str) -> None:
    """There a lost connection is no cancellation; a notification is, and so is the end of the session."""
    address = f"{serve_http()}/mcp"
    client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    opened = httpx2.post(address, json=message("initialize", 1, client), headers=ACCEPT, timeout=60)
    headers = ACCEPT | {"Mcp-Session-Id": opened.headers["mcp-session-id"]}
    call = message("tools/call", 2, {"name": "run_capability", "arguments": {"id": "stuck"}})
    with httpx2.stream("POST", address, json=call, headers=headers, timeout=60):
        await_event(events, "started")
    assert httpx2.post(address, json=message("ping", 3), headers=headers, timeout=60).status_code == 200
    assert not (events / "stopped").exists()
    if ended_by == "delete":
        httpx2.delete(address, headers=headers, timeout=60)
    else:
        httpx2.post(
            address, json=message("notifications/cancelled", None, {"requestId": 2}), headers=headers, timeout=60
        )
    await_event(events, "stopped")


def message(method: str, number: int | None, params: dict[str, object] | None = None) -> dict[str, object]:
    """Return a request, or a notification where it has no number."""
    identified = {} if number is None else {"id": number}
    return {"jsonrpc": "2.0", "method": method, **identified, "params": params or {}}


Log = Callable[[], str]
CALL = message("tools/call", 1, {"name": "run_capability", "arguments": {"id": "echo"}})
MODERN = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "run_capability"}


@pytest.fixture
def logged(events: Path) -> Iterator[tuple[int, Log]]:
    """The port of a sample server, and a function that ends it and returns what it logged."""
    process = subprocess.Popen([sys.executable, str(SAMPLE), str(events), "http"], stderr=subprocess.PIPE, text=True)

    def log() -> str:
        process.terminate()
        return process.communicate(timeout=60)[1]

    yield int(listening_on(process).rpartition(":")[2]), log
    process.kill()
    process.communicate()


def connect(port: int, request: bytes) -> socket.socket:
    """Return a connection that has sent so much of a request."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.sendall(request)
    return connection


def post(port: int, path: str, asked: dict[str, object], headers: dict[str, str] | None = None) -> bytes:
    """Return a whole request."""
    body = json.dumps(asked)
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}"]
    lines += [
        f"{name}: {value}" for name, value in {"Content-Type": "application/json", **ACCEPT, **(headers or {})}.items()
    ]
    return "\r\n".join([*lines, "", body]).encode()


def reset(connection: socket.socket) -> None:
    """Leave as a client does that crashes with unread data."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def half_close(connection: socket.socket) -> None:
    """Say no more, and read on until the server ends the connection."""
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(1 << 16):
        pass
    connection.close()


LEAVING = [reset, socket.socket.close, half_close]


def served(port: int) -> bool:
    """Whether the server goes on; it has by then seen what came before on other connections."""
    return httpx2.get(f"http://127.0.0.1:{port}/healthz", timeout=60).status_code == 200


@pytest.mark.parametrize("leave", LEAVING, ids=["reset", "closed", "half-closed"])
@pytest.mark.parametrize("headers", [{}, MODERN], ids=["handshake", "modern"])
def test_a_client_that_leaves_within_its_request_is_no_defect(
    logged: tuple[int, Log], leave: Callable[[socket.socket], None], headers: dict[str, str]
) -> None:
    """The log has nothing of it, on either path, also where nothing of the body has come."""
    port, log = logged
    for path in ("/mcp", "/messages/?session_id=00000000000000000000000000000000"):
        whole = post(port, path, CALL, headers)
        for part in (whole[:-1], whole[: -len(json.dumps(CALL))]):
            leave(connect(port, part))
    assert served(port)
    found = log()
    assert "Traceback" not in found
    assert "ERROR" not in found


@pytest.mark.parametrize("leave", LEAVING, ids=["reset", "closed", "half-closed"])
@pytest.mark.parametrize("capability", ["echo", "stuck"])
def test_a_client_that_leaves_within_its_call_is_no_defect(
    logged: tuple[int, Log], events: Path, leave: Callable[[socket.socket], None], capability: str
) -> None:
    """Of today's protocol, whose calls end with their connections."""
    port, log = logged
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    params = {"name": "run_capability", "arguments": {"id": capability}, "_meta": meta}
    connection = connect(port, post(port, "/mcp", message("tools/call", 1, params), MODERN))
    if capability == "stuck":
        await_event(events, "started")
    leave(connection)
    assert served(port)
    assert log() == ""


@pytest.mark.parametrize("leave", LEAVING[:2], ids=["reset", "closed"])
def test_a_message_to_a_session_whose_client_left_is_no_defect(
    logged: tuple[int, Log], leave: Callable[[socket.socket], None]
) -> None:
    """It comes while the session is being ended, or is answered that there is none."""
    port, log = logged
    for _ in range(8):
        stream = connect(port, f"GET /sse HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        said = b""
        while b"session_id=" not in said or not said.endswith(b"\r\n\r\n"):
            said += stream.recv(1 << 16)
        path = said.partition(b"data: ")[2].split()[0].decode()
        leave(stream)
        answering = connect(port, post(port, path, CALL))
        assert answering.recv(1 << 16)
        answering.close()
    assert served(port)
    assert "Traceback" not in log()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "error"), [("/mcp", anyio.ClosedResourceError()), ("/messages/", RuntimeError()), ("/mcp", OSError())]
)
async def test_a_defect_is_raised_still(path: str, error: Exception) -> None:
    """Only what a client that left leads to is kept from the log."""

    async def app(*_: object) -> None:
        raise error

    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    async def send(_: object) -> None:
        pass

    with pytest.raises(type(error)):
        await Departures(app, "/messages/")({"type": "http", "path": path}, receive, send)
