"""Capabilities as folders: out and in again, and folders that are wrong or hostile."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from catalog_samples import SOURCE, TESTS, manifest, module, register, write_capability

from tacit.catalog import Catalog, import_folder, read_folder, write_folder
from tacit.catalog.folder_reader import FolderReader, _unique
from tacit.errors import BuildRefused, InvalidArgument, InvalidManifest
from tacit.held_folders import HeldFolder
from tacit.models import Effect, TestCase
from tacit.sandbox import effects_of
from tacit.store import Store

NULL_TEST = TestCase.model_validate({"name": "null", "files": {"a.txt": "ü"}, "expect": {"output": None}})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A valid folder of a capability."""
    return write_capability(tmp_path / "anything")


def violations(home: Path) -> list[str]:
    """Read a folder that is wrong, and return `path: message` of each violation."""
    with pytest.raises(InvalidManifest) as caught:
        read_folder(home).candidate(frozenset(), "import")
    return [f"{item['path']}: {item['message']}" for item in caught.value.details["violations"]]


def only(home: Path) -> str:
    """Return the one violation of a folder."""
    (violation,) = violations(home)
    return violation


def test_an_exported_version_imports_as_the_same_content(catalog: Catalog, tmp_path: Path) -> None:
    """Another data folder gets the same content under the same hash."""
    given = manifest(parent="split_text@2", output_schema={"type": ["object", "null"]})
    version = catalog.register(
        given, SOURCE, module(), (*TESTS, NULL_TEST), effects=(), author="caller", toolchain="rustc"
    )
    out = write_folder(version, module(), tmp_path / "out" / "count_words")
    with Store.open(tmp_path / "elsewhere") as store:
        found = import_folder(Catalog(store), out, effects_of)
    assert (found.content_hash, found.manifest, found.source, found.tests, found.digest) == (
        version.content_hash,
        version.manifest,
        version.source,
        version.tests,
        version.digest,
    )
    assert (found.parent, found.author) == ("split_text@2", "import")


def test_a_folder_is_what_the_design_says(catalog: Catalog, tmp_path: Path) -> None:
    """`meta.json`, `tests.json`, `src/` and the module, and nothing else."""
    out = write_folder(register(catalog), module(), tmp_path / "out")
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert files == ["count_words.wasm", "meta.json", "src/main.rs", "src/parsing/dates.rs", "tests.json"]
    assert list(json.loads((out / "meta.json").read_text())) == [
        "id",
        "summary",
        "binary",
        "version",
        "language",
        "input_schema",
        "output_schema",
        "examples",
        "permissions",
        "parent",
    ]


def test_importing_what_is_there_changes_nothing(catalog: Catalog, tmp_path: Path) -> None:
    """Also when it is not the offered version that has that content."""
    first = register(catalog)
    out = write_folder(first, module(), tmp_path / "out")
    register(catalog, number=2)
    before = catalog.generation()
    assert import_folder(catalog, out, effects_of).version == 1
    assert catalog.generation() == before


def test_importing_other_content_is_the_next_version(catalog: Catalog, home: Path) -> None:
    """The number in the folder does not count; the catalog gives the next."""
    register(catalog, number=2)
    found = import_folder(catalog, home, effects_of)
    assert (found.version, found.manifest.version, found.parent) == (2, 2, "count_words@1")


def test_effects_are_what_the_caller_reads_off_the_module(catalog: Catalog, home: Path) -> None:
    """A folder cannot say what its module does."""
    found = import_folder(catalog, home, lambda wasm: frozenset({Effect.NETWORK}) if wasm == module() else frozenset())
    assert found.effects == {Effect.NETWORK}


def test_a_module_that_may_not_run_is_refused(catalog: Catalog, home: Path) -> None:
    """What the sandbox does not take is not registered."""
    (home / "count_words.wasm").write_bytes(b"\0asm\1\0\0\0")
    with pytest.raises(BuildRefused):
        import_folder(catalog, home, effects_of)
    assert catalog.ids() == ()


def test_export_never_writes_over_anything(catalog: Catalog, tmp_path: Path) -> None:
    """A folder with something in it, or a file, is left as it is, and nothing half-written stays."""
    version = register(catalog)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        with pytest.raises(InvalidArgument, match="exists already"):
            write_folder(version, module(), tmp_path / name)
    with pytest.raises(InvalidArgument, match="cannot be written"):
        write_folder(version, module(), tmp_path / "file" / "below")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "data") == ["file", "full"]
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["note.txt"]


def test_all_that_is_wrong_is_said_at_once(home: Path) -> None:
    """Manifest, tests, source and module are all looked at, whatever the others are."""
    (home / "meta.json").write_text(json.dumps({"id": "Bad Id", "summary": "short", "colour": "red"}))
    (home / "tests.json").write_text("[{}]")
    (home / "src" / "main.rs").write_bytes(b"\xff")
    found = " | ".join(violations(home))
    for place in ("meta.json $.id", "meta.json $.summary", "meta.json $.colour", "tests.json $[0].name", "src/main.rs"):
        assert place in found


@pytest.mark.parametrize(
    ("meta", "told"),
    [
        ({"id": "Bad-Id"}, "meta.json $.id"),
        ({"surprise": 1}, "meta.json $.surprise"),
        ({"language": "python"}, "meta.json $.language"),
        ({"permissions": {"read": ["../etc/passwd"]}}, "meta.json $.permissions.read[0]"),
        ({"input_schema": {"type": 3}}, "meta.json $.input_schema.type"),
        ({"binary": "../other/count_words.wasm"}, "not the name of a file"),
        ({"binary": "/etc/passwd"}, "not the name of a file"),
        ({"binary": "other.wasm"}, "other.wasm: is missing"),
        ({"binary": "meta.json"}, "is not a WebAssembly module"),
    ],
)
def test_a_wrong_manifest_is_refused_at_its_place(tmp_path: Path, meta: dict[str, Any], told: str) -> None:
    """The violation names file and field."""
    assert told in only(write_capability(tmp_path / "wrong", **meta))


def test_a_manifest_without_a_binary_means_the_usual_name(tmp_path: Path) -> None:
    """`<id>.wasm` is where a module is looked for."""
    home = write_capability(tmp_path / "any")
    document = json.loads((home / "meta.json").read_text())
    del document["binary"]
    (home / "meta.json").write_text(json.dumps(document))
    assert read_folder(home).wasm == module()


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("meta.json", b"{", "is not JSON"),
        ("meta.json", b"null", "is null"),
        ("meta.json", b"[]", "meta.json $"),
        ("meta.json", b'\xef\xbb\xbf{"id": "a_b"}', "byte-order mark"),
        ("meta.json", b'{"id": "a_b", "id": "c_d"}', "is there twice"),
        ("meta.json", b"\xff\xfe{\0}\0", "is not UTF-8"),
        ("meta.json", b"[" * 200_000, "is not JSON"),
        ("meta.json", b" " * ((4 << 20) + 1), "has more than"),
        ("tests.json", b"{}", "not a list"),
        ("tests.json", b"[]", "at least one test"),
        ("tests.json", b'[{"name": "t", "expect": {}}]', "tests.json $[0].expect"),
        ("tests.json", b'[{"name": "t", "expect": {"output": NaN}}]', "NaN"),
        ("tests.json", b'[{"name": "t", "expect": {"output": 1e999}}]', "JSON"),
        ("tests.json", b'[{"name": "t", "input": "\\ud800", "expect": {"output": 1}}]', "JSON"),
        ("tests.json", b'[{"name": "t", "expect": {"output_matches": {"type": 1}}}]', "output_matches.type"),
        ("src/main.rs", b"\xef\xbb\xbffn main() {}", "byte-order mark"),
        ("src/main.rs", b"\xff", "is not UTF-8"),
        ("src/main.rs", b"x" * ((1 << 20) + 1), "has more than"),
        ("count_words.wasm", b"MZ", "is not a WebAssembly module"),
        ("count_words.wasm", b"\0asm\1\0\0\0" + b"\0" * (16 << 20), "has more than"),
    ],
)
def test_a_wrong_file_is_refused(home: Path, file: str, content: bytes, told: str) -> None:
    """Each is named with what is wrong."""
    (home / file).write_bytes(content)
    assert told in only(home)


@pytest.mark.parametrize("missing", ["meta.json", "tests.json", "count_words.wasm", "src"])
def test_a_missing_part_is_named(home: Path, missing: str) -> None:
    """Nothing is optional."""
    (home / missing).rename(home / "elsewhere")
    assert only(home) == f"{missing}: is missing"


@pytest.mark.parametrize("name", ["with space.rs", "ünïcode.rs", ".hidden.rs", "a\\b.rs", "x" * 120 + ".rs"])
def test_a_source_file_with_an_odd_name_is_refused(home: Path, name: str) -> None:
    """Names are those that every system can write."""
    (home / "src" / name).write_text("")
    assert "plain relative path" in only(home)


def test_too_many_source_files_are_refused(home: Path) -> None:
    """Reading stops at the limit."""
    for number in range(70):
        (home / "src" / f"f{number}.rs").write_text("")
    assert "more than 64 files" in only(home)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    """A path that does not exist says so."""
    assert "is not a folder" in violations(tmp_path / "nowhere")[0]


@pytest.mark.parametrize("target", ["meta.json", "tests.json", "count_words.wasm", "src/main.rs", "src"])
def test_no_symbolic_link_is_followed(home: Path, tmp_path: Path, target: str) -> None:
    """A link in place of any part could bring a file of the host into the catalog."""
    (home / target).rename(tmp_path / "outside")
    (home / target).symlink_to(tmp_path / "outside")
    assert only(home) == f"{target}: is a symbolic link, and none is followed"


def test_a_link_put_in_place_while_it_is_read_leads_nowhere(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that was looked into becomes a link before its files are read."""
    (home / "src" / "parts").mkdir()
    (home / "src" / "parts" / "secret.rs").write_text("// mine")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.rs").write_text("// the host's")
    listed = FolderReader._files

    def swap(reader: FolderReader, *arguments: Any) -> Iterator[str]:
        found = list(listed(reader, *arguments))
        if arguments == ("src",):
            (home / "src" / "parts").rename(tmp_path / "mine")
            (home / "src" / "parts").symlink_to(tmp_path / "outside")
        return iter(found)

    monkeypatch.setattr(FolderReader, "_files", swap)
    assert only(home).startswith("src/parts/secret.rs: is ")


def test_a_link_among_the_source_files_is_refused(home: Path) -> None:
    """Also one to a whole folder."""
    (home / "src" / "etc").symlink_to("/etc")
    assert only(home) == "src/etc: is a symbolic link, and none is followed"


def test_a_name_that_is_there_twice_is_found_in_one_pass(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many names stand before it: comparing each with all others took seconds for 40,000."""
    compared = 0

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    pairs = [(Name(f"name_{number}"), 1) for number in range(2000)]
    with pytest.raises(ValueError, match="'name_1999' is there twice"):
        _unique([*pairs, (Name("name_1999"), 2)])
    assert compared < 100
    text = (home / "meta.json").read_text().rstrip().removesuffix("}")
    (home / "meta.json").write_text(text + "".join(f', "x{number}": 1' for number in range(40_000)) + ', "x39999": 2}')
    assert only(home) == "meta.json: is not JSON: 'x39999' is there twice"


@pytest.mark.parametrize("end", ["\n", "\r", "\u2028", " ", "\n.evil.example"])
def test_a_host_with_a_line_end_is_refused(home: Path, end: str) -> None:
    """It would be kept, and fail whatever compares it later."""
    text = json.loads((home / "meta.json").read_text())
    for host in (f"example.com:*{end}", f"example.com{end}", f"[::1]{end}", f"example.com:80{end}"):
        (home / "meta.json").write_text(json.dumps(text | {"permissions": {"http": [host]}}))
        assert "is not a host" in only(home)


def test_a_pipe_in_place_of_a_file_does_not_hang(home: Path) -> None:
    """What is not a regular file is refused without waiting for a writer."""
    (home / "tests.json").unlink()
    os.mkfifo(home / "tests.json")
    assert only(home) == "tests.json: is not a regular file"


def test_a_source_that_was_smuggled_into_the_store_is_not_exported(
    open_catalog: Callable[[], Catalog], tmp_path: Path
) -> None:
    """A path in a database from elsewhere cannot make an export write outside its folder."""
    catalog = open_catalog()
    register(catalog)
    with catalog.store.database.write() as connection:
        connection.exec_driver_sql("""UPDATE versions SET source = '{"../../escaped.rs": ""}'""")
    with pytest.raises(InvalidManifest, match="cannot be exported"):
        write_folder(open_catalog().get("count_words"), module(), tmp_path / "a" / "b")
    assert not (tmp_path / "escaped.rs").exists()
    assert not (tmp_path / "a" / "b").exists()


def test_the_next_export_removes_what_a_killed_one_left(catalog: Catalog, tmp_path: Path) -> None:
    """What no living process holds, and nothing else: no export that is under way, and nothing of another name."""
    version = register(catalog)
    left, held, other = (tmp_path / f".out.{ending}" for ending in ("00c0ffee", "0badcafe", "mine"))
    for folder in (left / "src", other):
        folder.mkdir(parents=True)
    under_way = HeldFolder(lambda: held.mkdir() or held)
    write_folder(version, module(), tmp_path / "out")
    assert [path.exists() for path in (left, held, other)] == [False, True, True]
    under_way.remove()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == [".out.mine"]
