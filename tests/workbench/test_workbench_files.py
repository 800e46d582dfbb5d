"""The files of the workbench: the crate's and the SDK's, and nothing else of the machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tacit.building.protocol import MAX_SOURCE_FILES

MakeBench = Callable[..., Any]

ROOT = Path(__file__).parents[2]
HOST_PATHS = [
    "/etc/passwd",
    "../../../../etc/passwd",
    "src/../../../etc/passwd",
    "sdk/../../../etc/passwd",
    "sdk/capability_common/../../../pyproject.toml",
    "sdk/capability_common/./host.rs",
    "file:///etc/passwd",
    "/proc/self/environ",
    "/",
    "",
    "~/.ssh/id_rsa",
    "src/main.rs\0.txt",
    "\ud800",
    "/dev/stdin",
]


@pytest.mark.parametrize("path", HOST_PATHS)
def test_no_path_of_the_machine_can_be_read(path: str, make_bench: MakeBench) -> None:
    """A path is looked up among the crate's and the SDK's names, whatever it would mean on disk."""
    answer = make_bench(source={"main.rs": "fn main() {}"})("read_file", path=path)
    assert answer.startswith("There is no file ")
    assert "root:" not in answer


@pytest.mark.parametrize("path", [*HOST_PATHS, "Cargo.toml", "build.rs", "src/build.rs", "a.txt", "src/a b.rs", "é.rs"])
def test_no_path_of_the_machine_can_be_written(path: str, make_bench: MakeBench) -> None:
    """Only Rust files at plain paths of the crate are taken."""
    bench = make_bench()
    assert "written" not in bench("write_file", path=path, text="fn main() {}")
    assert bench.tools.source == {}


def test_a_link_of_the_machine_is_not_followed(
    make_bench: MakeBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link in the working folder, at a path that a crate may have, is no file of the crate."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.rs").symlink_to("/etc/passwd")
    bench = make_bench()
    assert "root:" not in bench("read_file", path="src/main.rs")
    bench("write_file", path="src/main.rs", text="fn main() {}")
    assert (tmp_path / "src" / "main.rs").is_symlink()


def test_a_file_is_read_as_it_was_written(make_bench: MakeBench) -> None:
    """With and without `src/`, Unicode included."""
    bench = make_bench(source={"main.rs": "fn main() {}"})
    assert bench("write_file", path="src/parse/row.rs", text="// é 漢\n") == "src/parse/row.rs is written: 1 lines."
    assert bench("read_file", path="parse/row.rs") == bench("read_file", path="src/parse/row.rs") == "// é 漢\n"
    assert bench("read_file", path="src/") == "src/main.rs\nsrc/parse/row.rs"


def test_an_empty_text_removes_a_file(make_bench: MakeBench) -> None:
    """An author can take back a module."""
    bench = make_bench(source={"main.rs": "fn main() {}", "old.rs": "//"})
    assert bench("write_file", path="old.rs", text="") == "old.rs is removed."
    assert bench.tools.source == {"main.rs": "fn main() {}"}


def test_the_sdk_is_there_to_read(make_bench: MakeBench) -> None:
    """The guest crate's sources are the real ones, and the crates have their versions."""
    bench = make_bench()
    shown = bench("read_file", path="sdk/capability_common/host.rs")
    assert shown == (ROOT / "capabilities" / "common" / "src" / "host.rs").read_text()
    assert "\nserde_json 1." in bench("read_file", path="sdk/crates.txt")
    assert "sdk/capability_common/lib.rs" in bench("read_file", path="sdk/")


def test_the_sdk_cannot_be_written(make_bench: MakeBench) -> None:
    """The crates are those that were linked."""
    bench = make_bench()
    assert "can only be read" in bench("write_file", path="sdk/capability_common/host.rs", text="pub fn f() {}")
    assert "pub fn http_get" in bench("read_file", path="sdk/capability_common/host.rs")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x" * (2 << 20), "bytes of source are more than"),
        ("fn main() {} // \ud800", "not valid Unicode"),
        ("fn main() {}\0", "null character"),
    ],
    ids=["huge", "surrogate", "null"],
)
def test_what_no_source_may_be_is_refused(text: str, told: str, make_bench: MakeBench) -> None:
    """The file stays as it was."""
    bench = make_bench(source={"main.rs": "fn main() {}"})
    assert told in bench("write_file", path="main.rs", text=text)
    assert bench.tools.source == {"main.rs": "fn main() {}"}


def test_thousands_of_files_are_refused(make_bench: MakeBench) -> None:
    """From the limit on, no further file is taken."""
    bench = make_bench()
    answers = [bench("write_file", path=f"m{number}.rs", text="//") for number in range(3000)]
    assert len(bench.tools.source) == MAX_SOURCE_FILES
    assert all("files are more than" in answer for answer in answers[MAX_SOURCE_FILES:])


def test_a_large_file_is_cut(make_bench: MakeBench) -> None:
    """What is read costs a bounded number of tokens."""
    bench = make_bench(source={"main.rs": "// line\n" * 100_000})
    answer = bench("read_file", path="main.rs")
    assert len(answer) < 25_000
    assert answer.endswith("… (cut: 800000 characters in all)")
