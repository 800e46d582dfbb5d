"""Searching the web through the operator's service: SearXNG's and Brave's forms, and what either may do wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from web_services import KEY, Asked, answers, as_json, brave, searxng, serve

from tacit.building.orders import Web

MakeBench = Callable[..., Any]
SHOWN = "Leap years\nhttps://a.test/leap\nEvery fourth year\n\nOther\nhttps://b.test/"


def search(make_bench: MakeBench, web: Web, query: str = "leap years", **settings: Any) -> str:
    """Return what web_search answers."""
    return make_bench(web=web, **settings)("web_search", query=query)


def searched(make_bench: MakeBench, answer: Callable[[Asked], Any], **settings: Any) -> str:
    """Return what web_search answers where the service, a SearXNG, answers so."""
    with serve(answer) as service:
        return search(make_bench, Web(search="searxng", search_url=service.url), **settings)


@pytest.mark.parametrize("path", ["", "/", "/search"])
def test_searxng_is_asked_for_json(path: str, make_bench: MakeBench) -> None:
    """Titles, addresses and snippets come back; the service's address may be this machine's, as the operator's is."""
    with serve(searxng) as service:
        shown = search(make_bench, Web(search="searxng", search_url=service.url + path), "leap years & more?")
    assert shown == SHOWN
    assert [asked.parameters for asked in service.seen] == [{"q": "leap years & more?", "format": "json"}]


def test_brave_gets_the_key_in_its_header(make_bench: MakeBench) -> None:
    """The key goes where Brave wants it, and nowhere else."""
    with serve(brave) as service:
        web = Web(search="brave", search_url=f"{service.url}/res/v1/web/search", search_key=KEY)
        assert search(make_bench, web) == SHOWN
    (asked,) = service.seen
    assert (asked.path, asked.parameters) == ("/res/v1/web/search", {"q": "leap years", "count": "8"})
    assert asked.headers["x-subscription-token"] == KEY


def test_a_wrong_key_is_told_and_not_shown(make_bench: MakeBench) -> None:
    """Even where the service repeats it, the model sees the setting's name instead of the key."""
    with serve(brave) as service:
        answer = search(make_bench, Web(search="brave", search_url=service.url, search_key="wrong-and-secret"))
    assert answer == ("The web search failed: it refuses the key; the operator sets TACIT_WEB_SEARCH_API_KEY.")


@pytest.mark.parametrize("key", ["", "two\r\nX-Lines: 1", "schlüssel"])
def test_a_key_that_no_header_may_have_is_not_sent(key: str, make_bench: MakeBench) -> None:
    """A missing or broken key is the operator's to set."""
    with serve(brave) as service:
        answer = search(make_bench, Web(search="brave", search_url=service.url, search_key=key))
    assert answer == "The web search failed: it has no valid key; the operator sets TACIT_WEB_SEARCH_API_KEY."
    assert service.seen == []


def test_the_key_follows_no_redirect(make_bench: MakeBench) -> None:
    """A service that sends on to another host gets no further."""
    with serve(answers(200, b"{}")) as other, serve(answers(302, b"", Location=f"{other.url}/take")) as service:
        answer = search(make_bench, Web(search="brave", search_url=service.url, search_key=KEY))
    assert answer == "The web search failed: its service redirects to another host."
    assert other.seen == []


def test_the_key_is_not_repeated_on_the_same_host(make_bench: MakeBench) -> None:
    """Where a redirect stays on the host, the key is left out all the same."""

    def answer(asked: Asked) -> Any:
        return (302, b"", {"Location": "/next"}) if asked.path == "/" else as_json({"web": {"results": []}})

    with serve(answer) as service:
        assert search(make_bench, Web(search="brave", search_url=service.url, search_key=KEY)) == "Nothing was found."
    assert ["x-subscription-token" in asked.headers for asked in service.seen] == [True, False]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (answers(200, b"<!DOCTYPE html><html></html>"), "it does not answer JSON; a SearXNG needs the format json"),
        (answers(200, b""), "it does not answer JSON"),
        (answers(200, b"\xff\xfe\x00garbage"), "it does not answer JSON"),
        (answers(200, b'{"results": [{"title": NaN}]}'), "it does not answer JSON"),
        (answers(200, b'{"results": [{"title": "\\ud800"}]}'), "it does not answer JSON"),
        (answers(200, b"[" * 100_000), "it does not answer JSON"),
        (as_json, "it answers JSON that is no list of results"),
        (answers(200, b"[1, 2]"), "it answers JSON that is no list of results"),
        (answers(200, b'{"results": {"title": "x"}}'), "it answers JSON that is no list of results"),
        (answers(200, b'{"results": [1, null]}'), "it answers JSON that is no list of results"),
        (answers(200, b'{"results": [{"title": {"a": 1}}]}'), "it answers JSON that is no list of results"),
        (answers(200, b"not gzip", **{"Content-Encoding": "gzip"}), "the packed body is damaged"),
        (answers(401, b"who"), "it refuses the key; the operator sets TACIT_WEB_SEARCH_API_KEY"),
        (answers(403, b"no"), "it refuses the request; a SearXNG needs the format json"),
        (answers(429, b"slow"), "it was asked too often"),
        (answers(500, b"Traceback: secret"), "it answers HTTP 500."),
    ],
)
def test_what_the_service_does_wrong_is_told(answer: Callable[[Asked], Any], told: str, make_bench: MakeBench) -> None:
    """One sentence says what happened and who can mend it; what the service said is not repeated."""
    if answer is as_json:
        answer = answers(200, b'{"error": "x"}')
    shown = searched(make_bench, answer)
    assert shown.startswith(f"The web search failed: {told}")
    assert "secret" not in shown


def test_ten_megabytes_are_not_read(make_bench: MakeBench) -> None:
    """An answer beyond the limit of fetches is refused, packed or not."""
    huge = json.dumps({"results": [{"title": "x" * (10 << 20)}]}).encode()
    assert "answers more than" in searched(make_bench, answers(200, huge))
    assert "answers more than" in searched(
        make_bench, answers(200, gzip.compress(huge), **{"Content-Encoding": "gzip"})
    )


def test_results_are_few_and_short(make_bench: MakeBench) -> None:
    """However much a service finds, the model gets a bounded part, and plain."""
    row = {"title": "t\x1b[2J\u202e" + "x" * 5000, "url": "https://a.test/" + "y" * 5000, "content": "<b>z</b>" * 5000}
    shown = searched(make_bench, answers(200, json.dumps({"results": [row] * 50}).encode()))
    assert shown.count("https://a.test/") == 8
    assert len(shown) < 10_000
    assert not {"\x1b", "\u202e"} & set(shown)


def test_nothing_found_is_told(make_bench: MakeBench) -> None:
    """An empty list is no error."""
    assert searched(make_bench, answers(200, b'{"results": []}')) == "Nothing was found."


def test_a_service_that_is_not_there_is_told(make_bench: MakeBench) -> None:
    """Nobody listens at that port any more."""
    with serve(searxng) as service:
        pass
    shown = search(make_bench, Web(search="searxng", search_url=service.url))
    assert shown.startswith("The web search failed: ")
    assert "no connection" in shown


@pytest.mark.parametrize("url", [None, "", "ftp://a.test/", "not an address"])
def test_a_service_without_an_address_is_told(url: str | None, make_bench: MakeBench) -> None:
    """The setting is missing or malformed."""
    assert search(make_bench, Web(search="searxng", search_url=url)).startswith("The web search failed: ")


@pytest.mark.parametrize(
    ("query", "sent"), [("\ud800 leap", "leap"), ("leap\x00 year", "leap year"), ("x" * 9999, "x" * 400)]
)
def test_odd_queries_are_made_sane(query: str, sent: str, make_bench: MakeBench) -> None:
    """Half a surrogate pair, a null character and endless text do not reach the service."""
    with serve(searxng) as service:
        assert search(make_bench, Web(search="searxng", search_url=service.url), query) == SHOWN
    assert service.seen[0].parameters["q"] == sent


@pytest.mark.parametrize("query", ["", " \n "])
def test_an_empty_query_is_told(query: str, make_bench: MakeBench) -> None:
    """Nothing is asked."""
    assert search(make_bench, Web(search="searxng", search_url="http://127.0.0.1:1"), query) == "The query is empty."
