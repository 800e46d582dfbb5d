"""Fetching for guests: what is allowed, what is refused, and that no server can hold or flood a run."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest
from world_site import Site

from tacit.config import Limits
from tacit.errors import PermissionDenied, RunCancelled
from tacit.models import Permissions
from tacit.sandbox.cancellation import Cancellation
from tacit.sandbox.fetch import connect
from tacit.sandbox.grants import Allowance
from tacit.sandbox.http import HttpGateway
from tacit.sandbox.world import FailureCode, HostFailure

PUBLIC = "93.184.216.34"
LIMITS = Limits(http_bytes=20_000, http_seconds=20)


def _allow(*hosts: str) -> Allowance:
    both = Permissions(http=hosts)
    return Allowance(both, both)


def _pointed(site: Site, **names: list[str]) -> HttpGateway:
    """A gateway whose resolver knows these names (`_` for `.`) and whose public addresses all lead to the site."""
    known = {name.replace("_", "."): addresses for name, addresses in names.items()}

    def to_site(address: str, port: int, seconds: float, opened: Callable[[socket.socket], None]) -> socket.socket:
        assert address == PUBLIC
        return connect("127.0.0.1", site.port, seconds, opened)

    return HttpGateway(LIMITS, resolver=lambda host, _: known[host], connector=to_site)


def _failure(gateway: HttpGateway, url: str, allowance: Allowance) -> HostFailure:
    with pytest.raises(HostFailure) as caught:
        gateway.get(url, allowance)
    return caught.value


def test_a_host_granted_by_name_may_be_local(site: Site) -> None:
    """`localhost:port`, granted exactly, is fetched through the real resolver."""
    site.answers("/a?b=c", b"hello")
    name = f"localhost:{site.port}"
    assert HttpGateway(LIMITS).get(f"http://{name}/a?b=c", _allow(name)) == b"hello"
    assert site.seen == [(name, "/a?b=c")]


def test_a_wildcard_reaches_public_addresses(site: Site) -> None:
    """A name under a granted suffix is fetched at the public address that it resolves to."""
    site.answers("/", b"hello")
    assert _pointed(site, api_test=[PUBLIC]).get("http://api.test", _allow("*.test")) == b"hello"
    assert site.seen == [("api.test", "/")]


def test_what_is_sent_is_fixed(site: Site) -> None:
    """A fetch sends no cookies, no credentials, no referrer, and says that it is Tacit."""
    site.answers("/", b"", Set_Cookie="a=b")
    gateway, allowance = _pointed(site, api_test=[PUBLIC]), _allow("*.test")
    for _ in range(2):
        gateway.get("http://api.test/", allowance)
    assert site.headers == {
        "Host": "api.test",
        "User-Agent": "tacit",
        "Accept": "*/*",
        "Accept-Encoding": "gzip",
        "Connection": "close",
    }


def test_no_proxy_is_taken_from_the_environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment is ignored."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    site.answers("/", b"hello")
    assert _pointed(site, api_test=[PUBLIC]).get("http://api.test/", _allow("*.test")) == b"hello"


def test_a_host_that_is_not_granted_is_not_even_resolved() -> None:
    """Resolving a name could itself carry data out."""
    asked: list[str] = []
    gateway = HttpGateway(LIMITS, resolver=lambda host, _: asked.append(host) or [])
    with pytest.raises(PermissionDenied) as caught:
        gateway.get("http://data.evil.com/", _allow("*.test"))
    assert caught.value.details["reason"] == "not_in_manifest"
    assert asked == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "169.254.169.254",
        "192.168.0.1",
        "100.64.0.1",
        "0x7f.1",
        "2130706433",
        "017700000001",
        "127.1",
        "[::1]",
        "[::]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::169.254.169.254]",
        "[2002:7f00:1::]",
        "\u2460\u2461\u2466.0.0.1",
    ],
)
def test_a_literal_private_address_is_refused(site: Site, host: str) -> None:
    """However an address that is not public is written, a wildcard grant does not reach it."""
    with pytest.raises(PermissionDenied) as caught:
        HttpGateway(LIMITS).get(f"http://{host}:{site.port}/", _allow(f"*:{site.port}"))
    assert caught.value.details["reason"] == "private_address"
    assert site.seen == []


def test_a_name_that_leads_to_loopback_is_refused_with_the_grant_that_would_help(site: Site) -> None:
    """A granted wildcard does not reach a private address; the denial says that it takes the exact name."""
    gateway = HttpGateway(LIMITS, resolver=lambda *_: ["127.0.0.1"])
    with pytest.raises(PermissionDenied) as caught:
        gateway.get(f"http://evil.test:{site.port}/", _allow(f"*.test:{site.port}"))
    assert caught.value.details["grant"] == {"http": [f"evil.test:{site.port}"]}
    assert "exact name" in caught.value.hint
    assert site.seen == []


@pytest.mark.parametrize("addresses", [[PUBLIC, "127.0.0.1"], ["::1", PUBLIC], [PUBLIC, "169.254.169.254"]])
def test_one_private_address_among_public_ones_is_enough_to_refuse(site: Site, addresses: list[str]) -> None:
    """All addresses of a name are checked, not only the one that would be used."""
    with pytest.raises(PermissionDenied):
        _pointed(site, mixed_test=addresses).get("http://mixed.test/", _allow("*.test"))
    assert site.seen == []


def test_a_name_that_changes_its_address_gains_nothing(site: Site) -> None:
    """A resolver that answers loopback the second time is asked once; the checked address is the one connected to."""
    answers = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])
    connected: list[str] = []

    def refuse(address: str, port: int, seconds: float, opened: Callable[[socket.socket], None]) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError(111, "refused")

    gateway = HttpGateway(LIMITS, resolver=lambda *_: next(answers), connector=refuse)
    _failure(gateway, f"http://rebind.test:{site.port}/", _allow(f"*.test:{site.port}"))
    assert connected == [PUBLIC]
    assert next(answers) == ["127.0.0.1"]


def test_a_redirect_is_followed(site: Site) -> None:
    """A relative redirect, and one to another granted host, lead to the body."""
    site.answers("/", status=302, Location="/next")
    site.answers("/next", status=301, Location="http://other.test/last")
    site.answers("/last", b"hello")
    gateway = _pointed(site, api_test=[PUBLIC], other_test=[PUBLIC])
    assert gateway.get("http://api.test/", _allow("api.test", "other.test")) == b"hello"
    assert site.seen == [("api.test", "/"), ("api.test", "/next"), ("other.test", "/last")]


def test_a_redirect_to_a_host_that_is_not_granted_is_denied(site: Site) -> None:
    """Each hop needs its own permission."""
    site.answers("/", status=302, Location="http://evil.com/")
    with pytest.raises(PermissionDenied) as caught:
        _pointed(site, api_test=[PUBLIC], evil_com=[PUBLIC]).get("http://api.test/", _allow("*.test"))
    assert caught.value.details["requested"] == "evil.com"
    assert len(site.seen) == 1


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "http://inner.test/", "http://[::1]/"])
def test_a_redirect_to_a_private_address_is_denied(site: Site, target: str) -> None:
    """Each hop's addresses are checked, literal or resolved."""
    site.answers("/", status=307, Location=target)
    with pytest.raises(PermissionDenied) as caught:
        _pointed(site, api_test=[PUBLIC], inner_test=["10.0.0.1"]).get("http://api.test/", _allow("*"))
    assert caught.value.details["reason"] == "private_address"
    assert len(site.seen) == 1


@pytest.mark.parametrize("target", ["file:///etc/passwd", "http://a:b@api.test/", "gopher://api.test/"])
def test_a_redirect_to_something_else_is_not_followed(site: Site, target: str) -> None:
    """A redirect to another scheme or with credentials is refused."""
    site.answers("/", status=302, Location=target)
    assert _failure(_pointed(site, api_test=[PUBLIC]), "http://api.test/", _allow("*")).code is FailureCode.INVALID


def test_redirects_in_a_circle_end(site: Site) -> None:
    """The first request and five redirects are made, no more."""
    site.answers("/", status=302, Location="/")
    failure = _failure(_pointed(site, api_test=[PUBLIC]), "http://api.test/", _allow("*"))
    assert "redirects" in failure.message
    assert len(site.seen) == 6


def test_a_status_that_is_not_success_is_a_failure_with_the_start_of_the_body(site: Site) -> None:
    """The guest sees the status and at most 200 characters."""
    site.answers("/", b"nothing\n here " + b"x" * 5000, status=404)
    failure = _failure(_pointed(site, api_test=[PUBLIC]), "http://api.test/", _allow("*"))
    assert failure.code is FailureCode.FAILED
    assert failure.message.startswith("HTTP 404 nothing here xxx")
    assert len(failure.message) == len("HTTP 404 ") + 200


def test_a_gzipped_body_is_unpacked(site: Site) -> None:
    """gzip, also in several members, is unpacked."""
    site.answers("/", gzip.compress(b"hello ") + gzip.compress(b"world"), Content_Encoding="gzip")
    assert _pointed(site, api_test=[PUBLIC]).get("http://api.test/", _allow("*")) == b"hello world"


def test_a_gzip_bomb_is_cut_off(site: Site) -> None:
    """A small body that unpacks beyond the limit is refused."""
    site.answers("/", gzip.compress(bytes(10_000_000)), Content_Encoding="gzip")
    failure = _failure(_pointed(site, api_test=[PUBLIC]), "http://api.test/", _allow("*"))
    assert failure.code is FailureCode.TOO_LARGE


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(gzip.compress(b"hello")[:-4], "gzip"), (b"no gzip", "gzip"), (b"hello", "br"), (b"hello", "gzip, gzip")],
)
def test_a_body_that_cannot_be_unpacked_is_a_failure(site: Site, body: bytes, encoding: str) -> None:
    """Truncated, damaged and unknown encodings fail, rather than handing on half a body."""
    site.answers("/", body, Content_Encoding=encoding)
    failure = _failure(_pointed(site, api_test=[PUBLIC]), "http://api.test/", _allow("*"))
    assert failure.code is FailureCode.FAILED


def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(site: Site) -> None:
    """The limit counts bytes of the body."""
    site.answers("/fits", bytes(20_000))
    site.answers("/over", bytes(20_001))
    gateway = _pointed(site, api_test=[PUBLIC])
    assert len(gateway.get("http://api.test/fits", _allow("*"))) == 20_000
    assert _failure(gateway, "http://api.test/over", _allow("*")).code is FailureCode.TOO_LARGE


def test_an_endless_body_is_cut_off(site: Site) -> None:
    """A body without a length that never ends is refused once it is over the limit."""

    def flood(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not site.gone.is_set():
            request.wfile.write(bytes(4096))

    site.routes["/"] = flood
    failure = _failure(_pointed(site, api_test=[PUBLIC]), "http://api.test/", _allow("*"))
    assert failure.code is FailureCode.TOO_LARGE


def test_empty_gzip_members_without_end_are_cut_off(site: Site) -> None:
    """What is received counts too, not only what it unpacks to."""

    def flood(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Encoding", "gzip")
        request.end_headers()
        while not site.gone.is_set():
            request.wfile.write(gzip.compress(b"") * 50)

    site.routes["/"] = flood
    failure = _failure(_pointed(site, api_test=[PUBLIC]), "http://api.test/", _allow("*"))
    assert failure.code is FailureCode.TOO_LARGE


def _silent(request: BaseHTTPRequestHandler, site: Site) -> None:
    site.gone.wait()


def _dripping_headers(request: BaseHTTPRequestHandler, site: Site) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not site.gone.wait(0.02):
        request.wfile.write(b"X-A: b\r\n")


def _dripping_body(request: BaseHTTPRequestHandler, site: Site) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "10000")
    request.end_headers()
    while not site.gone.wait(0.02):
        request.wfile.write(b"x")


@pytest.mark.parametrize("handler", [_silent, _dripping_headers, _dripping_body])
def test_a_slow_server_holds_nobody(site: Site, handler: Callable[[BaseHTTPRequestHandler, Site], None]) -> None:
    """The whole fetch has one deadline, however often a byte arrives."""
    site.routes["/"] = lambda request: handler(request, site)
    name = f"localhost:{site.port}"
    gateway = HttpGateway(Limits(http_seconds=0.3))
    assert _failure(gateway, f"http://{name}/", _allow(name)).code is FailureCode.TIMED_OUT


def test_a_fetch_does_not_outlast_its_run(site: Site) -> None:
    """The seconds that a run has left are the fetch's deadline when they are fewer."""
    site.routes["/"] = lambda request: _silent(request, site)
    name = f"localhost:{site.port}"
    with pytest.raises(HostFailure) as caught:
        HttpGateway(Limits(http_seconds=300)).get(f"http://{name}/", _allow(name), seconds=0.05)
    assert caught.value.code is FailureCode.TIMED_OUT


def test_a_slow_resolver_holds_nobody() -> None:
    """Resolving counts towards the deadline."""
    release = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        release.wait()
        return [PUBLIC]

    gateway = HttpGateway(Limits(http_seconds=0.05), resolver=resolve)
    assert _failure(gateway, "http://api.test/", _allow("*")).code is FailureCode.TIMED_OUT
    release.set()


@pytest.mark.parametrize("handler", [_silent, _dripping_headers, _dripping_body])
def test_cancelling_ends_a_fetch_at_once(site: Site, handler: Callable[[BaseHTTPRequestHandler, Site], None]) -> None:
    """A fetch that waits for its server ends as cancelled, an hour before its time is up."""
    cancellation = Cancellation()

    def started(request: BaseHTTPRequestHandler) -> None:
        cancellation.cancel()
        handler(request, site)

    site.routes["/"] = started
    name = f"localhost:{site.port}"
    with pytest.raises(RunCancelled):
        HttpGateway(Limits(http_seconds=300)).get(f"http://{name}/", _allow(name), cancellation)


def test_a_body_cut_off_by_a_cancellation_is_not_taken_for_whole(site: Site) -> None:
    """A body that ends with the connection looks whole when cancelling shuts it; it is not handed on."""
    cancellation = Cancellation()

    def handle(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.0 200 OK\r\n\r\nhalf")
        request.wfile.flush()
        cancellation.cancel()
        site.gone.wait()

    site.routes["/"] = handle
    name = f"localhost:{site.port}"
    with pytest.raises(RunCancelled):
        HttpGateway(Limits(http_seconds=300)).get(f"http://{name}/", _allow(name), cancellation)


def test_cancelling_ends_resolving_at_once() -> None:
    """A run that waits for a name ends as cancelled."""
    cancellation, release = Cancellation(), threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        cancellation.cancel()
        release.wait()
        return []

    with pytest.raises(RunCancelled):
        HttpGateway(Limits(http_seconds=300), resolver=resolve).get("http://api.test/", _allow("*"), cancellation)
    release.set()


def test_a_cancelled_run_fetches_nothing(site: Site) -> None:
    """A fetch that begins after the cancellation sends nothing."""
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(RunCancelled):
        _pointed(site, api_test=[PUBLIC]).get("http://api.test/", _allow("*"), cancellation)
    assert site.seen == []


def test_an_unknown_host_is_not_found() -> None:
    """A name without an address is the guest's to handle."""

    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    failure = _failure(HttpGateway(LIMITS, resolver=resolve), "http://none.test/", _allow("*"))
    assert failure.code is FailureCode.NOT_FOUND


def test_the_next_address_is_tried(site: Site) -> None:
    """A host with an address that refuses is reached at another one."""
    site.answers("/", b"hello")
    name = f"two.test:{site.port}"
    gateway = HttpGateway(LIMITS, resolver=lambda *_: ["127.0.0.2", "127.0.0.1"])
    assert gateway.get(f"http://{name}/", _allow(name)) == b"hello"


def test_a_refused_connection_is_a_failure() -> None:
    """Nobody listening is the guest's to handle."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        name = f"localhost:{taken.getsockname()[1]}"
        assert _failure(HttpGateway(LIMITS), f"http://{name}/", _allow(name)).code is FailureCode.FAILED


@pytest.mark.parametrize(
    "answer",
    [
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
        b"",
    ],
)
def test_a_broken_answer_is_a_failure(site: Site, answer: bytes) -> None:
    """Garbage, a body that is cut short and headers without end fail cleanly."""

    def handle(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(answer)
        request.close_connection = True

    site.routes["/"] = handle
    failure = _failure(_pointed(site, api_test=[PUBLIC]), "http://api.test/", _allow("*"))
    assert failure.code is FailureCode.FAILED
