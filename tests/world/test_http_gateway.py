"""Fetching for guests: what is allowed, what is refused, and which address is connected to."""

from __future__ import annotations

import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest
from world_site import LIMITS, PUBLIC, Site, allow, failure_of, pointed

from tacit.errors import PermissionDenied
from tacit.sandbox.http.gateway import HttpGateway
from tacit.sandbox.world import FailureCode


def test_a_host_granted_by_name_may_be_local(site: Site) -> None:
    """`localhost:port`, granted exactly, is fetched through the real resolver."""
    site.answers("/a?b=c", b"hello")
    name = f"localhost:{site.port}"
    assert HttpGateway(LIMITS).get(f"http://{name}/a?b=c", allow(name)) == b"hello"
    assert site.seen == [(name, "/a?b=c")]


def test_a_wildcard_reaches_public_addresses(site: Site) -> None:
    """A name under a granted suffix is fetched at the public address that it resolves to."""
    site.answers("/", b"hello")
    assert pointed(site, api_test=[PUBLIC]).get("http://api.test", allow("*.test")) == b"hello"
    assert site.seen == [("api.test", "/")]


def test_what_is_sent_is_fixed(site: Site) -> None:
    """A fetch sends no cookies, no credentials, no referrer, and says that it is Tacit."""
    site.answers("/", b"", Set_Cookie="a=b")
    gateway, allowance = pointed(site, api_test=[PUBLIC]), allow("*.test")
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
    assert pointed(site, api_test=[PUBLIC]).get("http://api.test/", allow("*.test")) == b"hello"


def test_a_host_that_is_not_granted_is_not_even_resolved() -> None:
    """Resolving a name could itself carry data out."""
    asked: list[str] = []
    gateway = HttpGateway(LIMITS, resolver=lambda host, _: asked.append(host) or [])
    with pytest.raises(PermissionDenied) as caught:
        gateway.get("http://data.evil.com/", allow("*.test"))
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
        HttpGateway(LIMITS).get(f"http://{host}:{site.port}/", allow(f"*:{site.port}"))
    assert caught.value.details["reason"] == "private_address"
    assert site.seen == []


def test_a_name_that_leads_to_loopback_is_refused_with_the_grant_that_would_help(site: Site) -> None:
    """A granted wildcard does not reach a private address; the denial says that it takes the exact name."""
    gateway = HttpGateway(LIMITS, resolver=lambda *_: ["127.0.0.1"])
    with pytest.raises(PermissionDenied) as caught:
        gateway.get(f"http://evil.test:{site.port}/", allow(f"*.test:{site.port}"))
    assert caught.value.details["grant"] == {"http": [f"evil.test:{site.port}"]}
    assert "exact name" in caught.value.hint
    assert site.seen == []


@pytest.mark.parametrize("addresses", [[PUBLIC, "127.0.0.1"], ["::1", PUBLIC], [PUBLIC, "169.254.169.254"]])
def test_one_private_address_among_public_ones_is_enough_to_refuse(site: Site, addresses: list[str]) -> None:
    """All addresses of a name are checked, not only the one that would be used."""
    with pytest.raises(PermissionDenied):
        pointed(site, mixed_test=addresses).get("http://mixed.test/", allow("*.test"))
    assert site.seen == []


def test_a_name_that_changes_its_address_gains_nothing(site: Site) -> None:
    """A resolver that answers loopback the second time is asked once; the checked address is the one connected to."""
    answers = iter([[PUBLIC], ["127.0.0.1"], ["127.0.0.1"]])
    connected: list[str] = []

    def refuse(address: str, port: int, seconds: float, opened: Callable[[socket.socket], None]) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError(111, "refused")

    gateway = HttpGateway(LIMITS, resolver=lambda *_: next(answers), connector=refuse)
    failure_of(gateway, f"http://rebind.test:{site.port}/", allow(f"*.test:{site.port}"))
    assert connected == [PUBLIC]
    assert next(answers) == ["127.0.0.1"]


def test_a_redirect_is_followed(site: Site) -> None:
    """A relative redirect, and one to another granted host, lead to the body."""
    site.answers("/", status=302, Location="/next")
    site.answers("/next", status=301, Location="http://other.test/last")
    site.answers("/last", b"hello")
    gateway = pointed(site, api_test=[PUBLIC], other_test=[PUBLIC])
    assert gateway.get("http://api.test/", allow("api.test", "other.test")) == b"hello"
    assert site.seen == [("api.test", "/"), ("api.test", "/next"), ("other.test", "/last")]


def test_a_redirect_to_a_host_that_is_not_granted_is_denied(site: Site) -> None:
    """Each hop needs its own permission."""
    site.answers("/", status=302, Location="http://evil.com/")
    with pytest.raises(PermissionDenied) as caught:
        pointed(site, api_test=[PUBLIC], evil_com=[PUBLIC]).get("http://api.test/", allow("*.test"))
    assert caught.value.details["requested"] == "evil.com"
    assert len(site.seen) == 1


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "http://inner.test/", "http://[::1]/"])
def test_a_redirect_to_a_private_address_is_denied(site: Site, target: str) -> None:
    """Each hop's addresses are checked, literal or resolved."""
    site.answers("/", status=307, Location=target)
    with pytest.raises(PermissionDenied) as caught:
        pointed(site, api_test=[PUBLIC], inner_test=["10.0.0.1"]).get("http://api.test/", allow("*"))
    assert caught.value.details["reason"] == "private_address"
    assert len(site.seen) == 1


@pytest.mark.parametrize("target", ["file:///etc/passwd", "http://a:b@api.test/", "gopher://api.test/"])
def test_a_redirect_to_something_else_is_not_followed(site: Site, target: str) -> None:
    """A redirect to another scheme or with credentials is refused."""
    site.answers("/", status=302, Location=target)
    assert failure_of(pointed(site, api_test=[PUBLIC]), "http://api.test/", allow("*")).code is FailureCode.INVALID


@pytest.mark.parametrize("target", ["http://[::1/", "//[name]/", "http://a\N{ACCOUNT OF}b/"])
def test_a_redirect_to_what_is_no_url_is_not_followed(site: Site, target: str) -> None:
    """A Location that cannot even be taken apart is the server's failure, which the guest may handle."""
    site.answers("/", status=302, Location=target.encode().decode("latin-1"))
    assert failure_of(pointed(site, api_test=[PUBLIC]), "http://api.test/", allow("*")).code is FailureCode.INVALID


def test_redirects_in_a_circle_end(site: Site) -> None:
    """The first request and five redirects are made, no more."""
    site.answers("/", status=302, Location="/")
    failure = failure_of(pointed(site, api_test=[PUBLIC]), "http://api.test/", allow("*"))
    assert "redirects" in failure.message
    assert len(site.seen) == 6


def test_a_status_that_is_not_success_is_a_failure_with_the_start_of_the_body(site: Site) -> None:
    """The guest sees the status and at most 200 characters."""
    site.answers("/", b"nothing\n here " + b"x" * 5000, status=404)
    failure = failure_of(pointed(site, api_test=[PUBLIC]), "http://api.test/", allow("*"))
    assert failure.code is FailureCode.FAILED
    assert failure.message.startswith("HTTP 404 nothing here xxx")
    assert len(failure.message) == len("HTTP 404 ") + 200


def test_an_unknown_host_is_not_found() -> None:
    """A name without an address is the guest's to handle."""

    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    failure = failure_of(HttpGateway(LIMITS, resolver=resolve), "http://none.test/", allow("*"))
    assert failure.code is FailureCode.NOT_FOUND


def test_the_next_address_is_tried(site: Site) -> None:
    """A host with an address that refuses is reached at another one."""
    site.answers("/", b"hello")
    name = f"two.test:{site.port}"
    gateway = HttpGateway(LIMITS, resolver=lambda *_: ["127.0.0.2", "127.0.0.1"])
    assert gateway.get(f"http://{name}/", allow(name)) == b"hello"


def test_a_refused_connection_is_afailure_of() -> None:
    """Nobody listening is the guest's to handle."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        name = f"localhost:{taken.getsockname()[1]}"
        assert failure_of(HttpGateway(LIMITS), f"http://{name}/", allow(name)).code is FailureCode.FAILED


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
def test_a_broken_answer_is_afailure_of(site: Site, answer: bytes) -> None:
    """Garbage, a body that is cut short and headers without end fail cleanly."""

    def handle(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(answer)
        request.close_connection = True

    site.routes["/"] = handle
    failure = failure_of(pointed(site, api_test=[PUBLIC]), "http://api.test/", allow("*"))
    assert failure.code is FailureCode.FAILED
