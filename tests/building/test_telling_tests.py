"""Tests that tell a program from one that does nothing: what the gate refuses, and what it must not refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tacit.building.brief import EXAMPLE_CALL
from tacit.building.quality import require_telling, trivial_program
from tacit.building.summaries import summary_problem
from tacit.errors import BuildRefused, InvalidManifest
from tacit.models import TestCase

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path.parent for path in (ROOT / "capabilities").glob("*/tests.json"))


def suite(*pairs: tuple[Any, dict[str, Any]], **world: Any) -> list[TestCase]:
    """Return tests of these inputs and expectations."""
    return [
        TestCase.model_validate({"name": str(number), "input": given, "expect": expect, **world})
        for number, (given, expect) in enumerate(pairs)
    ]


def output(value: Any) -> dict[str, Any]:
    """Return the expectation of an output."""
    return {"output": value}


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([(1, output(1)), ("a", output("a"))], "answers its input as it came"),
        ([(1, output(1.0))], "answers its input as it came"),
        ([({"a": 1}, output({})), ({"a": 2}, output({}))], "always answers {}"),
        ([(1, output([])), (2, output([]))], "always answers []"),
        ([(1, output(""))], 'always answers ""'),
        ([(1, output(0))], "always answers 0"),
        ([(1, output(False))], "always answers false"),
        ([(1, output(None))], "always answers null"),
        ([({"t": "ab"}, output({"n": 2}))], 'always answers {"n": 2}'),
        ([(1, output(5)), (2, {"output_matches": {"minimum": 3, "type": "integer"}})], "always answers 5"),
        ([({"t": "a"}, output("a")), ({"t": "b"}, output("b"))], "answers its input's 't'"),
        (
            [({"t": 1, "u": 2}, output({"n": 2})), ({"t": 3, "u": 4}, output({"n": 4}))],
            "answers its input's 'u' as 'n'",
        ),
        ([(1, output({"n": 1})), (2, output({"n": 2}))], "answers its input as 'n'"),
        ([(1, {"output_matches": {"type": "string", "minLength": 3}})], 'always answers "xxx"'),
        (
            [(1, {"output_matches": {"type": "object", "required": ["a"], "properties": {"a": {"enum": [7]}}}})],
            'always answers {"a": 7}',
        ),
        ([(1, {"output_matches": {"type": "array", "minItems": 2, "items": {"type": "boolean"}}})], "[false, false]"),
    ],
)
def test_what_a_trivial_program_passes_is_named(pairs: list[tuple[Any, dict[str, Any]]], words: str) -> None:
    """Echoes, constants, empty values and copies of a field are found, and said in words."""
    found = trivial_program(suite(*pairs), {})
    assert found is not None
    assert words in found


@pytest.mark.parametrize(
    "pairs",
    [
        [(2, output(4)), (3, output(6))],
        [("a b", output(2)), ("", output(0))],
        [({"t": "ab"}, output({"n": 2})), ({"t": "abc"}, output({"n": 3}))],
        [({"t": "ab"}, output({"n": 2})), ({"t": ""}, {"error": "empty"})],
        [(1, output(True)), (2, output(1))],
        [(1, output({"n": 1, "m": 2})), (2, output({"n": 2, "m": 2}))],
        [(["b", "a"], output(["a", "b"])), (["a"], output(["a"]))],
    ],
)
def test_what_tells_a_program_passes(pairs: list[tuple[Any, dict[str, Any]]]) -> None:
    """No trivial program passes these."""
    assert trivial_program(suite(*pairs), {}) is None


@pytest.mark.parametrize(
    "rules",
    [
        {"type": "string", "pattern": "^.+$"},
        {"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "format": "date"}}},
        {"type": "integer", "multipleOf": 7, "minimum": 1},
        {"type": "number", "maximum": -5},
        {"allOf": [{"type": "integer", "minimum": 3}]},
    ],
    ids=repr,
)
def test_one_schema_for_every_output_tells_nothing(rules: dict[str, Any]) -> None:
    """Whichever value fits it, a program that always answers that value passes; words in the schema change nothing."""
    named = [(number, {"output_matches": {**rules, "title": f"the answer to {number}"}}) for number in range(3)]
    found = trivial_program(suite(*named), {})
    assert found is not None
    assert found.startswith("always answers the same value")
    assert trivial_program(suite(*named, (4, {"output_matches": {"const": [None]}})), {}) is None


def test_a_schema_of_vast_values_is_judged_at_once() -> None:
    """Lists within lists, each long, are not written out: what is made to fit them stays small."""
    rules: dict[str, Any] = {"type": "string", "minLength": 64}
    for _ in range(7):
        rules = {"type": "array", "minItems": 64, "items": rules}
    found = trivial_program(suite((1, {"output_matches": rules})), {})
    assert found is not None
    assert len(found) < 1000


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_no_shipped_suite_is_refused(folder: Path) -> None:
    """What ships passes its own gate, its outputs taken alone as well; so much for false refusals."""
    tests = [TestCase.model_validate(test) for test in json.loads((folder / "tests.json").read_text())]
    schema = json.loads((folder / "meta.json").read_text())["input_schema"]
    assert trivial_program(tests, schema) is None
    assert trivial_program(tests, schema, outputs_alone=True) is None


def test_the_briefs_example_passes_every_gate() -> None:
    """An author who copies it is not refused."""
    tests = [TestCase.model_validate(test) for test in EXAMPLE_CALL["tests"]]
    require_telling(tests, EXAMPLE_CALL["input_schema"])
    assert summary_problem(EXAMPLE_CALL["summary"], EXAMPLE_CALL["id"]) is None


def test_an_error_tells_unless_outputs_count_alone() -> None:
    """A program that always answers the same fails a test that expects an error."""
    tests = suite((2, output(4)), (-1, {"error": "negative"}))
    assert trivial_program(tests, {}) is None
    assert trivial_program(tests, {}, outputs_alone=True) == "always answers 4"


def test_what_the_server_refuses_tells_nothing() -> None:
    """Every program passes a test of an input that its schema never lets in."""
    tests = suite((2, output(4)), ("x", {"error": "invalid_input"}))
    assert trivial_program(tests, {"type": "integer"}) == "always answers 4"
    assert trivial_program(tests, {}) is None


def test_files_that_have_to_be_written_tell() -> None:
    """A trivial program writes nothing; files that stay as they are ask nothing of it."""
    written = [TestCase.model_validate({"name": "w", "input": 1, "expect": {"output": 1, "files": {"a": "b"}}})]
    assert trivial_program(written, {}) is None
    same = {"name": "s", "input": 1, "files": {"a": "b"}, "expect": {"output": 1, "files": {"a": "b"}}}
    assert trivial_program([TestCase.model_validate(same)], {}) == "answers its input as it came"


def test_the_refusal_says_what_to_add() -> None:
    """Which program passes, and which test it would fail."""
    with pytest.raises(BuildRefused) as refused:
        require_telling(suite(({"t": "ab"}, output({"n": 2}))), {})
    assert refused.value.stage == "tests"
    assert refused.value.message == (
        'The tests tell too little: a program that always answers {"n": 2} passes them all.'
    )
    assert refused.value.hint == "Add a test with another input, and the other output that belongs to it."


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": True}, "required": ["a"], "type": ["object", "null"]},
        {"type": "string", "minLength": 1e300},
        {"type": "array", "minItems": 1e9, "items": {"type": "array", "minItems": 1e9}},
        {"type": "number", "exclusiveMinimum": 1e308},
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"const": None},
        {"not": {"not": {}}},
    ],
)
def test_odd_schemas_are_no_trap(schema: Any) -> None:
    """Whatever an output has to match, the gate ends, and here other tests tell."""
    odd = suite((1, output(2)), (2, output(4)), (3, {"output_matches": schema}))
    assert trivial_program(odd, {}) is None


def test_a_schema_that_is_none_is_said() -> None:
    """A malformed schema is no reason to call the tests telling."""
    with pytest.raises(InvalidManifest):
        trivial_program(suite((1, {"output_matches": {"minLength": "x"}})), {})
