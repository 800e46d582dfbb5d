"""Searching through the service, on the shipped capabilities."""

from __future__ import annotations

import pytest
from service_samples import OpenApp

from tacit.app import App
from tacit.catalog import Closure, Version
from tacit.catalog.closures import Closures
from tacit.errors import InvalidArgument

REQUESTS = {
    "What does John Smith earn?": "get_salary_details",
    "How many days off does E004 have left?": "get_leave_balance",
    "Who should we call if Maria has an accident?": "get_emergency_contacts",
    "what is 15 percent of 240": "calculate_percentage",
    "turn this word around backwards": "reverse_string",
    "give E002 a raise to 70000": "update_employee_salary",
    "which car does employee E003 drive": "get_car_details",
    "what time is it in UTC": "current_time",
    "download the JSON at this URL": "fetch_json",
    "show me statistics for the columns of this CSV": "summarize_csv",
    "in which files does the word invoice appear": "search_files",
    "write 1234567.5 with thousands separators": "format_number",
}


@pytest.mark.parametrize(("query", "wanted"), REQUESTS.items())
def test_a_task_in_words_finds_its_capability(app: App, query: str, wanted: str) -> None:
    """A request in a user's own words has its capability first."""
    assert app.service.search(query).hits[0].id == wanted


def test_a_hit_says_how_to_run_it(app: App) -> None:
    """A hit carries version, summary, schema, a valid example input, effects and what is not granted."""
    hit = app.service.search("summarize_csv").hits[0]
    assert hit.id == "summarize_csv"
    assert hit.input_schema["type"] == "object"
    assert hit.example_input
    assert "reads" in hit.effects
    assert hit.permissions_not_granted is not None
    assert hit.permissions_not_granted.read == ("**",)


def test_an_example_input_runs(app: App) -> None:
    """The example input of a hit is one that the capability takes."""
    hit = app.service.search("reverse_string").hits[0]
    assert app.service.run(hit.id, hit.example_input).output


def test_an_exact_id_comes_first(app: App) -> None:
    """An id as the query puts that capability first."""
    for name in ("get_family_details", "current_time", "fetch_json"):
        assert app.service.search(name).hits[0].id == name


@pytest.mark.parametrize("query", ["book a flight to Tokyo", "zxqv wkjh", "render a 3D scene of a castle"])
def test_when_nothing_fits_it_says_so(app: App, query: str) -> None:
    """A task that nothing stored fits gets no hits, and is told how to make one."""
    answer = app.service.search(query)
    assert answer.hits == ()
    assert "mutate_capability" in answer.advice


def test_a_long_request_that_nothing_fits_is_to_be_asked_in_short(app: App) -> None:
    """A task hidden among many other words is not called missing: the advice is to search for it alone."""
    answer = app.service.search("We sailed past the old castle, ate bread and watched the clouds. " * 20)
    assert answer.hits == ()
    assert "Search again with one short sentence" in answer.advice


@pytest.mark.parametrize("k", [0, -1, 51])
def test_k_out_of_range(app: App, k: int) -> None:
    """A k outside 1 to 50 is refused."""
    with pytest.raises(InvalidArgument):
        app.service.search("salary", k)


@pytest.mark.parametrize("query", ["", "   ", "\n"])
def test_an_empty_query(app: App, query: str) -> None:
    """An empty query is refused."""
    with pytest.raises(InvalidArgument):
        app.service.search(query)


@pytest.mark.parametrize("query", ["salary " * 30_000, "工资 💶", "\x00\x01", "\ud800", "'; drop table versions; --"])
def test_odd_queries_are_answered(app: App, query: str) -> None:
    """Huge, foreign and hostile queries get an answer."""
    assert app.service.search(query) is not None


def test_deprecated_is_not_found(open_app: OpenApp) -> None:
    """Search shows active capabilities only, from the next call on."""
    service = open_app().service
    assert service.search("reverse_string").hits[0].id == "reverse_string"
    service.deprecate("reverse_string")
    assert "reverse_string" not in {hit.id for hit in service.search("reverse_string", 20).hits}


def test_search_works_without_weights(open_app: OpenApp) -> None:
    """Without an embedder, lexical search answers."""
    assert open_app(embedder="none").service.search("salary details of an employee").hits[0].id == "get_salary_details"


def test_one_capabilitys_damage_fails_no_search(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever cannot be told of a hit, the others are answered, and the log says which is left out."""
    task = "what does John earn?"
    whole = [hit.id for hit in app.service.search(task).hits]
    closure = Closures.of

    def break_first(closures: Closures, version: Version) -> Closure:
        if version.id == whole[0]:
            raise ValueError("invalid literal for int()")
        return closure(closures, version)

    monkeypatch.setattr(Closures, "of", break_first)
    assert [hit.id for hit in app.service.search(task).hits] == whole[1:]
    assert f"{whole[0]} cannot be shown" in caplog.text
