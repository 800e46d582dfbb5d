"""Programs as folders: exported, imported, checked, and shipped."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from program_samples import GREET, GREET_LOUDLY, OpenApp, count_down, greet, greet_loudly, registered

from tacit.catalog import Catalog, import_shipped
from tacit.errors import BuildRefused, InvalidManifest
from tacit.models import Effect
from tacit.sandbox import effects_of
from tacit.store import Store

TESTS = [{"name": "works", "input": {}, "expect": {"output": 1}}]
CAPABILITIES = Path(__file__).parents[2] / "capabilities"


def write_program(home: Path, source: str, *calls: str, **meta: Any) -> Path:
    """Write the folder of a program, named after it, with some fields of `meta.json` changed."""
    (home / "src").mkdir(parents=True)
    document = {
        "id": home.name,
        "summary": f"What {home.name} is good for, in a sentence.",
        "language": "program",
        "permissions": {"call": list(calls)},
        **meta,
    }
    (home / "meta.json").write_text(json.dumps(document))
    (home / "tests.json").write_text(json.dumps(TESTS))
    (home / "src" / "main.program").write_text(source)
    return home


def violations(open_app: OpenApp, home: Path) -> list[str]:
    """Import a folder that is wrong, and return `path: message` of each violation."""
    with pytest.raises(InvalidManifest) as caught:
        open_app(shipped=False).service.import_folder(home)
    return [f"{item['path']}: {item['message']}" for item in caught.value.details["violations"]]


def test_an_exported_program_imports_as_the_same_content(open_app: OpenApp, tmp_path: Path) -> None:
    """There and back it is the same content, and runs; there is no module in its folder."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    registered(service.mutate(greet_loudly()))
    folders = [service.export(name, tmp_path / "out") for name in ("greet", "greet_loudly")]
    assert sorted(path.name for path in folders[0].iterdir()) == ["meta.json", "src", "tests.json"]
    other = open_app(shipped=False, data=tmp_path / "other").service
    for folder in folders:
        other.import_folder(folder)
    assert [other.show(name)["digest"] for name in ("greet", "greet_loudly")] == [
        service.show(name)["digest"] for name in ("greet", "greet_loudly")
    ]
    assert other.run("greet_loudly", {"name": "Eve"}).output == "HELLO, EVE!"
    assert other.import_folder(folders[1])["version"] == 1


def test_an_imported_program_has_the_effects_of_its_callees(open_app: OpenApp, tmp_path: Path) -> None:
    """They are read off what the catalog has, never off the folder."""
    home = write_program(tmp_path / "pay", "call input 0\ncall get_salary_details 1\n", "get_salary_details")
    service = open_app().service
    assert set(service.import_folder(home)["effects"]) == {Effect.CALLS, Effect.READS, Effect.TIME}


def test_a_program_is_not_imported_before_what_it_calls(open_app: OpenApp, tmp_path: Path) -> None:
    """A callee that is not there is named with its line."""
    home = write_program(tmp_path / "loud", GREET_LOUDLY, "greet")
    with pytest.raises(BuildRefused) as refused:
        open_app(shipped=False).service.import_folder(home)
    assert refused.value.stage == "imports"
    assert refused.value.details["diagnostics"] == "line 3: there is no built-in and no capability greet"


def test_an_imported_program_has_to_compile(open_app: OpenApp, tmp_path: Path) -> None:
    """Each mistake is a violation of its own, with its line."""
    found = violations(open_app, write_program(tmp_path / "broken", "nonsense\npush 1\npop 1\n"))
    assert [line.partition(": expected")[0] for line in found] == [
        "src/main.program: line 1",
        "src/main.program: line 3",
    ]


def test_an_imported_program_calls_what_its_manifest_lists(open_app: OpenApp, tmp_path: Path) -> None:
    """A folder cannot leave out what its program does."""
    found = violations(open_app, write_program(tmp_path / "loud", GREET_LOUDLY))
    assert found == ["meta.json $.permissions: line 3: calls greet"]


def test_a_program_names_no_module(open_app: OpenApp, tmp_path: Path) -> None:
    """Nothing beside the source could be what runs."""
    found = violations(open_app, write_program(tmp_path / "loud", GREET, binary="loud.wasm"))
    assert found == ["meta.json $.binary: is named, but a program has none"]


def test_a_programs_folder_has_that_one_file(open_app: OpenApp, tmp_path: Path) -> None:
    """Rust beside it is not overlooked."""
    home = write_program(tmp_path / "loud", GREET)
    (home / "src" / "main.rs").write_text("fn main() {}")
    (found,) = violations(open_app, home)
    assert found.startswith("src/main.program: A program is one file, 'main.program'; got 'main.program', 'main.rs'.")


def test_an_unknown_language_is_refused(open_app: OpenApp, tmp_path: Path) -> None:
    """A folder of a later Tacit is not taken for what it is not."""
    (found,) = violations(open_app, write_program(tmp_path / "loud", GREET, language="cobol"))
    assert found.startswith("meta.json $.language: ")


@pytest.fixture
def catalog(tmp_path: Path) -> Any:
    """A catalog on this test's data folder."""
    store = Store.open(tmp_path / "data")
    yield Catalog(store)
    store.close()


def test_shipped_programs_may_call_each_other(catalog: Catalog, tmp_path: Path) -> None:
    """Whatever their order; their effects are those of all that they reach, and none is built by set-up."""
    shipped = tmp_path / "shipped"
    write_program(shipped / "a_first", "call input 0\ncall b_second 1\n", "b_second")
    write_program(shipped / "b_second", "call input 0\ncall c_third 1\n", "c_third")
    write_program(shipped / "c_third", "call input 0\n")
    assert import_shipped(catalog, shipped, effects_of) == ["a_first", "b_second", "c_third"]
    assert catalog.get("a_first").effects == {Effect.CALLS}
    assert catalog.get("c_third").author == "shipped"


def test_a_shipped_program_without_its_callee_is_left_out(
    catalog: Catalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged with the reason, and the others are imported."""
    shipped = tmp_path / "shipped"
    write_program(shipped / "lonely", "call input 0\ncall nobody 1\n", "nobody")
    write_program(shipped / "sound", "call input 0\n")
    caplog.set_level(logging.WARNING)
    assert import_shipped(catalog, shipped, effects_of) == ["sound"]
    assert "lonely was left out" in caplog.text
    assert "line 2: there is no built-in and no capability nobody" in caplog.text


def test_a_ring_of_shipped_programs_is_left_out(catalog: Catalog, tmp_path: Path) -> None:
    """Two that call each other are recursion that can be seen."""
    shipped = tmp_path / "shipped"
    write_program(shipped / "hen", "call input 0\ncall egg 1\n", "egg")
    write_program(shipped / "egg", "call input 0\ncall hen 1\n", "hen")
    assert import_shipped(catalog, shipped, effects_of) == []


def test_set_up_compiles_no_programs() -> None:
    """Of the shipped capabilities only those in Rust have a module, and the others are imported without one."""
    programs = [path.parents[1] for path in CAPABILITIES.glob("*/src/main.program")]
    assert programs
    assert [home.name for home in programs if list(home.glob("*.wasm"))] == []


def test_a_renewed_program_is_exported_as_the_version_asked_for(open_app: OpenApp, tmp_path: Path) -> None:
    """Each version keeps the source that it had."""
    service = open_app(shipped=False).service
    registered(service.mutate(count_down()))
    changed = count_down().model_copy(update={"parent_id": "count_down", "source": f"# again\n{count_down().source}"})
    registered(service.mutate(changed))
    first = service.export("count_down", tmp_path / "out", 1)
    assert (first / "src" / "main.program").read_text() == count_down().source
