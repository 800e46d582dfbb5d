"""The whole builder for real: rustc, the sandbox, and sources that attack both."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from processes_seen import descendants, name_of, running
from pydantic import ValidationError

from tacit.building import Builder, BuildRequest, Progress
from tacit.building.brief import EXAMPLE_CALL
from tacit.building.descendants import children
from tacit.errors import BuilderFailed, BuildRefused, RunCancelled, ToolchainMissing
from tacit.models import STAGES, TestCase
from tacit.sandbox.cancellation import Cancellation

MakeBuilder = Callable[..., Builder]
WaitUntil = Callable[[Callable[[], bool], str], None]

DOUBLE = """
use capability_common::{run, Error};
fn main() { run(|number: i64| -> Result<i64, Error> { Ok(number * 2) }) }
"""
ENDLESS_TO_COMPILE = """
#![allow(long_running_const_eval)]
const FOREVER: u64 = { let mut i: u64 = 0; while i < u64::MAX { i += 1; } i };
fn main() { println!("{FOREVER}"); }
"""
SMALL = {"energy": 20_000_000, "wall_seconds": 20, "memory_bytes": 8 << 20, "stdout_bytes": 4096}


def case(name: str, given: Any, expect: dict[str, Any], **world: Any) -> TestCase:
    """Return a test."""
    return TestCase.model_validate({"name": name, "input": given, "expect": expect, **world})


def request(source: str = DOUBLE, **changes: Any) -> BuildRequest:
    """Return a request that differs from one that doubles a number by what is given."""
    given: dict[str, Any] = {
        "job": "job",
        "id": "double",
        "source": {"main.rs": source},
        "tests": [case("doubles", 4, {"output": 8}), case("nothing", 0, {"output": 0})],
        "input_schema": {"type": "integer"},
        "output_schema": {"type": "integer"},
    }
    return BuildRequest.model_validate(given | changes)


def refusal(builder: Builder, asked: BuildRequest) -> BuildRefused:
    """Return the refusal that the build ends with."""
    with pytest.raises(BuildRefused) as refused:
        builder.build(asked)
    return refused.value


def test_module_comes_back_tested(make_builder: MakeBuilder) -> None:
    """A good source becomes a module with its digest, effects, toolchain, results and seconds by stage."""
    seen: list[Progress] = []
    result = make_builder().build(request(), seen.append)
    assert result.wasm[:4] == b"\0asm"
    assert result.digest == sha256(result.wasm).hexdigest()
    assert result.effects == ()
    assert result.toolchain.startswith("rustc 1.")
    assert [(test.name, test.passed) for test in result.tests] == [("doubles", True), ("nothing", True)]
    stages = [progress.stage for progress in seen]
    assert stages == ["request", "compile", "imports", "permissions", "tests"]
    assert set(stages) < set(STAGES)
    assert list(result.seconds) == stages
    assert [progress.fraction for progress in seen] == sorted(progress.fraction for progress in seen)


def test_the_briefs_example_builds(make_builder: MakeBuilder) -> None:
    """What authors are shown compiles and passes its tests as it stands."""
    fields = ("id", "input_schema", "output_schema", "permissions", "tests")
    example = {name: EXAMPLE_CALL[name] for name in fields}
    result = make_builder().build(request(EXAMPLE_CALL["source"], **example))
    assert (result.effects, len(result.tests)) == (("reads",), len(EXAMPLE_CALL["tests"]))


def test_every_crate_of_the_brief_is_at_hand(make_builder: MakeBuilder) -> None:
    """A source that uses each crate that the brief names compiles."""
    source = """
use base64::Engine;
use capability_common::{run, Error};
use itertools::Itertools;
use sha2::Digest;
use unicode_segmentation::UnicodeSegmentation;

#[derive(serde::Deserialize)]
struct Row { name: String, price: rust_decimal::Decimal }

fn main() {
    run(|text: String| -> Result<serde_json::Value, Error> {
        let row: Row = csv::Reader::from_reader(text.as_bytes()).deserialize().next().unwrap().unwrap();
        let day = chrono::NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
        let sorted = [3, 1, 2].iter().sorted().join("");
        Ok(serde_json::json!([
            row.name.graphemes(true).count(),
            (row.price * rust_decimal::Decimal::TWO).to_string(),
            base64::engine::general_purpose::STANDARD.encode("hi"),
            sha2::Sha256::digest(b"")[0],
            url::Url::parse("https://example.com/a").unwrap().host_str(),
            regex::Regex::new("e+").unwrap().replace(&text, "-"),
            sorted,
            day.to_string(),
        ]))
    })
}
"""

    def row(name: str, price: str, double: str) -> TestCase:
        replaced = f"nam-,price\n{name},{price}\n"
        expected = [len(name), double, "aGk=", 227, "example.com", replaced, "123", "2024-02-29"]
        return case(name, f"name,price\n{name},{price}\n", {"output": expected})

    tests = [row("ab", "1.25", "2.50"), row("c", "3", "6")]
    result = make_builder().build(request(source, tests=tests, input_schema={}, output_schema={}))
    assert all(test.passed for test in result.tests)


def test_source_that_does_not_compile_is_refused_with_rustcs_words(make_builder: MakeBuilder) -> None:
    """The diagnostics say what and where."""
    refused = refusal(make_builder(), request('fn main() { let x: i32 = "one"; }'))
    assert refused.stage == "compile"
    assert "mismatched types" in refused.details["diagnostics"]
    assert "main.rs:1:" in refused.details["diagnostics"]


def test_files_of_the_machine_do_not_reach_the_compiler(make_builder: MakeBuilder) -> None:
    """A source cannot embed what lies on the machine that compiles it."""
    refused = refusal(make_builder(), request('fn main() { print!("{}", include_str!("/etc/passwd")); }'))
    assert refused.stage == "compile"
    assert "root:" not in str(refused.to_dict())


def test_foreign_import_is_refused_by_name(make_builder: MakeBuilder) -> None:
    """A module that wants more of its host than the sandbox offers is told what there is."""
    source = """
#[link(wasm_import_module = "env")]
extern "C" { fn steal(what: i32) -> i32; }
fn main() { println!("{}", unsafe { steal(1) }) }
"""
    refused = refusal(make_builder(), request(source))
    assert (refused.stage, "env.steal" in refused.message, "http_get" in refused.hint) == ("imports", True, True)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ('http_get("https://example.com/").is_ok()', "http"),
        ('file_read("a.txt").is_ok()', "read"),
        ('file_write("a.txt", "b").is_ok()', "write"),
        ("current_time_millis() > 0", "time"),
        ("std::time::SystemTime::now() > std::time::UNIX_EPOCH", "time"),
        ('capability_call::<_, i32>("other", &1).is_ok()', "call"),
    ],
)
def test_effect_without_permission_is_refused(call: str, field: str, make_builder: MakeBuilder) -> None:
    """Each host function needs the permission that the refusal tells how to ask for."""
    source = f"use capability_common::*; fn main() {{ run(|_: i64| -> Result<bool, Error> {{ Ok({call}) }}) }}"
    refused = refusal(make_builder(), request(source))
    assert (refused.stage, refused.message.endswith(f": {field}.")) == ("permissions", True)
    assert f'"{field}"' in refused.hint


def test_differing_output_is_shown(make_builder: MakeBuilder) -> None:
    """A failed test says what came and what was expected."""
    refused = refusal(make_builder(), request(tests=[case("right", 1, {"output": 2}), case("wrong", 1, {"output": 3})]))
    shown = {test["name"]: test for test in refused.details["tests"]}
    assert (refused.stage, refused.message) == ("tests", "1 of 2 tests failed.")
    assert (shown["right"]["passed"], shown["wrong"]["passed"]) == (True, False)
    assert "2" in shown["wrong"]["difference"]
    assert "3" in shown["wrong"]["difference"]


def test_large_difference_is_cut(make_builder: MakeBuilder) -> None:
    """An answer of a megabyte does not reach the author."""
    source = (
        'use capability_common::*; fn main() { run(|_: i64| -> Result<String, Error> { Ok("x".repeat(1 << 20)) }) }'
    )
    tests = [case(str(number), 1, {"output": f"{number}" + "y" * 5000}) for number in range(20)]
    refused = refusal(make_builder(), request(source, tests=tests, output_schema={}))
    assert len(str(refused.to_dict())) < 10_000


def test_output_that_breaks_its_schema_is_refused(make_builder: MakeBuilder) -> None:
    """What the server would not let out does not pass, even if it matches the test."""
    tests = [case("eight", 4, {"output_matches": {"const": 8}}), case("two", 1, {"output_matches": {"const": 2}})]
    refused = refusal(make_builder(), request(tests=tests, output_schema={"type": "string"}))
    assert (refused.stage, refused.details["tests"][0]["passed"]) == ("tests", False)
    assert "output_schema" in refused.details["tests"][0]["difference"]


def test_input_that_the_server_refuses_is_not_run(make_builder: MakeBuilder) -> None:
    """A test may expect what the server answers to an input that breaks the schema, though the guest would take it."""
    outside = case("outside", -1, {"error": "invalid_input"})
    tests = [outside, case("doubles", 4, {"output": 8}), case("nothing", 0, {"output": 0})]
    asked = request(tests=tests, input_schema={"type": "integer", "minimum": 0})
    assert [(test.name, test.passed) for test in make_builder().build(asked).tests] == [
        ("outside", True),
        ("doubles", True),
        ("nothing", True),
    ]


def test_new_version_that_fails_its_parents_test_is_refused(make_builder: MakeBuilder) -> None:
    """Passing the own tests is not enough to replace a version."""
    refused = refusal(make_builder(), request(parent_tests=[case("triples", 1, {"output": 3})]))
    assert [(test["name"], test["passed"]) for test in refused.details["tests"]] == [
        ("doubles", True),
        ("nothing", True),
        ("triples", False),
    ]


def test_new_version_that_passes_its_parents_tests_says_so(make_builder: MakeBuilder) -> None:
    """The parent's results are told apart; tests that both have run once."""
    both = case("doubles", 4, {"output": 8})
    result = make_builder().build(request(tests=[both], parent_tests=[both, case("zero", 0, {"output": 0})]))
    assert [test.name for test in result.tests] == ["doubles"]
    assert [test.name for test in result.parent_tests] == ["zero"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("loop { std::hint::black_box(0); }", "energy"),
        ("let mut all = vec![]; loop { all.push(vec![1u8; 1 << 20]); }", "memory"),
        ('loop { println!("x"); }', "output"),
        ('fn deep(n: u64) -> u64 { std::hint::black_box(n) + deep(n + 1) } println!("{}", deep(0));', "stack"),
        ("std::process::exit(3)", "3"),
        ('println!("not json")', "JSON"),
    ],
    ids=["loops", "fills memory", "floods", "recurses", "exits", "prints no JSON"],
)
def test_hostile_guest_fails_its_test_in_bounded_time(body: str, code: str, make_builder: MakeBuilder) -> None:
    """A guest that misbehaves is refused at the tests, and the test says how it ended."""
    refused = refusal(
        make_builder(limits=SMALL), request(f"#![allow(unconditional_recursion)]\nfn main() {{ {body} }}")
    )
    assert refused.stage == "tests"
    assert code in refused.details["tests"][0]["difference"]


def test_module_over_the_limit_is_refused(make_builder: MakeBuilder) -> None:
    """A short source cannot make a module that fills the store."""
    source = """
static TABLE: [u8; 20 << 20] = [7; 20 << 20];
fn main() { println!("{}", std::hint::black_box(&TABLE)[1]) }
"""
    refused = refusal(make_builder(), request(source))
    assert (refused.stage, "the limit is" in refused.message) == ("compile", True)


def test_module_that_begins_over_its_memory_is_refused(make_builder: MakeBuilder) -> None:
    """A short source and a small module can still ask for more memory than a run may have."""
    source = """
static mut TABLE: [u8; 20 << 20] = [0; 20 << 20];
fn main() { unsafe { TABLE[1] = 1; println!("{}", TABLE[std::hint::black_box(1)]) } }
"""
    refused = refusal(make_builder(limits=SMALL), request(source))
    assert (refused.stage, "memory" in refused.message) == ("tests", True)


def test_endless_compilation_is_refused_and_ended(make_builder: MakeBuilder, wait_until: WaitUntil) -> None:
    """Past its time the compiler is killed, and with it all that it started."""
    builder, family = make_builder(build_seconds=3), set[int]()

    def watch(progress: Progress) -> None:
        if progress.stage == "compile":
            wait_until(lambda: bool(compilers()), "the compiler")
            family.update(descendants(os.getpid()))

    before = descendants(os.getpid())

    def compilers() -> set[int]:
        return {pid for pid in descendants(os.getpid()) - before if name_of(pid) == "rustc"}

    with pytest.raises(BuildRefused, match=r"more than|longer than") as refused:
        builder.build(request(ENDLESS_TO_COMPILE), watch)
    assert refused.value.stage == "compile"
    builder.close()
    wait_until(lambda: not any(map(running, family - before)), "the end of the builder and its compiler")


def test_cancelling_ends_the_compiler(make_builder: MakeBuilder, wait_until: WaitUntil) -> None:
    """A cancelled build leaves no compiler."""
    builder, cancellation, family = make_builder(), Cancellation(), set[int]()
    before = descendants(os.getpid())

    def cancel(progress: Progress) -> None:
        if progress.stage == "compile":
            wait_until(lambda: "rustc" in map(name_of, descendants(os.getpid()) - before), "the compiler")
            family.update(descendants(os.getpid()) - before)
            cancellation.cancel()

    with pytest.raises(RunCancelled):
        builder.build(request(ENDLESS_TO_COMPILE), cancel, cancellation)
    builder.close()
    wait_until(lambda: not any(map(running, family)), "the end of the builder and its compiler")


SERVER = """
import sys
import threading
from pathlib import Path
from tacit.building import Builder, BuildRequest
from tacit.config import Settings
builder = Builder(Settings.load(data=Path(sys.argv[1])))
request = BuildRequest.model_validate_json(sys.argv[2])
say = lambda progress: print(progress.stage, flush=True)
threading.Thread(target=builder.build, args=(request, say)).start()
"""


def test_server_killed_during_a_compilation_leaves_no_process(tmp_path: Path, wait_until: WaitUntil) -> None:
    """After SIGKILL of the server neither builder, bubblewrap nor rustc lives on."""
    asked = request(ENDLESS_TO_COMPILE).model_dump_json()
    command = [sys.executable, "-c", SERVER, str(tmp_path), asked]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        wait_until(lambda: "rustc" in map(name_of, descendants(server.pid)), "the compiler")
        family = descendants(server.pid)
        server.kill()
    wait_until(lambda: not any(map(running, family)), "the end of the builder and its compiler")


def test_server_killed_while_a_guest_loops_leaves_no_process(tmp_path: Path, wait_until: WaitUntil) -> None:
    """The builder sees its server's end even while it runs a test that has none."""
    looping = request("fn main() { loop { std::hint::black_box(0); } }")
    command = [sys.executable, "-c", SERVER, str(tmp_path), looping.model_dump_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert "tests\n" in iter(server.stdout.readline, "")
        family = descendants(server.pid)
        server.kill()
    assert family
    wait_until(lambda: not any(map(running, family)), "the builder's end")


def test_builder_killed_during_a_compilation_fails_and_the_next_build_works(
    make_builder: MakeBuilder, wait_until: WaitUntil
) -> None:
    """One lost builder costs one build, and its compiler dies with it."""
    builder, family = make_builder(), set[int]()
    before = descendants(os.getpid())

    def kill(progress: Progress) -> None:
        if progress.stage == "compile":
            wait_until(lambda: "rustc" in map(name_of, descendants(os.getpid()) - before), "the compiler")
            family.update(descendants(os.getpid()) - before)
            os.kill(min(set(children(os.getpid())) - before), 9)

    with pytest.raises(BuilderFailed):
        builder.build(request(ENDLESS_TO_COMPILE), kill)
    wait_until(lambda: not any(map(running, family)), "the end of the compiler")
    assert builder.build(request()).tests[0].passed


def test_two_builds_of_one_id_at_once_both_complete(make_builder: MakeBuilder) -> None:
    """Builds share nothing, so neither waits for the other or loses anything."""
    builder = make_builder()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(builder.build, [request(), request()]))
    assert results[0].digest == results[1].digest


def test_missing_toolchain_says_what_to_do(make_builder: MakeBuilder, tmp_path: Path) -> None:
    """Without a toolchain one sentence names the command that installs it."""
    with pytest.raises(ToolchainMissing, match="tacit setup"):
        make_builder(cache=tmp_path / "empty").build(request())


def test_what_a_guest_prints_is_plain_in_the_answer(make_builder: MakeBuilder) -> None:
    """A guest's log and output that are shown with a failed test steer no terminal."""
    source = """
use capability_common::{log, run, Error};
fn main() { run(|_: i64| -> Result<String, Error> { log("\\u{1b}[2J"); Err(Error::new("odd", "\\u{202e}\\u{9b}2J")) }) }
"""
    refused = refusal(make_builder(), request(source, output_schema={}))
    shown = refused.details["tests"][0]["difference"]
    assert "odd" in shown
    assert not {"\x1b", "\x9b", "\u202e"} & set(shown)


def test_imported_names_are_plain_in_the_answer(make_builder: MakeBuilder) -> None:
    """The name of a foreign import is the author's, and steers no terminal either."""
    link = r'#[link(wasm_import_module = "\u{1b}[2Jodd")]'
    refused = refusal(make_builder(), request(f'{link} extern "C" {{ fn f(); }} fn main() {{ unsafe {{ f() }} }}'))
    assert (refused.stage, "[2Jodd.f" in refused.message, "\x1b" in refused.message) == ("imports", True, False)


def test_vast_clock_of_a_test_is_refused() -> None:
    """A time that no clock shows is no test, instead of a failure of the builder."""
    with pytest.raises(ValidationError):
        case("late", 1, {"output": 2}, now=1 << 63)
