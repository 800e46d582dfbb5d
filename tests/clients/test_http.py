"""The server over HTTP: transports, tokens, `Host` and `Origin`, limits, and where it may listen."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread
import httpx2
import pytest
from client_programs import SAMPLE
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from sample_service import await_event
from server_process import listening_on

import tacit
from tacit.config import Settings
from tacit.errors import InvalidSettings
from tacit.tools.server import TacitServer
from tacit.web.access import check_exposure
from tacit.web.serving import serve

TOKEN = "a-long-random-token"
ENDPOINTS = [
    ("POST", "/mcp"),
    ("GET", "/mcp"),
    ("DELETE", "/mcp"),
    ("GET", "/sse"),
    ("POST", "/messages/?session_id=0"),
]
Serve = Callable[..., str]


@pytest.mark.anyio
@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_three_tools_answer_over_streamable_http(serve_http: Serve, era: str) -> None:
    """Each tool, in each protocol era, at /mcp."""
    async with Client(f"{serve_http()}/mcp", mode=era) as client:
        search = await client.call_tool("search_capabilities", {"query": "x"})
        run = await client.call_tool("run_capability", {"id": "echo", "input": [1]})
        mutate = await client.call_tool("mutate_capability", {"task": "x"})
    assert [search.is_error, run.is_error, mutate.is_error] == [False, False, False]
    assert run.structured_content is not None
    assert run.structured_content["output"] == [1]


@pytest.mark.anyio
async def test_three_tools_answer_over_sse(serve_http: Serve) -> None:
    """Each tool at /sse, which only the handshake era has."""
    async with Client(sse_client(f"{serve_http()}/sse"), mode="legacy") as client:
        search = await client.call_tool("search_capabilities", {"query": "x"})
        run = await client.call_tool("run_capability", {"id": "echo", "input": [1]})
        mutate = await client.call_tool("mutate_capability", {"task": "x"})
    assert [search.is_error, run.is_error, mutate.is_error] == [False, False, False]


def posted(address: str, path: str, message: str, **headers: str) -> httpx2.Response:
    """Post a message as it is written."""
    accepted = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    return httpx2.post(f"{address}{path}", content=message, headers={**accepted, **headers}, timeout=10)


def echoing(text: str, meta: str = "") -> str:
    """Return a call that has a JSON text echoed."""
    arguments = f'{{"id": "echo", "input": {text}}}'
    params = f'{{"name": "run_capability", "arguments": {arguments}{meta}}}'
    return f'{{"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {params}}}'


HANDSHAKE = (
    '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", '
    '"capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}'
)
MODERN = (
    ', "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", '
    '"io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"}, '
    '"io.modelcontextprotocol/clientCapabilities": {}}'
)


@pytest.mark.parametrize("era", ["handshake", "modern"])
def test_a_number_that_would_lose_digits_is_refused(serve_http: Serve, era: str) -> None:
    """As over stdio: the SDK would hand over another one."""
    address = serve_http()
    if era == "modern":
        headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "run_capability"}
    else:
        session = posted(address, "/mcp", HANDSHAKE).headers["mcp-session-id"]
        headers = {"Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-11-25"}
    meta = MODERN if era == "modern" else ""
    refused = posted(address, "/mcp", echoing('{"a": 0.1234567890123456789}', meta), **headers).text
    assert "too_many_digits" in refused
    assert "$.input.a" in refused
    kept = posted(address, "/mcp", echoing('{"a": 12345678901234567890123}', meta), **headers).text
    assert '"a":12345678901234567890123' in kept


@pytest.mark.anyio
async def test_token_opens_every_transport(serve_http: Serve) -> None:
    """With the right token, both transports serve as without tokens."""
    address = serve_http("another-token", TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        create_mcp_http_client(headers=headers) as http,
        Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client,
    ):
        assert not (await client.call_tool("run_capability", {"id": "echo"})).is_error
    async with Client(sse_client(f"{address}/sse", headers=headers), mode="legacy") as client:
        assert not (await client.call_tool("run_capability", {"id": "echo"})).is_error


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"])
def test_wrong_token_is_refused_everywhere(serve_http: Serve, header: str | None) -> None:
    """401 with WWW-Authenticate, the same on each endpoint."""
    address = serve_http(TOKEN)
    headers = {"Authorization": header} if header is not None else {}
    for method, path in ENDPOINTS:
        answer = httpx2.request(method, address + path, headers=headers, timeout=60)
        assert (method, path, answer.status_code) == (method, path, 401)
        assert answer.headers["www-authenticate"] == 'Bearer realm="tacit"'
        assert answer.json()["error"]["code"] == "unauthorized"


def test_session_belongs_to_its_token(serve_http: Serve) -> None:
    """Another token cannot use a session that it knows the id of."""
    address = serve_http(TOKEN, "another-token")
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    headers = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {TOKEN}"}
    opened = httpx2.post(f"{address}/mcp", json=body, headers=headers, timeout=60)
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    headers["Mcp-Session-Id"] = opened.headers["mcp-session-id"]
    own = httpx2.post(f"{address}/mcp", json=ping, headers=headers, timeout=60)
    other = httpx2.post(
        f"{address}/mcp", json=ping, headers=headers | {"Authorization": "Bearer another-token"}, timeout=60
    )
    assert (own.status_code, other.status_code) == (200, 404)


def test_health_needs_no_token(serve_http: Serve) -> None:
    """Status and version, and nothing that a token protects."""
    answer = httpx2.get(f"{serve_http(TOKEN)}/healthz", timeout=60)
    assert answer.json() == {"status": "ok", "version": tacit.__version__}


@pytest.mark.parametrize("path", ["/mcp", "/sse", "/healthz"])
def test_foreign_host_is_refused(serve_http: Serve, path: str) -> None:
    """A rebound DNS name reaches this port with its own name in `Host`."""
    assert httpx2.get(serve_http() + path, headers={"Host": "evil.example.com"}, timeout=60).status_code == 421


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:evil.example",
        "localhost:80.evil.example",
        "127.0.0.1:",
        "localhost:*",
        "localhost:8_0",
        "[::1]:x",
        "",
    ],
)
def test_a_host_that_only_begins_like_ours_is_refused(serve_http: Serve, host: str) -> None:
    """Headers are parsed before they are compared."""
    address = serve_http()
    assert httpx2.get(f"{address}/healthz", headers={"Host": host}, timeout=60).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9", "LOCALHOST", "[::1]:8765"])
def test_names_of_this_machine_are_served(serve_http: Serve, host: str) -> None:
    """With any port, in any case."""
    assert httpx2.get(f"{serve_http()}/healthz", headers={"Host": host}, timeout=60).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:3000", 200),
        ("http://localhost:evil.example", 403),
        ("http://127.0.0.1:80@evil.example", 403),
        ("http://127.0.0.1:*", 403),
        ("https://localhost", 403),
        ("localhost", 403),
        ("null", 403),
    ],
)
def test_an_origin_is_parsed_before_it_is_compared(serve_http: Serve, origin: str, status: int) -> None:
    """What only begins like an accepted one is refused."""
    assert httpx2.get(f"{serve_http()}/healthz", headers={"Origin": origin}, timeout=60).status_code == status


@pytest.mark.parametrize("path", ["/mcp", "/sse", "/healthz"])
def test_foreign_origin_is_refused(serve_http: Serve, path: str) -> None:
    """A web page from elsewhere says so in `Origin`."""
    assert (
        httpx2.get(serve_http() + path, headers={"Origin": "https://evil.example.com"}, timeout=60).status_code == 403
    )


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://app.example.com", True),
        ("https://app.example.com:8443", True),
        ("https://app.example.com.evil.example", False),
        ("https://appxexample.com", False),
        ("https://app.example.com:443.evil.example", False),
        ("https://app.example.com:", False),
        ("http://localhost", False),
    ],
)
def test_pages_of_allowed_origins_may_call(
    serve_http: Serve, monkeypatch: pytest.MonkeyPatch, origin: str, allowed: bool
) -> None:
    """A browser asks first, without the token, and then reads what is answered, a refusal too."""
    monkeypatch.setenv("TACIT_ALLOWED_ORIGINS", '["https://app.example.com"]')
    address = serve_http(TOKEN)
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,mcp-session-id"}
    answers = [
        httpx2.options(f"{address}/mcp", headers={"Origin": origin, **asked}, timeout=60),
        httpx2.post(f"{address}/mcp", headers={"Origin": origin}, json={}, timeout=60),
    ]
    expected = origin if allowed else None
    assert [answer.headers.get("access-control-allow-origin") for answer in answers] == [expected, expected]
    assert answers[0].is_success == allowed
    assert not answers[1].is_success


@pytest.mark.parametrize("path", ["/mcp", "/messages/?session_id=00000000000000000000000000000000"])
def test_body_over_the_limit_is_refused(serve_http: Serve, path: str) -> None:
    """413, before anything is parsed."""
    body = b"[" + b" " * (10 << 20) + b"]"
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    assert httpx2.post(serve_http() + path, content=body, headers=headers, timeout=60).status_code == 413


def test_unknown_path_is_not_found(serve_http: Serve) -> None:
    """Nothing else is served."""
    assert httpx2.get(f"{serve_http()}/nothing", timeout=60).status_code == 404


def start(events: Path) -> subprocess.Popen[str]:
    """Return a sample HTTP server, which the test ends itself."""
    return subprocess.Popen([sys.executable, str(SAMPLE), str(events), "http"], stderr=subprocess.PIPE, text=True)


def test_signal_ends_open_streams_and_closes_the_app(events: Path) -> None:
    """SIGTERM with a client connected: the App is closed, no traceback is logged."""
    process = start(events)
    with httpx2.stream("GET", f"{listening_on(process)}/sse", timeout=60) as stream:
        assert stream.status_code == 200
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM
    assert (events / "closed").exists()
    assert "Traceback" not in log


@pytest.mark.anyio
@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_signal_ends_runs_and_their_callers_hear_of_it(events: Path, era: str) -> None:
    """Nobody is left to wait for an answer that does not come, and no response is cut off."""
    process = start(events)

    async def stop() -> None:
        await anyio.to_thread.run_sync(await_event, events, "started")
        process.send_signal(signal.SIGTERM)

    with anyio.fail_after(60):
        async with Client(f"{listening_on(process)}/mcp", mode=era) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(stop)
            answer = await client.call_tool("run_capability", {"id": "stuck"})
    assert answer.content[0].text.startswith("cancelled")
    _, log = process.communicate(timeout=60)
    assert (process.returncode, log) == (-signal.SIGTERM, "")


def test_port_in_use_is_one_sentence(server: TacitServer) -> None:
    """The message names the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidSettings, match=rf"^Port {port} on 127\.0\.0\.1 is in use\."):
            serve(server, Settings.load(port=port))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "TACIT_TOKENS and TACIT_ALLOWED_HOSTS are not set"),
        ({"tokens": (TOKEN,)}, "TACIT_ALLOWED_HOSTS is not set"),
        ({"allowed_hosts": ("tacit.example.com",)}, "TACIT_TOKENS is not set"),
    ],
)
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "tacit.example.com"])
def test_unguarded_exposure_is_refused(server: TacitServer, host: str, given: dict[str, object], named: str) -> None:
    """Off loopback the server starts with tokens and allowed hosts only."""
    with pytest.raises(InvalidSettings, match=named):
        serve(server, Settings.load(host=host, port=0, **given))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])
def test_loopback_needs_no_guard(host: str) -> None:
    """Only this machine gets there."""
    check_exposure(Settings.load(host=host))


@pytest.mark.parametrize("token", ["", "  ", "clé"])
def test_unusable_token_is_refused(server: TacitServer, token: str) -> None:
    """An empty token would let in whoever sends none."""
    with pytest.raises(InvalidSettings, match="empty or not ASCII"):
        serve(server, Settings.load(port=0, tokens=(token,)))
