"""Pages that authors fetch: by the rules that guests fetch by, and no further."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from web_services import Asked, Services, answers, serve

from tacit.building.orders import Web

MakeBench = Callable[..., Any]


@pytest.fixture
def site() -> Iterator[Services]:
    """A server that answers a short text until it is told otherwise."""
    with serve(answers(200, b"plain text")) as made:
        yield made


def fetch(make_bench: MakeBench, site: Services, *hosts: str, url: str = "", **settings: Any) -> str:
    """Return what http_get answers for the site where these hosts are granted, or the site itself."""
    web = Web(http=hosts or (f"127.0.0.1:{site.port}",))
    return make_bench(web=web, **settings)("http_get", url=url or f"{site.url}/page")


def test_a_granted_page_is_fetched(make_bench: MakeBench, site: Services) -> None:
    """One GET without a credential or a cookie."""
    assert fetch(make_bench, site) == "plain text"
    assert [asked.path for asked in site.seen] == ["/page"]
    assert not {"authorization", "cookie", "x-subscription-token"} & set(site.seen[0].headers)


def test_a_page_is_shown_as_text(make_bench: MakeBench, site: Services) -> None:
    """Markup, scripts and styles cost no tokens; words inside of a line stay together."""
    page = (
        "<!DOCTYPE html><html><head><title>Dates</title><script>var a = '<p>no</p>';</script><style>p{}</style></head>"
        "<body><h1>Leap   years</h1>\n\n\n<p>Every <b>fourth</b> year &amp; more<ul><li>2024<li>2028</ul></body></html>"
    )
    site.answer = answers(200, page.encode())
    assert fetch(make_bench, site) == "Dates\nLeap   years\nEvery fourth year & more\n2024\n2028"


def test_json_stays_as_it_is(make_bench: MakeBench, site: Services) -> None:
    """Only pages are taken apart."""
    site.answer = answers(200, b'{"html": "<b>x</b>"}')
    assert fetch(make_bench, site) == '{"html": "<b>x</b>"}'


@pytest.mark.parametrize(
    "body",
    [b"y" * 3_000_000, b"<html><p>" + b"y" * 3_000_000, b"<html>" + b"<p" * 1_000_000, b"<html>" + b" " * 3_000_000],
    ids=["text", "page", "loose", "blank"],
)
def test_a_long_page_is_cut(body: bytes, make_bench: MakeBench, site: Services) -> None:
    """A page costs a bounded number of tokens, and says that it was cut."""
    site.answer = answers(200, body)
    answer = fetch(make_bench, site)
    assert len(answer) < 21_000
    assert answer.endswith(f"… (cut: the page has {len(body)} bytes)")


def test_a_page_steers_nothing(make_bench: MakeBench, site: Services) -> None:
    """Control characters, and what is no UTF-8, do not come through."""
    site.answer = answers(200, b"a\x1b[2Jb\xe2\x80\xaec\xff")
    assert fetch(make_bench, site) == "a[2Jbc\ufffd"


def test_what_is_no_text_is_told(make_bench: MakeBench, site: Services) -> None:
    """An image is not shown."""
    site.answer = answers(200, b"\x89PNG\0\0" * 10)
    assert fetch(make_bench, site) == "It answers 60 bytes that are no text."


def test_an_answer_beyond_the_limit_is_told(make_bench: MakeBench, site: Services) -> None:
    """The size limit of guests holds."""
    site.answer = answers(200, b"z" * 20_000)
    assert "answers more than 10000 bytes" in fetch(make_bench, site, limits={"http_bytes": 10_000})


def test_an_error_of_the_server_is_told(make_bench: MakeBench, site: Services) -> None:
    """With its status and the start of what it said."""
    site.answer = answers(404, b"no such page")
    assert fetch(make_bench, site) == "Nothing was fetched: HTTP 404 no such page."


def test_a_host_that_is_not_granted_is_not_asked(make_bench: MakeBench, site: Services) -> None:
    """The answer names what is granted, so that the model does not guess."""
    answer = fetch(make_bench, site, "docs.rs", "*.python.org")
    assert answer == f"The operator does not grant 127.0.0.1:{site.port}. Granted are: docs.rs, *.python.org."
    assert site.seen == []


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"])
def test_a_wildcard_reaches_no_private_address(name: str, make_bench: MakeBench, site: Services) -> None:
    """Every host is not this machine, however its address is spelled."""
    answer = fetch(make_bench, site, "*:*", url=f"http://{name}:{site.port}/")
    assert "leads to an address that is not public" in answer
    assert site.seen == []


def test_the_metadata_service_is_not_reached(make_bench: MakeBench, site: Services) -> None:
    """Nor is the one of a cloud, by a wildcard."""
    url = "http://169.254.169.254/latest/meta-data/"
    assert "not public" in fetch(make_bench, site, "*", url=url)


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest/", "http://localhost:1/", "https://example.com/x"])
def test_redirects_are_checked_again(location: str, make_bench: MakeBench, site: Services) -> None:
    """A granted host cannot send an author to another."""
    site.answer = answers(302, b"", Location=location)
    assert fetch(make_bench, site).startswith("The operator does not grant ")


def test_a_redirect_within_the_host_is_followed(make_bench: MakeBench, site: Services) -> None:
    """What is granted stays granted."""

    def answer(asked: Asked) -> tuple[int, bytes, dict[str, str]]:
        return (301, b"", {"Location": "/new"}) if asked.path == "/page" else (200, b"moved here", {})

    site.answer = answer
    assert fetch(make_bench, site) == "moved here"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/",
        "data:text/plain,hello",
        "//127.0.0.1/",
        "http://user:password@127.0.0.1/",
        "http://127.0.0.1\\@evil.test/",
        "http:///etc/passwd",
        "/etc/passwd",
        "",
        "http://127.0.0.1/\ud800",
        "http://127.0.0.1/" + "x" * 100_000,
    ],
)
def test_other_urls_are_refused(url: str, make_bench: MakeBench, site: Services) -> None:
    """Only http and https, without credentials, written strictly."""
    bench = make_bench(web=Web(http=(f"127.0.0.1:{site.port}", "127.0.0.1")))
    answer = bench("http_get", url=url)
    assert answer.startswith("Nothing was fetched: the URL ")
    assert (site.seen, len(answer) < 1000) == ([], True)
