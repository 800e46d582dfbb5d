"""The shipped capabilities and the sample data."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from catalog_samples import SOURCE, TESTS, manifest, module, pure, register, write_capability, write_meta

from tacit.catalog import Catalog, import_shipped
from tacit.models import Effect
from tacit.sandbox import effects_of


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A folder with two capabilities, and what else such a folder holds."""
    folder = tmp_path / "capabilities"
    write_capability(folder / "count_words")
    write_capability(folder / "reverse_string", "reverse_string")
    (folder / "common" / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text("[workspace]\n")
    return folder


def update(folder: Path, number: int, capability: str = "count_words") -> None:
    """Put another module in place of a shipped one."""
    (folder / capability / f"{capability}.wasm").write_bytes(module(number))


def test_a_first_start_imports_all(catalog: Catalog, shipped: Path) -> None:
    """Every folder with a manifest becomes a capability by the author `shipped`."""
    assert import_shipped(catalog, shipped, effects_of) == ["count_words", "reverse_string"]
    assert catalog.ids() == ("count_words", "reverse_string")
    assert catalog.get("count_words").author == "shipped"


def test_an_unchanged_start_opens_no_module(open_catalog: Callable[[], Catalog], shipped: Path) -> None:
    """The stamp alone decides: not one module's effects are asked for."""
    import_shipped(open_catalog(), shipped, pure)

    def never(_: bytes) -> frozenset[Effect]:
        raise AssertionError

    assert import_shipped(open_catalog(), shipped, never) == []


def test_only_what_changed_is_imported(catalog: Catalog, shipped: Path) -> None:
    """An update becomes the next version, and the child of the shipped one before it."""
    import_shipped(catalog, shipped, pure)
    update(shipped, 2)
    assert import_shipped(catalog, shipped, pure) == ["count_words"]
    found = catalog.get("count_words")
    assert (found.version, found.parent, found.author) == (2, "count_words@1", "shipped")
    assert catalog.get("reverse_string").version == 1


def test_a_file_that_was_only_touched_is_no_new_version(catalog: Catalog, shipped: Path) -> None:
    """Another time on the same content changes nothing."""
    import_shipped(catalog, shipped, pure)
    before = catalog.generation()
    os.utime(shipped / "count_words" / "meta.json", (1, 1))
    assert import_shipped(catalog, shipped, pure) == []
    assert catalog.generation() == before


def test_two_installations_do_not_undo_each_other(catalog: Catalog, shipped: Path, tmp_path: Path) -> None:
    """An older Tacit on the same data folder does not bring its versions back."""
    newer = tmp_path / "newer"
    write_capability(newer / "count_words", number=2)
    for folder in (shipped, newer, shipped, newer, shipped):
        import_shipped(catalog, folder, pure)
    assert [version.version for version in catalog.history("count_words")] == [1, 2]
    assert catalog.get("count_words").version == 2


def test_a_users_own_version_stays_offered(catalog: Catalog, shipped: Path) -> None:
    """An update is kept beside it, and restoring it offers it."""
    import_shipped(catalog, shipped, pure)
    register(catalog, number=7)
    update(shipped, 3)
    assert import_shipped(catalog, shipped, pure) == ["count_words"]
    assert (catalog.get("count_words").version, catalog.get("count_words").author) == (2, "caller")
    kept = catalog.get("count_words", 3)
    assert (kept.author, kept.parent) == ("shipped", "count_words@1")
    catalog.restore("count_words", 3)
    assert catalog.get("count_words").version == 3


def test_a_deprecated_shipped_capability_stays_so(catalog: Catalog, shipped: Path) -> None:
    """An update does not bring back what the user did not want."""
    import_shipped(catalog, shipped, pure)
    catalog.deprecate("count_words")
    update(shipped, 3)
    import_shipped(catalog, shipped, pure)
    assert catalog.ids() == ("reverse_string",)
    assert [version.version for version in catalog.history("count_words")] == [1, 2]


def test_what_is_not_built_is_left_out_until_it_is(
    catalog: Catalog, shipped: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a toolchain the others work; once the module is there it is imported."""
    (shipped / "count_words" / "count_words.wasm").unlink()
    assert import_shipped(catalog, shipped, pure) == ["reverse_string"]
    assert "tacit setup" in caplog.text
    update(shipped, 1)
    assert import_shipped(catalog, shipped, pure) == ["count_words"]


@pytest.mark.parametrize("broken", ["meta.json", "count_words.wasm"])
def test_a_broken_one_is_left_out_and_logged(
    catalog: Catalog, shipped: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It does not cost the others."""
    (shipped / "count_words" / broken).write_bytes(b"\0asm\1\0\0\0")
    assert import_shipped(catalog, shipped, effects_of) == ["reverse_string"]
    assert "count_words was left out" in caplog.text


def test_an_import_that_breaks_off_leaves_nothing(catalog: Catalog, shipped: Path) -> None:
    """All are imported in one transaction, so a kill cannot leave some and call it done."""
    with catalog.store.database.write() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER no_second BEFORE INSERT ON versions WHEN NEW.capability = 'reverse_string'"
            " BEGIN SELECT raise(ABORT, 'broken off'); END"
        )
    with pytest.raises(Exception, match="broken off"):
        import_shipped(catalog, shipped, pure)
    assert catalog.ids() == ()
    with catalog.store.database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER no_second")
    assert import_shipped(catalog, shipped, pure) == ["count_words", "reverse_string"]


def test_a_folder_that_is_not_there_ships_nothing(catalog: Catalog, tmp_path: Path) -> None:
    """No shipped capabilities is not an error."""
    assert import_shipped(catalog, tmp_path / "nowhere", pure) == []


def test_the_repositorys_capabilities_are_valid(catalog: Catalog, caplog: pytest.LogCaptureFixture) -> None:
    """Every one that is built is imported, with the effects of its module."""
    folder = Path(__file__).parents[2] / "capabilities"
    modules = {path.parent.name for path in folder.glob("*/*.wasm") if (path.parent / "meta.json").exists()}
    programs = {path.parents[1].name for path in folder.glob("*/src/main.program")}
    assert programs
    caplog.set_level(logging.WARNING)
    assert import_shipped(catalog, folder, effects_of) == sorted(modules | programs)
    assert "was left out:" not in caplog.text


def test_an_update_that_would_close_a_ring_is_kept_beside(catalog: Catalog, shipped: Path) -> None:
    """Where a version of the user's calls a shipped capability, its update may not call back; starts go on."""
    import_shipped(catalog, shipped, pure)
    asking = manifest("reverse_string", permissions={"call": ["count_words"]})
    catalog.register(asking, SOURCE, module(9), TESTS, effects={Effect.CALLS}, author="caller", toolchain="")
    write_meta(shipped / "count_words", "count_words", permissions={"call": ["reverse_string"]})
    assert import_shipped(catalog, shipped, lambda _: frozenset({Effect.CALLS})) == ["count_words"]
    assert [(each.version, each.author) for each in catalog.history("count_words")] == [(1, "shipped"), (2, "shipped")]
    assert catalog.get("count_words").version == 1
