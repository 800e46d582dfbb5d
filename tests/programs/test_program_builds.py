"""What the builder says to programs: at which stage it refuses one, and in which lines."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from program_samples import COUNT_DOWN, GREET, GREET_EVE, GREET_LOUDLY

from tacit.building import BuildRequest
from tacit.building.orders import Machine
from tacit.building.protocol import BuildResult, Progress
from tacit.config import Settings
from tacit.errors import BuildRefused
from tacit.models import Effect, TestCase
from tacit.programs.callees import ROOT, callees, compile_checked
from tacit.programs.compiler import MAX_INSTRUCTIONS, MAX_SOURCE
from tacit_builder.pipeline import build

TWO = [
    {"name": "Ada", "input": {"name": "Ada"}, "expect": {"output": "Hello, Ada!"}},
    {"name": "Bob", "input": {"name": "Bob"}, "expect": {"output": "Hello, Bob!"}},
]
LOUD = [
    {"name": "a", "input": {"name": "a"}, "calls": {"greet": "Hello, a!"}, "expect": {"output": "HELLO, A!"}},
    {"name": "b", "input": {"name": "b"}, "calls": {"greet": "Hi, b!"}, "expect": {"output": "HI, B!"}},
]


def made(
    tmp_path: Path, source: str | dict[str, str] = GREET, reports: list[Progress] | None = None, **changes: Any
) -> BuildResult:
    """Build a program in this process, where there is neither toolchain nor SDK."""
    given: dict[str, Any] = {
        "job": "job",
        "id": "sample",
        "language": "program",
        "source": {ROOT: source} if isinstance(source, str) else source,
        "tests": [TestCase.model_validate(each) for each in changes.pop("tests", TWO)],
    }
    machine = Machine.of(
        Settings.load(cache=tmp_path / "empty", toolchain=tmp_path / "none", limits={"energy": 2_000_000})
    )
    return build(BuildRequest.model_validate(given | changes), machine, (reports if reports is not None else []).append)


def refusal(tmp_path: Path, source: str | dict[str, str] = GREET, **changes: Any) -> BuildRefused:
    """Return the refusal that a build ends with."""
    with pytest.raises(BuildRefused) as refused:
        made(tmp_path, source, **changes)
    return refused.value


def diagnostics(error: BuildRefused) -> list[str]:
    """Return the lines of diagnostics."""
    return str(error.details.get("diagnostics", "")).splitlines()


def test_the_module_of_a_program_is_its_source(tmp_path: Path) -> None:
    """The digest is that of the text, as UTF-8; no compiler and no SDK had a part in it."""
    source = f"# naïve\n{GREET}"
    result = made(tmp_path, source)
    assert (result.wasm, result.digest) == (source.encode(), sha256(source.encode()).hexdigest())
    assert (result.toolchain, result.sdk, result.effects) == ("", "", ())


def test_each_stage_is_reported_in_its_order(tmp_path: Path) -> None:
    """A program goes through the stages of every build but `imports`, which is the catalog's to check."""
    reports: list[Progress] = []
    made(tmp_path, reports=reports)
    assert [each.stage for each in reports] == ["request", "compile", "permissions", "tests"]


def test_a_program_that_calls_has_that_effect(tmp_path: Path) -> None:
    """What its callees do, the builder cannot know."""
    result = made(tmp_path, GREET_LOUDLY, tests=LOUD, permissions={"call": ["greet"]})
    assert result.effects == (Effect.CALLS,)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("", "The program is empty."),
        (" \n\t\r\n", "The program is empty."),
        ("push 1\0", "The program holds a NUL, which is no text."),
        ("#" * (MAX_SOURCE + 1), f"The program has {MAX_SOURCE + 1} characters; the limit is {MAX_SOURCE}."),
        ({}, "A program is one file, 'main.program'; got none."),
        ({"main.rs": "fn main() {}"}, "A program is one file, 'main.program'; got 'main.rs'."),
        ({ROOT: GREET, "b.program": GREET}, "A program is one file, 'main.program'; got 'main.program', 'b.program'."),
        (
            {ROOT: GREET, f"src/{ROOT}": GREET},
            "A program is one file, 'main.program'; got 'main.program', 'src/main.program'.",
        ),
        ({"../main.program": GREET}, "A program is one file, 'main.program'; got '../main.program'."),
        ({"\ud800\u202e": GREET}, "A program is one file, 'main.program'; got '\\ud800\\u202e'."),
    ],
)
def test_what_is_no_programs_source_is_refused(tmp_path: Path, source: str | dict[str, str], told: str) -> None:
    """One file of that name, of a sane size, with text in it."""
    error = refusal(tmp_path, source)
    assert (error.stage, error.message) == ("request", told)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("# nothing but words\n", ["line 1: expected at least one instruction"]),
        ("push 1\nadd 2\n\npop 3", ["line 2: expected one of", "line 4: expected nothing after pop"]),
        ("push 1\r\njump_if nowhere\r\n", ["line 2: expected an address or a label after jump_if"]),
        ("push 1\ncall add 3", ["line 2: the built-in add takes 2 arguments; it is given 3"]),
        ("call input 1", ["line 1: the built-in input takes 0 arguments; it is given 1"]),
        (
            "push 1\npush 2\ncall greet 2",
            ["line 3: there is no such built-in, and the capability greet takes 1 argument"],
        ),
        ("push 1\n" * (MAX_INSTRUCTIONS + 1), [f"line {MAX_INSTRUCTIONS + 1}: expected at most {MAX_INSTRUCTIONS}"]),
        ("push [" * 1000, ["line 1: expected JSON"]),
    ],
)
def test_mistakes_are_told_with_their_lines(tmp_path: Path, source: str, told: list[str]) -> None:
    """Each in a line of the diagnostics, with what was expected."""
    error = refusal(tmp_path, source)
    assert error.stage == "compile"
    found = diagnostics(error)
    assert len(found) == len(told)
    assert all(line.startswith(start) for line, start in zip(found, told, strict=True)), found


@pytest.mark.parametrize("mistake", ["nonsense", "call add 3"], ids=["no instruction", "wrong number of arguments"])
def test_many_mistakes_are_counted(tmp_path: Path, mistake: str) -> None:
    """The first ones are told, the others counted."""
    found = diagnostics(refusal(tmp_path, f"{mistake}\n" * 50))
    assert (len(found), found[-1]) == (21, "and 30 more")


def test_line_separators_of_unicode_are_text(tmp_path: Path) -> None:
    """They neither end a line, nor let a comment hide an instruction from who reads it."""
    program = compile_checked('# a\u2028pop\npush "b\u2028c\x85d"\n')
    assert (len(program.instructions), program.lines) == (1, (2,))


def test_all_lines_that_call_what_is_not_listed_are_named(tmp_path: Path) -> None:
    """With the permissions to ask for, those asked for already included."""
    source = "call input 0\ncall greet 1\ncall shout 1\ncall greet 1\ndelegate anybody think\n"
    error = refusal(tmp_path, source, permissions={"call": ["shout"]})
    assert error.stage == "permissions"
    assert diagnostics(error) == ["lines 2, 4: calls greet", "line 5: delegates to an agent"]
    assert error.hint == 'Set permissions to {"call": ["shout", "greet", "agent"]}.'


@pytest.mark.parametrize(
    ("permissions", "told"),
    [
        ({"call": ["*"]}, "A program names what it calls, and this one asks for '*'."),
        (
            {"call": ["greet"], "http": ["example.com"], "time": True},
            "A program may only be permitted to call, and this one asks for http, time.",
        ),
    ],
)
def test_a_program_asks_for_calls_by_name_alone(tmp_path: Path, permissions: dict[str, Any], told: str) -> None:
    """All that it can do, it does through what it calls."""
    error = refusal(tmp_path, GREET_LOUDLY, tests=LOUD, permissions=permissions)
    assert (error.stage, error.message) == ("permissions", told)


def test_a_test_without_an_answer_for_a_callee_says_so(tmp_path: Path) -> None:
    """What a test's run calls has to be in its `calls`."""
    tests = [{name: value for name, value in test.items() if name != "calls"} for test in LOUD]
    error = refusal(tmp_path, GREET_LOUDLY, tests=tests, permissions={"call": ["greet"]})
    assert error.stage == "tests"
    assert (
        "this test's world has no capability 'greet'; its 'calls' or 'exchanges' has none"
        in error.details["tests"][0].difference
    )


def test_a_failed_test_of_a_program_says_how_it_differs(tmp_path: Path) -> None:
    """As with any other source."""
    error = refusal(tmp_path, GREET.replace("Hello", "Hi"))
    assert error.details["tests"][0].difference == 'at $: expected "Hello, Ada!", got "Hi, Ada!"'


def test_a_suite_that_a_trivial_program_passes_is_refused(tmp_path: Path) -> None:
    """The gates for callers hold for programs as well."""
    assert refusal(tmp_path, "push 1\n", tests=[{"name": "one", "input": 0, "expect": {"output": 1}}]).stage == "tests"


def test_a_program_that_never_ends_fails_its_tests(tmp_path: Path) -> None:
    """Its energy runs out; the build says in which line it was then."""
    error = refusal(tmp_path, "again:\npush true\njump_if again\n")
    assert error.stage == "tests"
    assert "energy_exhausted" in error.details["tests"][0].difference


def test_callees_are_found_with_their_lines() -> None:
    """Built-ins are none of them."""
    assert callees(compile_checked(GREET_LOUDLY)) == {"greet": (3,)}
    assert callees(compile_checked(COUNT_DOWN)) == callees(compile_checked(GREET_EVE)) == {}
