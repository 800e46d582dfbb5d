"""The compiler: every form of each instruction, labels, comments, and mistakes with their lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tacit.errors import InvalidArgument, InvalidProgram
from tacit.programs.compiler import MAX_ARGUMENTS, MAX_INSTRUCTIONS, MAX_PROBLEMS, MAX_SOURCE, compile_source
from tacit.programs.instructions import (
    KINDS,
    Assert,
    Call,
    Delegate,
    EnergyCheck,
    Instruction,
    JumpIf,
    Load,
    Observe,
    Pop,
    Push,
    Return,
    Store,
    instruction_from_json,
)
from tacit.programs.values import shown


def only(source: str) -> Instruction:
    """Return the one instruction of a source."""
    (made,) = compile_source(source).instructions
    return made


def problems(source: str) -> list[dict[str, Any]]:
    """Return what is wrong with a source."""
    with pytest.raises(InvalidProgram) as refused:
        compile_source(source)
    found: list[dict[str, Any]] = refused.value.details["problems"]
    return found


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("42", 42),
        ("-1", -1),
        ("+7", 7),
        ("2.50", 2.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("123456789012345678901", 123456789012345678901.0),
        ("9223372036854775807", 9223372036854775807),
        ("-9223372036854775807", -9223372036854775807),
        ("9223372036854775808", 9223372036854775808.0),
        ("00000000000000000000000007", 7),
        ("-0.0", -0.0),
        ("[123456789012345678901]", [123456789012345678901]),
        ("٣", "٣"),
        ("1" * 100_000 + "x", "1" * 100_000 + "x"),
        ("a\0\x85\u2028\u202eb", "a\0\x85\u2028\u202eb"),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ("true", True),
        ("false", False),
        ("null", None),
        ("word", "word"),
        ("several words", "several words"),
        ('"quoted # text\\n\\u00e9"', "quoted # text\né"),
        ('""', ""),
        ('"true"', "true"),
        ('[1, {"a": null}]', [1, {"a": None}]),
        ("{}", {}),
        ("naïve", "naïve"),
    ],
)
def test_push_takes_every_kind_of_value(written: str, value: Any) -> None:
    """Numbers, words, quoted texts with JSON's escapes, lists and maps."""
    made = only(f"push {written}")
    assert made == Push(value)
    assert isinstance(made, Push)
    assert type(made.value) is type(value)


@pytest.mark.parametrize(
    ("source", "instruction"),
    [
        ("pop", Pop()),
        ("call add 2", Call("add", 2)),
        ("call\tget_salary_details   1", Call("get_salary_details", 1)),
        ("store x", Store("x")),
        ("load x.y-z_1", Load("x.y-z_1")),
        ("jump_if 0", JumpIf(0)),
        ("jump_if 1", JumpIf(1)),
        ("return", Return()),
        ("energy_check 2.5", EnergyCheck(2.5)),
        ("delegate analyst look at the figures", Delegate("analyst", "look at the figures")),
        ('delegate analyst "a # b"', Delegate("analyst", "a # b")),
        ("observe temp", Observe("temp")),
        ("assert the total is positive", Assert("the total is positive")),
    ],
)
def test_every_other_instruction_is_read(source: str, instruction: Instruction) -> None:
    """Each of the ten has its operands."""
    assert only(source) == instruction


def test_comments_and_blank_lines_are_no_instructions() -> None:
    """Lines are still counted, for errors later."""
    program = compile_source("# a comment\n\n  push 1  # one\n\t\npop\n")
    assert program.instructions == (Push(1), Pop())
    assert program.lines == (3, 5)
    assert [program.line(address) for address in (0, 1, 2, -1)] == [3, 5, None, None]


@pytest.mark.parametrize("source", ["", "\n\n", "# nothing", "   ", "\ufeff", "\ufeff# nothing", "\n" * 100_000])
def test_empty_sources_compile_to_nothing(source: str) -> None:
    """A program without instructions is one."""
    assert compile_source(source).instructions == ()


def test_lines_end_as_they_do_for_people() -> None:
    """With either or both of the two characters; a byte order mark before the first is no part of it."""
    assert compile_source("\ufeffpush 1\r\npop\rpush\x0b2\x0c\n").instructions == (Push(1), Pop(), Push(2))


@pytest.mark.parametrize("source", [None, 5, b"push 1", ["push 1"]], ids=repr)
def test_what_is_no_text_is_no_source(source: Any) -> None:
    """An error of the language's, with the type that it was."""
    with pytest.raises(InvalidProgram, match=type(source).__name__):
        compile_source(source)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_labels_may_have_the_names_of_instructions(name: str) -> None:
    """Also before that very instruction."""
    assert compile_source(f"{name}: push true\njump_if {name}\n").labels == {name: 0}


def test_labels_stand_for_addresses() -> None:
    """Alone or before an instruction, forward and backward, at the end too."""
    program = compile_source("start: push true\njump_if end\npush true\njump_if start\nend:")
    assert program.labels == {"start": 0, "end": 4}
    assert [each.address for each in program.instructions if isinstance(each, JumpIf)] == [4, 0]


def test_what_it_calls_is_known() -> None:
    """The names that a program calls are read off it, each once."""
    program = compile_source("call add 2\ncall get_salary_details 1\ncall add 2")
    assert program.calls == {"add", "get_salary_details"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("push", "a value after push"),
        ("push [1", "JSON"),
        ('push "open', "JSON"),
        ('push "a" b', "nothing after the value"),
        ("push NaN", "a finite number"),
        ("push -Infinity", "a finite number"),
        ("push 1e999", "a finite number"),
        ("push [NaN]", "JSON"),
        (f"push {'[' * 500}{']' * 500}", "deeper"),
        (f"push {'[' * 100_000}", "at most 100 lists"),
        (f"push [{'9' * 5_000}]", "5000 digits"),
        ("push [1e400]", "JSON"),
        ("push " + "1" * 100_000, "a finite number"),
        ('push "\\ud800"', "\\ud800 is half"),
        ('push {"\\udfff": 1}', "\\udfff is half"),
        ('assert "\\ud800"', "\\ud800 is half"),
        ("delegate agent \ud800", "\\ud800 is half"),
        ("pop 1", "nothing after pop"),
        ("return x", "nothing after return"),
        ("call", "call NAME COUNT"),
        ("call add", "call NAME COUNT"),
        ("call add two", "call NAME COUNT"),
        ("call add -1", "call NAME COUNT"),
        ("call add ²", "call NAME COUNT"),
        (f"call add {MAX_ARGUMENTS + 1}", "at most"),
        ("call add 99999999999999", "at most"),
        ("store", "a name after store"),
        ("store 1x", "a name after store"),
        ("store a b", "a name after store"),
        ("load ../etc", "a name after load"),
        ("jump_if", "an address or a label"),
        ("jump_if nowhere", "an address or a label"),
        ("jump_if -1", "an address or a label"),
        ("jump_if 2", "an address from 0 to 1"),
        ("jump_if 99999999999999999999", "an address from 0"),
        ("energy_check", "a number of energy units"),
        ("energy_check -1", "another threshold"),
        ("energy_check NaN", "a number of energy units"),
        ("energy_check 1e300", "another threshold"),
        ("delegate", "delegate AGENT TASK"),
        ("delegate agent", "delegate AGENT TASK"),
        ("observe", "a name after observe"),
        ("assert", "a description after assert"),
        ("PUSH 1", "one of push, pop"),
        ("explode now", "one of push, pop"),
        ("\ud800", "\\ud800 is half"),
        ("energy_check " + "1" * 100_000 + "x", "a number of energy units"),
        ("energy_check " + "1" * 100_000, "another threshold"),
        ("jump_if ٣", "an address or a label"),
    ],
)
def test_mistakes_name_their_line_and_what_was_expected(source: str, expected: str) -> None:
    """Whatever is wrong is said with its line, in words."""
    (problem,) = problems(f"# first\n{source}")
    assert problem["line"] == 2
    assert expected in problem["message"]


def test_all_mistakes_are_told_at_once_in_order() -> None:
    """An author mends them in one go."""
    assert [each["line"] for each in problems("push\njump_if x\nexplode\npush 1\na:\na: pop 1")] == [1, 2, 3, 6]


def test_many_mistakes_are_cut() -> None:
    """The rest is counted."""
    with pytest.raises(InvalidProgram, match="and 80 more") as refused:
        compile_source("explode\n" * 100)
    assert len(refused.value.details["problems"]) == MAX_PROBLEMS


def test_sources_and_programs_are_bounded() -> None:
    """A vast source is refused unread, one with too many instructions after it was read."""
    with pytest.raises(InvalidProgram, match="limit"):
        compile_source("#" * (MAX_SOURCE + 1))
    assert "at most" in problems("pop\n" * (MAX_INSTRUCTIONS + 1))[0]["message"]


def test_costs_are_those_of_the_seed() -> None:
    """In hundredths of a unit; a delegation costs most."""
    assert {name: kind.cost for name, kind in KINDS.items()} == {
        "push": 10,
        "pop": 5,
        "store": 10,
        "load": 10,
        "call": 100,
        "delegate": 200,
        "observe": 30,
        "assert": 20,
        "jump_if": 5,
        "return": 5,
        "energy_check": 5,
    }


@pytest.mark.parametrize("name", sorted(KINDS))
def test_instructions_survive_json(name: str) -> None:
    """Each is read back as it was, and its text compiles to it again."""
    sources = {
        "push": 'push {"a": ["ü", null]}',
        "call": "call add 2",
        "store": "store x",
        "load": "load x",
        "jump_if": "jump_if 1",
        "energy_check": "energy_check 0.5",
        "delegate": 'delegate someone "do it"',
        "observe": "observe x",
        "assert": 'assert "it holds"',
    }
    made = only(sources.get(name, name))
    assert instruction_from_json(json.loads(json.dumps(made.to_json()))) == made


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"op": "explode"},
        {"op": "push"},
        {"op": "push", "value": 10**5000},
        {"op": "push", "value": "\ud800"},
        {"op": "push", "value": json.loads("[" * 101 + "]" * 101)},
        {"op": "pop", "value": 1},
        {"op": "call", "callee": 1, "count": 2},
        {"op": "call", "callee": "add", "count": "2"},
        {"op": "call", "callee": "add", "count": -1},
        {"op": "jump_if", "address": True},
        {"op": "energy_check", "threshold": float("nan")},
        [],
        "push",
    ],
    ids=shown,
)
def test_what_is_no_instruction_is_refused(data: Any) -> None:
    """JSON of another form is an error of the caller's, not Python's."""
    with pytest.raises(InvalidArgument):
        instruction_from_json(data)
