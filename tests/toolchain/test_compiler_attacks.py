"""What source may try against the compiler and the machine that it runs on: one attack each."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tacit.config import Settings
from tacit.errors import BuildRefused
from tacit_builder.toolchain import Compiled, Confinement, Sdk, Toolchain
from tacit_builder.toolchain.diagnostics import MOST_CHARACTERS

Compile = Callable[..., Compiled]
Refusal = Callable[..., BuildRefused]

SECRET = "hush-3f9c-hush"
BOMB_SECONDS = 2.0


def told(error: BuildRefused) -> str:
    """Return all that the author learns."""
    return f"{error.message}\n{error.hint}\n{error.details['diagnostics']}"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    """Return a file that the builder's own user can read."""
    path = tmp_path / "secret.rs"
    path.write_text(f'pub const S: &str = "{SECRET}";')
    return path


def test_include_str_reads_no_file_of_the_machine(
    secret_file: Path, refusal: Refusal, each_confinement: Confinement
) -> None:
    """`include_str!` of a file outside fails, and its content is not in the answer."""
    error = refusal(f'fn main() {{ print!("{{}}", include_str!("{secret_file}")); }}', each_confinement)
    assert "couldn't read" in told(error)
    assert SECRET not in told(error)


def test_etc_passwd_does_not_exist(refusal: Refusal, each_confinement: Confinement) -> None:
    """The machine's own files look absent, not forbidden."""
    error = refusal('fn main() { print!("{}", include_str!("/etc/passwd")); }', each_confinement)
    assert "No such file or directory" in told(error)
    assert "root:" not in told(error)


def test_environment_of_the_process_is_out_of_reach(refusal: Refusal, each_confinement: Confinement) -> None:
    """`include_bytes!` of `/proc/self/environ` fails."""
    error = refusal('fn main() { print!("{:?}", include_bytes!("/proc/self/environ")); }', each_confinement)
    assert "couldn't read" in told(error)


def test_env_sees_no_variable_of_the_builder(
    refusal: Refusal, each_confinement: Confinement, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`env!` of a variable of the builder's says that it is not defined."""
    monkeypatch.setenv("TACIT_ATTACKED", SECRET)
    error = refusal('fn main() { print!("{}", env!("TACIT_ATTACKED")); }', each_confinement)
    assert "not defined at compile time" in told(error)
    assert SECRET not in told(error)


def test_option_env_sees_no_variable_of_the_builder(
    compiled: Compile, each_confinement: Confinement, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`option_env!` compiles to None, and the module does not hold the value."""
    monkeypatch.setenv("TACIT_ATTACKED", SECRET)
    source = 'fn main() { print!("{}", match option_env!("TACIT_ATTACKED") { Some(v) => v, None => "none" }); }'
    assert SECRET.encode() not in compiled(source, each_confinement).wasm


@pytest.mark.parametrize("variable", ["HOME", "PATH", "TMPDIR", "USER", "PWD"])
def test_usual_variables_name_nothing_of_the_machine(
    variable: str, compiled: Compile, each_confinement: Confinement
) -> None:
    """Where rustc itself needs a variable, its value holds no path of the machine."""
    source = f'fn main() {{ print!("<{{}}>", option_env!("{variable}").unwrap_or("")); }}'
    wasm = compiled(source, each_confinement).wasm
    assert str(Path.home()).encode() + b"/" not in wasm
    assert b"tacit-compile-" not in wasm


def test_path_attribute_shows_no_file_in_errors(
    secret_file: Path, refusal: Refusal, each_confinement: Confinement
) -> None:
    """`#[path]` cannot make the compiler quote a file of the machine."""
    secret_file.write_text(f"{SECRET} is no Rust")
    error = refusal(f'#[path = "{secret_file}"] mod x; fn main() {{}}', each_confinement)
    assert SECRET not in told(error)


def test_include_cannot_climb_out_of_the_source(refusal: Refusal, each_confinement: Confinement) -> None:
    """`include!` with `..` ends at nothing."""
    error = refusal('include!("../../../../../../etc/hostname"); fn main() {}', each_confinement)
    assert "No such file or directory" in told(error)


def test_source_of_another_build_is_out_of_reach(
    refusal: Refusal, each_confinement: Confinement, tmp_path: Path
) -> None:
    """A file in the folder for temporary files cannot be included."""
    (tmp_path / "main.rs").write_text(f"// {SECRET}")
    error = refusal(f'fn main() {{ print!("{{}}", include_str!("{tmp_path}/main.rs")); }}', each_confinement)
    assert SECRET not in told(error)


def test_endless_device_is_out_of_reach(refusal: Refusal, each_confinement: Confinement) -> None:
    """`include_bytes!("/dev/zero")` fails at once instead of filling memory."""
    error = refusal('fn main() { print!("{}", include_bytes!("/dev/zero").len()); }', each_confinement)
    assert "couldn't read" in told(error)


def test_debugger_scripts_are_out_of_reach(refusal: Refusal, each_confinement: Confinement) -> None:
    """`#![debugger_visualizer]` is one more way to read a file, and fails too."""
    error = refusal('#![debugger_visualizer(natvis_file = "/etc/passwd")] fn main() {}', each_confinement)
    assert "couldn't read" in told(error)


def test_foreign_crates_cannot_be_named(refusal: Refusal) -> None:
    """`extern crate` of a crate that the SDK does not have fails."""
    assert "can't find crate for `openssl`" in told(refusal("extern crate openssl; fn main() {}"))


def test_crates_behind_the_sdk_cannot_be_named(refusal: Refusal) -> None:
    """What the SDK's crates depend on is not offered to sources."""
    assert "memchr" in told(refusal("extern crate memchr; fn main() {}"))


def test_procedural_macros_cannot_be_defined(refusal: Refusal) -> None:
    """A source that declares itself a procedural macro is compiled as a program, where its attributes fail."""
    source = '#![crate_type = "proc-macro"] #[proc_macro] pub fn x(i: u8) -> u8 { i } fn main() {}'
    assert "proc_macro" in told(refusal(source))


def test_unstable_features_stay_closed(refusal: Refusal) -> None:
    """`#![feature]` is refused, and with it what is unstable."""
    assert "E0554" in told(refusal("#![feature(core_intrinsics)] fn main() {}"))


def test_assembler_cannot_include_files(refusal: Refusal) -> None:
    """`global_asm!` with `.incbin` does not compile for this target."""
    source = 'core::arch::global_asm!(".incbin \\"/etc/passwd\\""); fn main() {}'
    assert "error" in told(refusal(source))


def test_linker_takes_no_arguments_of_the_author(refusal: Refusal) -> None:
    """`#[link_args]` is not understood."""
    assert "link_args" in told(refusal('#[link_args = "-o /out/x"] extern "C" {} fn main() {}'))


def test_linker_reads_no_library_of_the_machine(
    secret_file: Path, refusal: Refusal, each_confinement: Confinement
) -> None:
    """`#[link]` of a file outside is not found, and the linker's command line is not in the answer."""
    source = (
        f'#[link(name = "{secret_file}", kind = "dylib")] extern "C" {{ fn f(); }} fn main() {{ unsafe {{ f() }} }}'
    )
    error = refusal(source, each_confinement)
    assert SECRET not in told(error)
    assert "stack-first" not in told(error)


def test_recursive_macro_is_killed(refusal: Refusal) -> None:
    """A macro that doubles its tokens is ended by time or memory."""
    source = "macro_rules! m { ($($t:tt)*) => { m!($($t)* $($t)*) } } fn main() { m!(a b) }"
    assert refusal(source, seconds=BOMB_SECONDS).message.startswith(("Compiling took", "The compiler ran out"))


def test_endless_constant_is_killed(refusal: Refusal) -> None:
    """A constant that never ends is ended by time, though its lint is switched off."""
    source = """#![allow(long_running_const_eval)]
        const X: u64 = { let mut i = 0; while i < u64::MAX { i += 1; } i };
        fn main() { print!("{X}") }"""
    assert refusal(source, seconds=BOMB_SECONDS).message == "Compiling took more than 2 seconds."


def test_exponential_type_is_killed(refusal: Refusal) -> None:
    """Types that double thirty times are ended by time, memory or rustc's own limits."""
    doubling = "".join(f"type T{n + 1} = (T{n}, T{n});" for n in range(30))
    source = f'type T0 = (); {doubling} fn main() {{ let x: Option<T30> = None; print!("{{}}", x.is_some()) }}'
    source += " fn f(x: T30) -> impl std::fmt::Debug { x }"
    assert refusal(source, seconds=BOMB_SECONDS)


def test_huge_constant_is_killed(refusal: Refusal) -> None:
    """An array of 8 GiB is ended by memory or time."""
    source = 'static X: [u8; 8 << 30] = [1; 8 << 30]; fn main() { print!("{}", X[3]) }'
    assert refusal(source, seconds=BOMB_SECONDS)


def test_deep_nesting_ends_the_compiler_alone(refusal: Refusal) -> None:
    """Parentheses that overflow rustc's stack are a refusal without a crash report."""
    error = refusal("fn main() { let x = " + "(" * 200_000 + "1" + ")" * 200_000 + "; }")
    assert error.message == "The compiler ran out of memory, stack or processor time."
    assert "librustc" not in told(error)


def test_flood_of_errors_is_cut(refusal: Refusal) -> None:
    """Twenty thousand errors, some 60 MB, come back as a few."""
    error = refusal("fn main() {" + "".join(f'let v{n}: u8 = "{n}";' for n in range(20_000)) + "}")
    assert "mismatched types" in error.details["diagnostics"]
    assert len(error.details["diagnostics"]) <= MOST_CHARACTERS


def test_one_endless_error_is_cut(refusal: Refusal) -> None:
    """An error of a hundred thousand characters is cut too."""
    error = refusal(f'compile_error!("{"x" * 100_000}"); fn main() {{}}')
    assert len(error.details["diagnostics"]) <= MOST_CHARACTERS


def test_terminal_codes_are_dropped(refusal: Refusal) -> None:
    """Control characters of the author's do not reach whoever prints the errors."""
    assert "\x1b" not in told(refusal('compile_error!("\x1b[2J\x07"); fn main() {}'))


def test_answer_holds_no_path_of_the_machine(
    refusal: Refusal, each_confinement: Confinement, toolchain: Toolchain, sdk: Sdk, settings: Settings
) -> None:
    """Errors that point into the SDK, the standard library and the linker's input name no real folder."""
    source = """use serde::Serialize; struct Plain;
        #[derive(Serialize)] struct Outer { inner: Plain }
        fn main() { let x: std::collections::HashMap<String, u8> = vec![1u8]; serde_json::to_string(&Plain); }"""
    shown = told(refusal(source, each_confinement))
    for folder in (settings.cache, sdk.folder, Path.home(), toolchain.mounts(rooted=False)[0].source):
        assert str(folder) not in shown
    assert "tacit-compile-" not in shown


def test_module_holds_no_path_of_the_machine(compiled: Compile, each_confinement: Confinement) -> None:
    """Panic messages name files as `src/…` and `crates/…`, not where they were compiled."""
    source = 'fn main() { let r = regex::Regex::new("a+").unwrap(); assert!(r.is_match("b"), "{}", file!()); }'
    wasm = compiled(source, each_confinement).wasm
    assert b"main.rs" in wasm
    for folder in (str(Path.home()), "tacit-compile-", ".cargo/registry"):
        assert folder.encode() not in wasm


def test_description_of_the_toolchain_cannot_be_included(
    refusal: Refusal, each_confinement: Confinement, settings: Settings
) -> None:
    """The file that says where this machine keeps its toolchain is not among what the compiler sees."""
    folder = "/toolchain" if each_confinement.rooted else settings.toolchain or settings.cache / "toolchain"
    error = refusal(f'fn main() {{ print!("{{}}", include_str!("{folder}/toolchain.json")); }}', each_confinement)
    assert "No such file or directory" in told(error)


@pytest.mark.parametrize("place", ["{}", "source/{}", "/source/{}", "/proc/self/cwd/{}"])
def test_linker_reads_no_arguments_from_the_source(place: str, refusal: Refusal, each_confinement: Confinement) -> None:
    """`@file` would make the linker take further arguments from a file, one of which loads code into it."""
    source = (
        f"""#[link(name = "@{place.format("more.rs")}")] extern "C" {{ fn f(); }} fn main() {{ unsafe {{ f() }} }}"""
    )
    shown = told(refusal(source, each_confinement, more="c --allow-undefined -mllvm -load=/out/planted.so"))
    assert "planted" not in shown
    assert "unable to find library -l@" in shown


@pytest.mark.parametrize("words", ["linking with", "aborting due to"])
def test_author_cannot_speak_for_rustc(words: str, refusal: Refusal) -> None:
    """An error that begins like one of rustc's own is an error of the source, and is shown."""
    error = refusal(f'compile_error!("{words} nothing"); fn main() {{}}')
    assert error.message == "The source does not compile."
    assert f"{words} nothing" in error.details["diagnostics"]


def test_path_through_a_file_tells_nothing(secret_file: Path, refusal: Refusal, each_confinement: Confinement) -> None:
    """A file that exists is no other way of failing than one that does not."""
    error = refusal(f'fn main() {{ print!("{{}}", include_str!("{secret_file}/x")); }}', each_confinement)
    assert "No such file or directory" in told(error)


def test_what_hides_text_is_dropped(refusal: Refusal) -> None:
    """Characters that turn the direction of text, and C1 controls, do not reach whoever reads the errors."""
    shown = told(refusal('compile_error!("a\u202eb\u009b2Jc\u2028d"); fn main() {}'))
    assert "ab2Jcd" in shown.replace("\ufffd", "")


def test_pipes_of_other_processes_are_out_of_reach(
    tmp_path: Path, refusal: Refusal, each_confinement: Confinement
) -> None:
    """What the builder itself has open cannot be reached through its folder in `/proc`."""
    with (tmp_path / "open").open("w+") as file:
        file.write(SECRET)
        file.flush()
        path = f"/proc/{os.getpid()}/fd/{file.fileno()}"
        error = refusal(f'fn main() {{ print!("{{}}", include_str!("{path}")); }}', each_confinement)
    assert "No such file or directory" in told(error)
