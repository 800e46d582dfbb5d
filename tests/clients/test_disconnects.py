"""Clients that are gone in the middle of a call: what stops then, and what stops what goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from sample_service import await_event

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
