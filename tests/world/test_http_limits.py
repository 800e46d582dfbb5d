"""No server can flood a run, hold it, or outlast its cancellation."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest
from world_site import PUBLIC, Site, allow, failure_of, pointed

from tacit.config import Limits
from tacit.errors import RunCancelled
from tacit.sandbox.cancellation import Cancellation
from tacit.sandbox.http.gateway import HttpGateway
from tacit.sandbox.world import FailureCode, HostFailure


def test_a_gzipped_body_is_unpacked(site: Site) -> None:
    """gzip, also in several members, is unpacked."""
    site.answers("/", gzip.compress(b"hello ") + gzip.compress(b"world"), Content_Encoding="gzip")
    assert pointed(site, api_test=[PUBLIC]).get("http://api.test/", allow("*")) == b"hello world"


def test_a_gzip_bomb_is_cut_off(site: Site) -> None:
    """A small body that unpacks beyond the limit is refused."""
    site.answers("/", gzip.compress(bytes(10_000_000)), Content_Encoding="gzip")
    failure = failure_of(pointed(site, api_test=[PUBLIC]), "http://api.test/", allow("*"))
    assert failure.code is FailureCode.TOO_LARGE


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(gzip.compress(b"hello")[:-4], "gzip"), (b"no gzip", "gzip"), (b"hello", "br"), (b"hello", "gzip, gzip")],
    ids=["truncated", "damaged", "unknown", "twice"],
)
def test_a_body_that_cannot_be_unpacked_is_afailure_of(site: Site, body: bytes, encoding: str) -> None:
    """Truncated, damaged and unknown encodings fail, rather than handing on half a body."""
    site.answers("/", body, Content_Encoding=encoding)
    failure = failure_of(pointed(site, api_test=[PUBLIC]), "http://api.test/", allow("*"))
    assert failure.code is FailureCode.FAILED


def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(site: Site) -> None:
    """The limit counts bytes of the body."""
    site.answers("/fits", bytes(20_000))
    site.answers("/over", bytes(20_001))
    gateway = pointed(site, api_test=[PUBLIC])
    assert len(gateway.get("http://api.test/fits", allow("*"))) == 20_000
    assert failure_of(gateway, "http://api.test/over", allow("*")).code is FailureCode.TOO_LARGE


def test_an_endless_body_is_cut_off(site: Site) -> None:
    """A body without a length that never ends is refused once it is over the limit."""

    def flood(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not site.gone.is_set():
            request.wfile.write(bytes(4096))

    site.routes["/"] = flood
    failure = failure_of(pointed(site, api_test=[PUBLIC]), "http://api.test/", allow("*"))
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
    failure = failure_of(pointed(site, api_test=[PUBLIC]), "http://api.test/", allow("*"))
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
    assert failure_of(gateway, f"http://{name}/", allow(name)).code is FailureCode.TIMED_OUT


def test_a_fetch_does_not_outlast_its_run(site: Site) -> None:
    """The seconds that a run has left are the fetch's deadline when they are fewer."""
    site.routes["/"] = lambda request: _silent(request, site)
    name = f"localhost:{site.port}"
    with pytest.raises(HostFailure) as caught:
        HttpGateway(Limits(http_seconds=300)).get(f"http://{name}/", allow(name), seconds=0.05)
    assert caught.value.code is FailureCode.TIMED_OUT


def test_a_slow_resolver_holds_nobody() -> None:
    """Resolving counts towards the deadline."""
    release = threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        release.wait()
        return [PUBLIC]

    gateway = HttpGateway(Limits(http_seconds=0.05), resolver=resolve)
    assert failure_of(gateway, "http://api.test/", allow("*")).code is FailureCode.TIMED_OUT
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
        HttpGateway(Limits(http_seconds=300)).get(f"http://{name}/", allow(name), cancellation)


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
        HttpGateway(Limits(http_seconds=300)).get(f"http://{name}/", allow(name), cancellation)


def test_cancelling_ends_resolving_at_once() -> None:
    """A run that waits for a name ends as cancelled."""
    cancellation, release = Cancellation(), threading.Event()

    def resolve(host: str, port: int) -> list[str]:
        cancellation.cancel()
        release.wait()
        return []

    with pytest.raises(RunCancelled):
        HttpGateway(Limits(http_seconds=300), resolver=resolve).get("http://api.test/", allow("*"), cancellation)
    release.set()


def test_a_cancelled_run_fetches_nothing(site: Site) -> None:
    """A fetch that begins after the cancellation sends nothing."""
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(RunCancelled):
        pointed(site, api_test=[PUBLIC]).get("http://api.test/", allow("*"), cancellation)
    assert site.seen == []
