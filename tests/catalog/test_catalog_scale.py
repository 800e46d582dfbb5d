"""Many capabilities: what is asked for one of them does not look at all, counted in rows and comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import SequenceMatcher
from typing import Any

import pytest
from catalog_samples import SOURCE, TESTS, manifest, module, register
from sqlalchemy import event

from tacit.catalog import Candidate, Catalog, closest, reading
from tacit.catalog.closest import COMPARED
from tacit.catalog.registration import add
from tacit.errors import UnknownCapability
from tacit.recent import Recent

MANY = 500
VERBS = ("get", "read", "count", "parse", "convert", "reverse", "summarise", "delete", "update", "merge")
THINGS = ("salary", "invoice", "calendar", "string", "picture", "currency", "table", "address", "report", "letter")
HOWS = ("details", "by_name", "in_euros", "quickly", "for_year")


@pytest.fixture
def many(catalog: Catalog) -> Catalog:
    """A catalog of 500 capabilities, `get_salary_details` among them."""
    with catalog.store.database.write() as connection:
        for name in (f"{verb}_{thing}_{how}" for verb in VERBS for thing in THINGS for how in HOWS):
            candidate = Candidate.of(
                manifest(name), SOURCE, module(), TESTS, effects=(), author="caller", toolchain="rustc 1.85.1"
            )
            add(connection, catalog.store.meta, candidate, None, offered=True)
    return catalog


@contextmanager
def statements(catalog: Catalog) -> Iterator[list[str]]:
    """Note the questions that are asked of the store meanwhile."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            seen.append(statement)

    engine = catalog.store.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def closest_to(catalog: Catalog, wanted: str) -> list[str]:
    """Return the ids that the error for an unknown one names."""
    with pytest.raises(UnknownCapability) as caught:
        catalog.get(wanted)
    return caught.value.details["closest"]


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("get_salry_details", "get_salary_details"),
        ("gte_salary_details", "get_salary_details"),
        ("et_salary_details", "get_salary_details"),
        ("Get-Salary Details", "get_salary_details"),
        ("getsalarydetails", "get_salary_details"),
        ("salary_details_get", "get_salary_details"),
        ("details_salary_get_", "get_salary_details"),
        ("string_reverse_quickly", "reverse_string_quickly"),
        ("convert_currency_in_euro", "convert_currency_in_euros"),
        ("summarize_report_for_year", "summarise_report_for_year"),
        ("picture_merge_by_name" + " " * 10_000, "merge_picture_by_name"),
    ],
)
def test_the_closest_of_many_is_found(many: Catalog, wanted: str, meant: str) -> None:
    """Typing errors, words in another order, other separators, in or after a long text."""
    assert closest_to(many, wanted)[0] == meant


def test_ids_that_come_and_go_are_followed(many: Catalog) -> None:
    """An id is named from its registration on, until it is deprecated, and again once it is restored."""
    assert "melt_iron_ore" not in closest_to(many, "melt_iron_or")
    register(many, "melt_iron_ore")
    assert closest_to(many, "melt_iron_or")[0] == "melt_iron_ore"
    many.deprecate("melt_iron_ore")
    assert "melt_iron_ore" not in closest_to(many, "melt_iron_or")
    many.restore("melt_iron_ore")
    assert closest_to(many, "melt_iron_or")[0] == "melt_iron_ore"


@pytest.mark.parametrize(
    "wanted", ["get_salry_details", "x" * 10_240, "get_salary_details" * 600, "_" * 10_240, "é" * 9]
)
def test_an_unknown_id_is_compared_with_few(many: Catalog, monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    """However many ids there are, and however long the unknown one is: two comparisons of short texts for each."""
    closest_to(many, "anything")
    compared: list[int] = []

    class Counted(SequenceMatcher[str]):
        def ratio(self) -> float:
            compared.append(len(self.a) + len(self.b))
            return super().ratio()

    monkeypatch.setattr(closest, "SequenceMatcher", Counted)
    with statements(many) as seen:
        assert len(closest_to(many, wanted)) == 3
    assert len(compared) <= 2 * COMPARED
    assert max(compared) <= 2 * 64 + 2
    assert len(seen) <= 3


def test_the_pieces_of_ids_are_looked_at_within_a_bound(many: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every id has the pieces that are asked for, only so many of them are counted."""
    monkeypatch.setattr(closest, "_LOOKED_AT", 10)
    names = many._names
    names.closest("anything")
    assert len(names._sharing(["details", "salary", "get"])) <= 10


def test_the_list_is_read_in_pages(many: Catalog) -> None:
    """A page is one statement that returns so many; pages together are all, in order, none twice."""
    with statements(many) as seen:
        first = many.page(250)
    assert (len(first), len(seen)) == (250, 1)
    second = many.page(250, after=first[-1].id)
    third = many.page(250, after=second[-1].id)
    together = [version.id for version in (*first, *second, *third)]
    assert together == sorted(many.ids())
    assert many.count() == MANY
    assert many.count(after=first[-1].id) == MANY - 250


def test_a_page_pushes_nothing_out_of_the_memory(many: Catalog) -> None:
    """What runs need stays remembered, and pages are not."""
    version = many.get("get_salary_details")
    many.page(MANY)
    assert many.get("get_salary_details") is version
    assert len(many._remembered.versions) == 1


def test_more_capabilities_than_are_remembered_leave_those_in_use(
    many: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One version that is asked for again and again is read once, whatever else is read in between."""
    monkeypatch.setattr(reading, "MAX_REMEMBERED", 50)
    register(many, "melt_iron_ore")
    in_use = many.get("melt_iron_ore")
    for name in many.ids():
        many.get(name)
        assert many.get("melt_iron_ore") is in_use
    assert len(many._remembered.versions) <= 100


def test_a_lineage_reads_its_own_versions_alone(many: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 502 versions, those of the family: parents, the version, children of children."""
    register(many, "get_salary_details", 2)
    register(many, "get_salary_details", 3)
    read: list[str] = []
    standing = reading.queries.Standing
    monkeypatch.setattr(reading.queries, "Standing", lambda *row: read.append(row[0]) or standing(*row))
    assert [each.version.version for each in many.family("get_salary_details")] == [1, 2, 3]
    assert set(read) == {"get_salary_details"}


def test_a_sample_of_many_versions_is_examined(many: Catalog) -> None:
    """So many, and it is said of how many; without a number all of them."""
    some = many.examine(20)
    assert (some.looked_at, some.total, some.damaged) == (20, MANY, ())
    assert many.examine().looked_at == MANY


def test_what_sweeps_ask_for_is_only_what_may_go(many: Catalog) -> None:
    """Nothing is read of capabilities that are all younger than the time that is asked for."""
    with statements(many) as seen:
        assert many.with_versions_before(0) == []
        assert many.standings(()) == []
    assert "USING COVERING INDEX versions_created (created<?)" in plan_of(many, seen[-1])


def test_programs_made_here_are_counted_by_their_index(many: Catalog) -> None:
    """Of what is no program, nothing is read."""
    with statements(many) as seen:
        assert many.count_made("shipped") == 0
    assert "versions USING INDEX versions_programs" in plan_of(many, seen[-1])


def plan_of(catalog: Catalog, question: str) -> str:
    """Return how SQLite would answer a question."""
    with catalog.store.database.read() as connection:
        parameters = ("x",) * question.count("?")
        return " ".join(map(str, connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {question}", parameters)))


def test_a_full_memory_forgets_what_was_not_used() -> None:
    """What is used stays; of the rest at least as many as it is to keep."""
    recent: Recent[int, str] = Recent(10)
    recent.put(-1, "used")
    for number in range(1000):
        recent.put(number, str(number))
        assert recent.get(-1) == "used"
        assert all(recent.get(each) for each in range(max(0, number - 5), number))
        assert len(recent) <= 20
    assert recent.get(3) is None
