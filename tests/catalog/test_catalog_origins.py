"""Where versions come from, as it is kept, and lineages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from catalog_samples import SOURCE, TESTS, manifest, module, pure, register, write_capability
from sqlalchemy import event

from tacit.catalog import Catalog, Origin, import_folder, queries, write_folder
from tacit.errors import StoreDamaged, UnknownVersion
from tacit.models import Usage
from tacit.store import pack_transcript

TURNS = [{"kind": "turn", "step": "specification", "reply": {"content": "ünï \ud800"}}]
ORIGIN = Origin(
    task="Count the words of a text",
    model="scripted",
    prompts_hash="ab" * 32,
    transcript=pack_transcript(TURNS),
    sdk="0.1",
    usage=Usage(llm_calls=3, prompt_tokens=100, completion_tokens=20, attempts=2, estimated=True),
    build_seconds=1.5,
    job="000000000000002a",
    failure="0000000000000007",
    cause="It divides by zero.",
    revisions=("An empty text has no words.",),
    held_out=("empty text",),
    accepted=("run 7: 1 instead of 2",),
)


def test_an_origin_is_read_as_it_was_kept(catalog: Catalog) -> None:
    """With its transcript, and JSON-ready without."""
    version = register(catalog, origin=ORIGIN, author="llm")
    found = catalog.origin("count_words", version.version)
    assert (found, found.turns()) == (ORIGIN, TURNS)
    assert "transcript" not in found.as_json()
    assert found.as_json()["usage"]["llm_calls"] == 3


@pytest.mark.parametrize("text", ["", "\ud800", "x" * 100_000, "\x00 ü 😀"])
def test_any_task_is_kept(catalog: Catalog, text: str) -> None:
    """What is no Unicode is replaced; a version must not go unregistered for it."""
    register(catalog, origin=Origin(task=text, cause=text, revisions=(text,)))
    found = catalog.origin("count_words", 1)
    assert (found.task, found.revisions) == (text.replace("\ud800", "?"), (text,))


def test_what_was_imported_has_an_empty_origin(catalog: Catalog, tmp_path: Path) -> None:
    """Nothing is made up; who wrote it stands on the version."""
    import_folder(catalog, write_capability(tmp_path / "count_words"), pure)
    assert (catalog.origin("count_words", 1), catalog.get("count_words").author) == (Origin(), "import")


def test_an_origin_belongs_to_its_version(catalog: Catalog) -> None:
    """The next version has its own, or none."""
    register(catalog, origin=ORIGIN)
    register(catalog, number=2)
    assert [catalog.origin("count_words", number) == ORIGIN for number in (1, 2)] == [True, False]
    with pytest.raises(UnknownVersion):
        catalog.origin("count_words", 3)


def test_content_that_is_offered_already_keeps_its_origin(catalog: Catalog) -> None:
    """The same content again makes no version and changes no origin."""
    register(catalog, origin=ORIGIN)
    register(catalog, origin=Origin(task="another"))
    assert catalog.origin("count_words", 1) == ORIGIN


def test_an_exported_folder_says_nothing_of_its_origin(catalog: Catalog, tmp_path: Path) -> None:
    """Tasks and transcripts may hold what was meant for nobody else."""
    version = register(catalog, origin=ORIGIN)
    folder = write_folder(version, catalog.module(version.digest), tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == ["count_words.wasm", "meta.json", "src", "tests.json"]
    assert b"scripted" not in (folder / "meta.json").read_bytes()


@pytest.mark.parametrize(
    ("column", "text"), [("usage", "["), ("revisions", "["), ("held_out", "5"), ("accepted", "null")]
)
def test_a_damaged_origin_is_damage(catalog: Catalog, column: str, text: str) -> None:
    """It is named by its version."""
    register(catalog, origin=ORIGIN)
    with catalog.store.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE origins SET {column} = '{text}'")
    with pytest.raises(StoreDamaged, match="the origin of count_words@1"):
        catalog.origin("count_words", 1)


def test_a_damaged_transcript_is_damage(catalog: Catalog) -> None:
    """The rest of the origin is there."""
    register(catalog, origin=replace(ORIGIN, transcript=b"no transcript"))
    found = catalog.origin("count_words", 1)
    assert found.task == ORIGIN.task
    with pytest.raises(ValueError, match="a transcript is damaged"):
        found.turns()


def test_a_family_is_versions_ancestors_and_descendants(catalog: Catalog) -> None:
    """Whatever has nothing to do with it is left out."""

    def make(name: str, number: int, parent: str | None = None) -> None:
        catalog.register(
            manifest(name, parent=parent), SOURCE, module(number), TESTS, effects=(), author="caller", toolchain=""
        )

    make("first_one", 1)
    make("count_words", 2, "first_one@1")
    make("count_words", 3)
    make("derived_one", 4, "count_words@1")
    make("first_one", 5)
    make("unrelated_one", 6, "gone_one@9")
    found = [f"{each.version.id}@{each.version.version}" for each in catalog.family("count_words")]
    assert found == ["count_words@1", "count_words@2", "derived_one@1", "first_one@1"]


def test_parents_that_go_in_a_circle_are_a_family(catalog: Catalog) -> None:
    """Imported manifests may name anything."""
    for name, parent in (("count_words", "other_one@1"), ("other_one", "count_words@1")):
        catalog.register(manifest(name, parent=parent), SOURCE, module(), TESTS, effects=(), author="x", toolchain="")
    assert [each.version.id for each in catalog.family("count_words")] == ["count_words", "other_one"]


def test_relatives_say_how_they_came_about(catalog: Catalog) -> None:
    """Model, task and cause of those that were made here, and which version is offered."""
    register(catalog, origin=ORIGIN)
    register(catalog, number=2)
    first, second = catalog.family("count_words")
    assert (first.model, first.task, first.cause, first.offered) == (ORIGIN.model, ORIGIN.task, ORIGIN.cause, False)
    assert (second.model, second.task, second.cause, second.offered) == ("", "", "", True)
    assert [first.version, second.version] == catalog.history("count_words")


@pytest.mark.parametrize("asked", ["family", "history"])
def test_many_versions_take_no_more_queries_than_one(catalog: Catalog, asked: str) -> None:
    """The store is asked once for all of them."""
    statements = list[str]()
    event.listen(
        catalog.store.database.engine, "before_cursor_execute", lambda *given: statements.append(str(given[2]))
    )

    def count() -> int:
        catalog.get("count_words")
        statements.clear()
        getattr(catalog, asked)("count_words")
        return len([each for each in statements if each.startswith("SELECT")])

    register(catalog)
    once = count()
    for number in range(2, 8):
        register(catalog, number=number)
    assert count() == once > 0


def test_a_family_of_more_than_one_query_is_whole(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many versions are asked for at once."""
    monkeypatch.setattr(queries, "_NAMES_AT_ONCE", 2)
    for number in range(1, 6):
        register(catalog, number=number)
    assert [each.version.version for each in catalog.family("count_words")] == [1, 2, 3, 4, 5]


def test_a_damaged_version_in_a_family_is_left_out(catalog: Catalog) -> None:
    """The others of the lineage are given all the same."""
    register(catalog)
    register(catalog, number=2)
    with catalog.store.database.write() as connection:
        connection.exec_driver_sql("UPDATE versions SET tests = '[' WHERE number = 1")
    assert [each.version.version for each in catalog.family("count_words")] == [2]
