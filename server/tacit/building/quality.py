"""Whether tests tell a program that does the task from one that does nothing: the same gate for every author.

A trivial program answers its input, a field of it, or one fixed value. A suite that one of them passes as a whole is
refused. What it does not do: judge whether the tests are right, or enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from tacit.differences import same_value, shown
from tacit.errors import BuildRefused, InvalidInput
from tacit.models import Expectation, JsonSchema, TestCase
from tacit.schemas.validator import Validator, compile_schema

_NO_ANSWER = object()
"""What a program gives for an input that it has no answer to; fits no expectation."""
_FITTING = object()
"""What fits a schema whose values are not known; fits every `output_matches`."""
_EMPTIES: tuple[Any, ...] = ({}, [], "", 0, False, None)
_DEPTH = 8
_LENGTH = 64
_ROOM = 4096
"""How deep, how long in each list and text, and with how many values in all, a value is made to fit a schema."""

_WORDS = frozenset({"$comment", "title", "description", "examples"})
_VARY = "Add a test with another input, and the other output that belongs to it."


@dataclass(frozen=True, slots=True)
class _Trivial:
    """A program that does nothing, in words after "a program that", and the test that would tell it."""

    words: str
    remedy: str
    answer: Callable[[Any], Any]


def trivial_program(tests: Sequence[TestCase], input_schema: JsonSchema, *, outputs_alone: bool = False) -> str | None:
    """Return which trivial program passes all tests, in words, or None when none does.

    With `outputs_alone`, tests that expect an error don't count. Raises `InvalidManifest` for a schema that is none.
    """
    found = _trivial(tests, input_schema, outputs_alone=outputs_alone)
    return found and found.words


def require_telling(tests: Sequence[TestCase], input_schema: JsonSchema) -> None:
    """Raise `BuildRefused("tests")` when a trivial program passes all tests, saying which one and what to add."""
    found = _trivial(tests, input_schema, outputs_alone=False)
    if found is not None:
        raise BuildRefused(
            "tests", f"The tests tell too little: a program that {found.words} passes them all.", hint=found.remedy
        )


def _trivial(tests: Sequence[TestCase], input_schema: JsonSchema, *, outputs_alone: bool) -> _Trivial | None:
    takes = compile_schema(input_schema)
    judged = [test for test in tests if not _is_refused_unrun(test, takes)]
    if outputs_alone:
        judged = [test for test in judged if test.expect.error is None]
    if any(test.expect.error is not None or _expects_writing(test) for test in judged):
        return None
    expected = [(test.input, _acceptance(test.expect)) for test in judged]
    return next(
        (each for each in _programs(judged) if all(accepts(each.answer(given)) for given, accepts in expected)), None
    )


def _is_refused_unrun(test: TestCase, takes: Validator) -> bool:
    """Whether the server itself gives the answer that the test expects, so that every program passes it."""
    return test.expect.error == InvalidInput.code and not takes.is_valid(test.input)


def _expects_writing(test: TestCase) -> bool:
    return any(test.files.get(path) != text for path, text in test.expect.files.items())


def _acceptance(expect: Expectation) -> Callable[[Any], bool]:
    """Return what says whether an answer is the expected one."""
    if expect.output_matches is not None:
        fits = compile_schema(expect.output_matches)
        return lambda answer: answer is not _NO_ANSWER and (answer is _FITTING or fits.is_valid(answer))
    return lambda answer: answer is not _NO_ANSWER and same_value(expect.output, answer)


def _programs(tests: Sequence[TestCase]) -> Iterator[_Trivial]:
    """Yield the trivial programs, the plainest first."""
    yield _Trivial("answers its input as it came", "Add a test whose output is not its input.", lambda given: given)
    for value in _EMPTIES:
        yield _constant(value)
    for test in tests:
        yield _constant(_wanted(test.expect))
    if _ask_the_same(tests):
        # Which value fits is not known: a pattern, say, is not solved here.
        words = "always answers the same value, one that fits the schema which every test asks for,"
        yield _Trivial(words, _VARY, lambda _: _FITTING)
    yield from _copies(tests)


def _constant(value: Any) -> _Trivial:
    return _Trivial(f"always answers {shown(value)}", _VARY, lambda _: value)


def _ask_the_same(tests: Sequence[TestCase]) -> bool:
    """Whether every test expects an output of one and the same schema, titles and descriptions apart."""
    schemas = [test.expect.output_matches for test in tests]
    if not schemas or any(schema is None for schema in schemas):
        return False
    rules = [{name: rule for name, rule in (schema or {}).items() if name not in _WORDS} for schema in schemas]
    return all(same_value(rules[0], each) for each in rules)


def _copies(tests: Sequence[TestCase]) -> Iterator[_Trivial]:
    """Yield the programs that answer a field of the input, or put it, or the input, into a field of their own."""
    if not tests:
        return
    first = tests[0].input
    fields = [str(name) for name in cast("dict[str, Any]", first)] if isinstance(first, dict) else []
    wanted = _wanted(tests[0].expect)
    named = [*cast("dict[str, Any]", wanted)] if isinstance(wanted, dict) else []
    outer = named[0] if len(named) == 1 else None
    for field in fields:
        remedy = f"Add a test whose output is not the {field!r} of its input."
        yield _Trivial(f"answers its input's {field!r}", remedy, lambda given, field=field: _field(given, field))
        if outer is not None:
            yield _Trivial(
                f"answers its input's {field!r} as {outer!r}",
                remedy,
                lambda given, field=field, outer=outer: _within(outer, _field(given, field)),
            )
    if outer is not None:
        yield _Trivial(
            f"answers its input as {outer!r}",
            "Add a test whose output does not hold its input.",
            lambda given, outer=outer: _within(outer, given),
        )


def _field(given: Any, name: str) -> Any:
    return cast("dict[str, Any]", given).get(name, _NO_ANSWER) if isinstance(given, dict) else _NO_ANSWER


def _within(name: str, value: Any) -> Any:
    return value if value is _NO_ANSWER else {name: value}


def _wanted(expect: Expectation) -> Any:
    """Return the expected output, or the simplest value for the schema that it is to match."""
    return expect.output if expect.output_matches is None else _simplest(expect.output_matches, _DEPTH, _ROOM)


def _simplest(schema: Any, depth: int, room: int) -> Any:
    """Return a value, of `room` values at most, that fits the plain keywords of a schema; it need not fit the rest."""
    if not isinstance(schema, dict) or depth == 0 or room == 0:
        return None
    rules = cast("dict[str, Any]", schema)
    if "const" in rules or rules.get("enum"):
        return rules["const"] if "const" in rules else rules["enum"][0]
    kind = rules.get("type", "object" if {"required", "properties"} & set(rules) else "null")
    if isinstance(kind, list):
        kind = cast("list[str]", kind)[0]
    if kind == "object":
        properties: dict[str, Any] = rules.get("properties", {})
        names: list[str] = rules.get("required", [])[:room]
        return {name: _simplest(properties.get(name, {}), depth - 1, room // len(names)) for name in names}
    if kind == "array":
        length = min(int(rules.get("minItems", 0)), _LENGTH, room)
        return [_simplest(rules.get("items", {}), depth - 1, room // length)] * length if length else []
    plain: dict[str, Any] = {
        "string": "x" * min(int(rules.get("minLength", 0)), _LENGTH),
        "integer": rules.get("minimum", rules.get("exclusiveMinimum", -1) + 1),
        "number": rules.get("minimum", rules.get("exclusiveMinimum", -1) + 1),
        "boolean": False,
    }
    return plain.get(kind)
