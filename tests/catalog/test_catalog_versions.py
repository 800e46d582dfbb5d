"""Registering versions and looking them up."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from catalog_samples import SOURCE, TESTS, manifest, module, register

from tacit.catalog import Catalog
from tacit.errors import InvalidArgument, InvalidManifest, StoreDamaged, UnknownCapability, UnknownVersion
from tacit.models import Effect, Permissions, Status, TestCase


def nested(depth: int) -> list[Any]:
    """Return lists in lists."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def test_a_version_comes_back_as_it_was_registered(open_catalog: Callable[[], Catalog]) -> None:
    """Everything survives, also for another process that reads it."""
    given = manifest(permissions=Permissions(read=("a/*.csv",), time=True), parent="split_text@4")
    registered = open_catalog().register(
        given, SOURCE, module(), TESTS, effects={Effect.READS, Effect.TIME}, author="caller", toolchain="rustc"
    )
    found = open_catalog().get("count_words")
    assert found == registered
    assert found.manifest == given.model_copy(update={"binary": "count_words.wasm"})
    assert (found.version, found.status, found.capability_status) == (1, Status.ACTIVE, Status.ACTIVE)
    assert (found.source, found.tests, found.effects) == (SOURCE, TESTS, {Effect.READS, Effect.TIME})
    assert (found.parent, found.author, found.toolchain) == ("split_text@4", "caller", "rustc")


def test_a_module_is_kept_by_its_digest(catalog: Catalog) -> None:
    """The digest is the SHA-256 of the module, and gives it back."""
    version = register(catalog)
    assert version.digest == hashlib.sha256(module()).hexdigest()
    assert catalog.module(version.digest) == module()


def test_versions_are_numbered_and_have_parents(catalog: Catalog) -> None:
    """Each further version of an id gets the next number, and the one offered before it as its parent."""
    made = [register(catalog, number=number) for number in (1, 2, 3)]
    assert [(version.version, version.parent) for version in made] == [
        (1, None),
        (2, "count_words@1"),
        (3, "count_words@2"),
    ]
    assert catalog.get("count_words").version == 3
    assert catalog.history("count_words") == [catalog.get("count_words", number) for number in (1, 2, 3)]


def test_the_content_that_is_offered_is_not_registered_twice(catalog: Catalog) -> None:
    """The same content again gives the version that there is, and changes nothing."""
    first = register(catalog)
    before = catalog.generation()
    assert register(catalog, author="someone else") == first
    assert catalog.generation() == before


def test_earlier_content_is_a_new_version(catalog: Catalog) -> None:
    """Going back to what was before is a step forward in the history."""
    for number in (1, 2, 1):
        register(catalog, number=number)
    assert [version.digest for version in catalog.history("count_words")] == [
        hashlib.sha256(module(number)).hexdigest() for number in (1, 2, 1)
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"manifest": manifest(summary="Counts the words of any text.")},
        {"source": {"main.rs": "fn main() { }\n"}},
        {"wasm": module(2)},
        {"tests": (TESTS[0].model_copy(update={"name": "other"}),)},
    ],
)
def test_each_part_of_the_content_makes_a_new_version(catalog: Catalog, change: dict[str, Any]) -> None:
    """Manifest, source, module and tests all count."""
    register(catalog)
    parts: dict[str, Any] = {"manifest": manifest(), "source": SOURCE, "wasm": module(), "tests": TESTS, **change}
    assert catalog.register(**parts, effects=(), author="caller", toolchain="").version == 2


@pytest.mark.parametrize("expect", [{"output": None}, {"output_matches": {}}, {"error": "no_output"}])
def test_every_kind_of_assertion_survives(catalog: Catalog, expect: dict[str, Any]) -> None:
    """A test that expects null still expects null after it was kept."""
    tests = (TestCase.model_validate({"name": "t", "input": None, "http": {"http://a/": "b"}, "expect": expect}),)
    catalog.register(manifest(), SOURCE, module(), tests, effects=(), author="caller", toolchain="")
    kept = catalog.history("count_words")[0].tests
    assert kept == tests
    assert kept[0].expect.model_fields_set == set(expect)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"manifest": manifest(input_schema={"type": "strange"})}, "JSON Schema"),
        ({"manifest": manifest(output_schema={"$ref": "http://127.0.0.1/x"})}, "JSON Schema"),
        ({"source": {}}, "no source"),
        ({"source": {"../main.rs": ""}}, "plain relative path"),
        ({"source": {"/etc/passwd": ""}}, "plain relative path"),
        ({"source": {"a//b.rs": ""}}, "plain relative path"),
        ({"source": {".hidden": ""}}, "plain relative path"),
        ({"source": {"main.rs": "\ud800"}}, "Unicode"),
        ({"tests": (TestCase(name="t", input="\ud800", expect=TESTS[0].expect),)}, "JSON"),
        ({"tests": (TestCase(name="t", input=float("nan"), expect=TESTS[0].expect),)}, "JSON"),
        ({"tests": (TestCase(name="t", input=nested(300), expect=TESTS[0].expect),)}, "JSON"),
        ({"tests": (TestCase(name="t", input=nested(100_000), expect=TESTS[0].expect),)}, "JSON"),
        ({"source": {"main.rs": "x" * (1 << 20 | 1)}}, "bytes"),
        ({"source": {f"f{number}.rs": "" for number in range(65)}}, "files"),
    ],
)
def test_what_could_not_be_used_or_exported_is_refused(catalog: Catalog, change: dict[str, Any], told: str) -> None:
    """A wrong schema or source path is refused before anything is kept."""
    parts: dict[str, Any] = {"manifest": manifest(), "source": SOURCE, "wasm": module(), "tests": TESTS, **change}
    with pytest.raises(InvalidManifest, match=told):
        catalog.register(**parts, effects=(), author="caller", toolchain="")
    assert catalog.ids(include_deprecated=True) == ()


def test_a_failed_registration_leaves_nothing(catalog: Catalog, folder: Path) -> None:
    """When the last step fails, no row of the earlier ones stays."""
    with closing(sqlite3.connect(folder / "tacit.db")) as connection, connection:
        connection.execute("CREATE TRIGGER no_versions BEFORE INSERT ON versions BEGIN SELECT raise(ABORT, 'no'); END")
    with pytest.raises(Exception, match="no"):
        register(catalog)
    with closing(sqlite3.connect(folder / "tacit.db")) as connection, connection:
        assert connection.execute(
            "SELECT (SELECT count(*) FROM capabilities), (SELECT count(*) FROM modules)"
        ).fetchall() == [(0, 0)]
        connection.execute("DROP TRIGGER no_versions")
    assert register(catalog).version == 1


def test_an_unknown_id_names_the_three_closest(catalog: Catalog) -> None:
    """They are the ids that look most like it, best first."""
    for name in ("get_car_details", "get_salary_details", "get_family_details", "reverse_string"):
        register(catalog, name)
    with pytest.raises(UnknownCapability) as caught:
        catalog.get("Get-Salry-Details")
    assert caught.value.details["closest"][0] == "get_salary_details"
    assert len(caught.value.details["closest"]) == 3
    assert "get_salary_details" in caught.value.hint


@pytest.mark.parametrize("name", ["", "zzz", "\ud800", "x" * 100_000, "'; DROP TABLE versions; --"])
def test_what_resembles_nothing_still_names_three(catalog: Catalog, name: str) -> None:
    """Real ids are named whatever was asked for, and a strange id does no harm."""
    for known in ("get_car_details", "get_salary_details", "get_family_details", "reverse_string"):
        register(catalog, known)
    for ask in (catalog.get, catalog.history):
        with pytest.raises(UnknownCapability) as caught:
            ask(name)
        assert len(set(caught.value.details["closest"])) == 3
        assert len(str(caught.value)) < 300


def test_an_unknown_version_names_those_there_are(catalog: Catalog) -> None:
    """The versions are in the error."""
    register(catalog)
    with pytest.raises(UnknownVersion) as caught:
        catalog.get("count_words", 7)
    assert caught.value.details["versions"] == [1]


def test_an_altered_module_is_damage(catalog: Catalog, folder: Path) -> None:
    """What is not the module that was kept is never run."""
    version = register(catalog)
    with closing(sqlite3.connect(folder / "tacit.db")) as connection, connection:
        connection.execute("UPDATE modules SET wasm = ?", (module(2),))
    with pytest.raises(StoreDamaged):
        catalog.module(version.digest)


@pytest.mark.parametrize("column", ["manifest", "source", "tests", "effects", "status"])
def test_a_row_that_cannot_be_understood_is_damage(
    open_catalog: Callable[[], Catalog], folder: Path, column: str
) -> None:
    """It says which, instead of breaking somewhere else."""
    register(open_catalog())
    with closing(sqlite3.connect(folder / "tacit.db")) as connection, connection:
        connection.execute(f"UPDATE versions SET {column} = '[nonsense'")
    with pytest.raises(StoreDamaged, match="count_words"):
        open_catalog().get("count_words")


def test_a_text_that_is_no_text_is_damage(open_catalog: Callable[[], Catalog], folder: Path) -> None:
    """Bytes that are not UTF-8 in a text column are damage as well."""
    register(open_catalog())
    with closing(sqlite3.connect(folder / "tacit.db")) as connection, connection:
        connection.execute("UPDATE versions SET author = CAST(x'ff' AS TEXT)")
    with pytest.raises(StoreDamaged):
        open_catalog().get("count_words")


def test_cards_are_what_is_offered(catalog: Catalog) -> None:
    """Each offered capability has one card, with the summary and examples of its offered version."""
    register(catalog, "reverse_string")
    register(catalog)
    register(catalog, number=2)
    assert [(card.id, card.summary, card.examples) for card in catalog.active_cards()] == [
        ("count_words", "Counts the words of a text.", ("How many words are in this text?",)),
        ("reverse_string", "Counts the words of a text.", ("How many words are in this text?",)),
    ]


def test_changes_since_a_generation_are_only_those(catalog: Catalog) -> None:
    """Cards of what is new, ids of what is gone, and the generation to ask from next."""
    for name in ("count_words", "reverse_string", "format_number"):
        register(catalog, name)
    before = catalog.generation()
    register(catalog, "format_number", 2)
    catalog.deprecate("reverse_string")
    changes = catalog.changes_since(before)
    assert [card.id for card in changes.cards] == ["format_number"]
    assert changes.removed == ("reverse_string",)
    assert changes.generation == catalog.generation()
    assert catalog.changes_since(changes.generation).cards == ()


def test_learned_examples_are_on_the_card(catalog: Catalog) -> None:
    """They come after the version's own, outlive a new version, and are kept once."""
    register(catalog)
    catalog.add_example("count_words", "  count the\nwords here ")
    register(catalog, number=2)
    before = catalog.generation()
    catalog.add_example("count_words", "count the words here")
    catalog.add_example("count_words", "How many words are in this text?")
    assert catalog.generation() == before
    assert [card.examples for card in catalog.active_cards()] == [
        ("How many words are in this text?", "count the words here")
    ]


@pytest.mark.parametrize("clock", [1, -1], ids=["goes on", "is set back"])
def test_the_oldest_learned_examples_give_way(catalog: Catalog, monkeypatch: pytest.MonkeyPatch, clock: int) -> None:
    """No capability collects more than twenty; those are the last that were learned, whatever the clock says."""
    register(catalog)
    for number in range(25):
        monkeypatch.setattr("tacit.catalog.catalog.now_millis", lambda number=number: 1000 + clock * number)
        catalog.add_example("count_words", f"task {number}")
    (card,) = catalog.active_cards()
    assert card.examples[1:] == tuple(f"task {number}" for number in range(5, 25))


@pytest.mark.parametrize("text", ["", "  ", "x" * 301, "\ud800"])
def test_an_example_that_is_none_is_refused(catalog: Catalog, text: str) -> None:
    """Empty, overlong and broken texts are the caller's mistake."""
    register(catalog)
    with pytest.raises(InvalidArgument):
        catalog.add_example("count_words", text)


def test_another_stores_registration_is_seen_on_the_next_call(open_catalog: Callable[[], Catalog]) -> None:
    """What is remembered never hides what another process has changed."""
    here, there = open_catalog(), open_catalog()
    register(here)
    assert there.get("count_words").version == 1
    assert there.ids() == ("count_words",)
    register(here, number=2)
    register(here, "reverse_string")
    assert there.get("count_words").version == 2
    assert there.ids() == ("count_words", "reverse_string")


def test_what_has_not_changed_is_remembered(catalog: Catalog) -> None:
    """The same object comes back until the catalog changes."""
    register(catalog)
    first = catalog.get("count_words")
    assert catalog.get("count_words") is first
    register(catalog, "reverse_string")
    assert catalog.get("count_words") is not first
