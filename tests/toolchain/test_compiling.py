"""Compiling what is right, and how the compiler ends."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tacit.building.descendants import children
from tacit.errors import BuilderFailed, BuildRefused
from tacit_builder.toolchain import Compiled, Confinement, Sdk, Toolchain, compile_source

Compile = Callable[..., Compiled]
Refusal = Callable[..., BuildRefused]

ENDLESS = 'const X: u64 = { let mut i = 0; while i < u64::MAX { i += 1; } i }; fn main() { print!("{X}") }'
SET_CHILD_SUBREAPER = 36
USES = {
    "base64": 'base64::engine::general_purpose::STANDARD.encode(b"x").len()',
    "chrono": "chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap().to_string().len()",
    "csv": 'csv::Reader::from_reader(&b"a,b\\n1,2"[..]).records().count()',
    "icu_normalizer": 'icu_normalizer::ComposingNormalizerBorrowed::new_nfc().normalize("a").len()',
    "itertools": "itertools::Itertools::sorted([2, 1].into_iter()).len()",
    "regex": 'regex::Regex::new(r"\\d+").unwrap().find_iter("1 2").count()',
    "rust_decimal": "rust_decimal::Decimal::new(123, 2).to_string().len()",
    "serde_json": 'serde_json::json!({"a": 1}).to_string().len()',
    "sha2": '<sha2::Sha256 as sha2::Digest>::digest(b"x").len()',
    "unicode_segmentation": 'unicode_segmentation::UnicodeSegmentation::graphemes("ab", true).count()',
    "url": 'url::Url::parse("https://a.b/c").unwrap().path().len()',
}


def test_program_compiles_to_a_module(compiled: Compile, each_confinement: Confinement) -> None:
    """The result is a WebAssembly module of version 1, and takes measurable time."""
    made = compiled('fn main() { println!("1"); }', each_confinement)
    assert made.wasm.startswith(b"\0asm\1\0\0\0")
    assert made.seconds > 0


@pytest.mark.parametrize("crate", USES)
def test_crate_of_the_sdk_can_be_used(crate: str, compiled: Compile) -> None:
    """Every crate that is promised links into a module."""
    imports = "use base64::Engine;" if crate == "base64" else ""
    assert compiled(f'{imports} fn main() {{ println!("{{}}", {USES[crate]}); }}').wasm


def test_serde_derives_and_the_guest_crate_work(compiled: Compile) -> None:
    """A capability as an author writes it: typed input and output over `capability_common`."""
    source = """use serde::{Deserialize, Serialize};
        #[derive(Deserialize)] struct In { n: u64 }
        #[derive(Serialize)] struct Out { twice: u64 }
        fn twice(i: In) -> Result<Out, capability_common::Error> { Ok(Out { twice: i.n * 2 }) }
        fn main() { capability_common::run(twice) }"""
    assert compiled(source).wasm


def test_every_offered_crate_is_tested_here(sdk: Sdk) -> None:
    """The list above is the SDK's, with serde and the guest crate of the test before."""
    assert set(sdk.externs) == set(USES) | {"serde", "capability_common"}


def test_modules_are_found_beside_main(compiled: Compile) -> None:
    """`mod` finds the further files."""
    assert compiled('mod parse; fn main() { print!("{}", parse::one()) }', parse="pub fn one() -> u8 { 1 }").wasm


def test_same_source_gives_the_same_module(compiled: Compile) -> None:
    """Two compilations agree to the byte, since versions are known by their hash."""
    source = 'fn main() { println!("{}", regex::Regex::new("a").is_ok()); }'
    assert compiled(source).wasm == compiled(source).wasm


def test_warnings_are_not_fatal(compiled: Compile) -> None:
    """Dead code and unused variables compile."""
    assert compiled("fn unused() {} fn main() { let x = 1; }").wasm


def test_errors_come_as_rustc_shows_them(refusal: Refusal) -> None:
    """An error has its code, its place and rustc's help."""
    shown = refusal('fn main() { let x: u8 = "a"; }').details["diagnostics"]
    assert shown.startswith("error[E0308]: mismatched types")
    assert "main.rs:1:25" in shown


def test_errors_name_the_file_that_has_them(refusal: Refusal) -> None:
    """An error in a further file names that file."""
    assert "--> src/parse.rs:1" in refusal("mod parse; fn main() {}", parse="fn (").details["diagnostics"]


def test_errors_keep_paths_of_the_authors_own(refusal: Refusal) -> None:
    """A path in the author's text, such as a URL's, is quoted as it stands."""
    assert "/api/v1/users" in refusal('fn main() { let x: u8 = "/api/v1/users"; }').details["diagnostics"]


@pytest.fixture
def adopting() -> Iterator[None]:
    """Have this process adopt what loses its parent, for the length of a test, and bury it at the end."""
    prctl, before = ctypes.CDLL(None).prctl, set(children(os.getpid()))
    prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    prctl(SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    for orphan in set(children(os.getpid())) - before:
        os.kill(orphan, signal.SIGKILL)
        os.waitpid(orphan, 0)


@pytest.mark.usefixtures("adopting")
def test_no_compiler_outlives_its_build(toolchain: Toolchain, sdk: Sdk, each_confinement: Confinement) -> None:
    """When the call has returned, no process of it is left, not even one that lost its parent."""
    source = {"main.rs": ENDLESS + " const OUTLIVES: u8 = 1;"}
    with pytest.raises(BuildRefused):
        compile_source(toolchain, sdk, source, confinement=each_confinement, seconds=1)
    assert [line for line in _children() if "rustc" in line or "bwrap" in line] == []


def test_missing_program_is_the_operators_business(toolchain: Toolchain, sdk: Sdk, tmp_path: Path) -> None:
    """A confinement that cannot start is no fault of the source."""

    class Broken:
        name, rooted = "broken", False

        def place(self, mount: object) -> str:
            return str(mount)

        def command(self, job: object) -> list[str]:
            return ["/bin/sh", "-c", "echo no such thing >&2; exit 127"]

    with pytest.raises(BuilderFailed, match="no such thing"):
        compile_source(toolchain, sdk, {"main.rs": "fn main() {}"}, confinement=Broken(), seconds=10)


def _children() -> list[str]:
    """Return the command lines of this process's live descendants."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    below = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    lines: list[str] = []
    for pid in below - {os.getpid()}:
        with contextlib.suppress(OSError):
            lines.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
    return [line for line in lines if line]
