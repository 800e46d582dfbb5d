"""The built-in functions: what each gives, and what each refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tacit.errors import (
    CapabilityFailed,
    DivisionByZero,
    OutOfRange,
    ProgramError,
    TacitError,
    ValueTooLarge,
    WrongType,
)
from tacit.programs import MiniRuntime, Reference
from tacit.programs.builtins import BUILTINS
from tacit.programs.numerals import LARGEST
from tacit.programs.structures import MAX_RANGE
from tacit.programs.values import type_name


def called(name: str, *arguments: Any) -> Any:
    """Return what a built-in makes of arguments."""
    return MiniRuntime("test", budget=1e9).call(name, list(arguments))


GIVES: list[tuple[str, tuple[Any, ...], Any]] = [
    ("add", (1, 2.5), 3.5),
    ("subtract", (1, 2), -1),
    ("multiply", (3, 4), 12),
    ("divide", (300, 15), 20),
    ("divide", (1, 4), 0.25),
    ("divide", (1.0, 2), 0.5),
    ("modulo", (7, 3), 1),
    ("modulo", (-7, 3), 2),
    ("power", (2, 10), 1024),
    ("power", (2, -1), 0.5),
    ("power", (2.0, 0.5), 2**0.5),
    ("negate", (5,), -5),
    ("absolute", (-5,), 5),
    ("round", (2.5,), 2),
    ("round", (3.14159, 2), 3.14),
    ("round", (1250, -2), 1200),
    ("floor", (-1.5,), -2),
    ("ceiling", (-1.5,), -1),
    ("minimum", (3, 1, 2), 1),
    ("maximum", ([3, 1, 2],), 3),
    ("sum", ([1, 2, 3],), 6),
    ("sum", ([0.1] * 10,), 1.0),
    ("sum", ([],), 0),
    ("less", (1, 2), True),
    ("less", ("a", "b"), True),
    ("less_equal", (2, 2), True),
    ("greater", (1, 2), False),
    ("greater_equal", (2, 2), True),
    ("and", (1, ""), False),
    ("or", (0, "a"), True),
    ("not", ([],), True),
    ("type", (Reference("a"),), "reference"),
    ("equal", ([1, {"a": 2}], [1.0, {"a": 2}]), True),
    ("equal", (1, True), False),
    ("not_equal", ("a", "b"), True),
    ("list", (), []),
    ("list", (1, "a"), [1, "a"]),
    ("map", ("a", 1, "b", [2]), {"a": 1, "b": [2]}),
    ("length", ("naïve",), 5),
    ("length", ({"a": 1},), 1),
    ("get", ([1, 2, 3], -1), 3),
    ("get", ([1, 2, 3], 1.0), 2),
    ("get", ({"a": None}, "a", 5), None),
    ("get", ({}, "a", 5), 5),
    ("get", ("abc", 0), "a"),
    ("has", ({"a": None}, "a"), True),
    ("has", ([1], 1), False),
    ("range", (3,), [0, 1, 2]),
    ("range", (2, 4), [2, 3]),
    ("range", (4, 2), []),
    ("append", ([1], [2]), [1, [2]]),
    ("put", ([1, 2], 0, "a"), ["a", 2]),
    ("put", ({"a": 1}, "b", 2), {"a": 1, "b": 2}),
    ("remove", ([1, 2], -1), [1]),
    ("remove", ({"a": 1}, "b"), {"a": 1}),
    ("concat", ("a", "b"), "ab"),
    ("concat", ([1], [2]), [1, 2]),
    ("merge", ({"a": 1, "b": 1}, {"b": 2}), {"a": 1, "b": 2}),
    ("slice", ("abcdef", 1, -1), "bcde"),
    ("slice", ([1, 2, 3], 1, 99), [2, 3]),
    ("reverse", ("abc",), "cba"),
    ("reverse", ([1, 2],), [2, 1]),
    ("sort", ([3, 1, 2.5],), [1, 2.5, 3]),
    ("sort", (["b", "a"],), ["a", "b"]),
    ("contains", ([1, [2]], [2]), True),
    ("contains", ([1], True), False),
    ("contains", ({"a": 1}, "a"), True),
    ("contains", ("hello", "ell"), True),
    ("keys", ({"b": 1, "a": 2},), ["a", "b"]),
    ("values", ({"b": 1, "a": 2},), [2, 1]),
    ("text", ("a",), "a"),
    ("text", ([1, "ü", None],), '[1,"ü",null]'),
    ("text", (["\n" * 2_000_000],), '["' + "\\n" * 2_000_000 + '"]'),
    ("text", ("\0" * 2_000_000,), "\0" * 2_000_000),
    ("join", (["\0" * 2_000_000], "-"), "\0" * 2_000_000),
    ("text", (10**300,), str(10**300)),
    ("number", (" 4.50 ",), 4.5),
    ("number", ("12",), 12),
    ("number", (str(LARGEST),), LARGEST),
    ("number", (f"-{LARGEST}",), -LARGEST),
    ("number", ("0" * 9000 + "7",), 7),
    ("number", ("-" + "0" * 9000 + "7",), -7),
    ("number", (str(LARGEST + 1),), float(LARGEST + 1)),
    ("number", ("0.10000000000000001",), 0.1),
    ("number", ("." + "0" * 100_000,), 0.0),
    ("power", (1 << 40, 1), 1 << 40),
    ("power", ((1 << 53) + 1, 1), (1 << 53) + 1),
    ("add", ((1 << 53) + 2, 0.0), float((1 << 53) + 2)),
    ("sum", ([(1 << 53) + 1, 1],), (1 << 53) + 2),
    ("number", (7,), 7),
    ("upper", ("straße",), "STRASSE"),
    ("lower", ("ÀB",), "àb"),
    ("trim", ("\t a \n",), "a"),
    ("split", ("a,b,", ","), ["a", "b", ""]),
    ("split", ("abc", ""), ["a", "b", "c"]),
    ("join", (["a", 1, None], "-"), "a-1-null"),
    ("replace", ("a.b.c", ".", "!"), "a!b!c"),
    ("starts_with", ("abc", "ab"), True),
    ("ends_with", ("abc", "ab"), False),
    ("format", ("{name} has {n} {", {"name": "Ada", "n": 3}), "Ada has 3 {"),
    ("json_parse", ('{"a": [1, null]}',), {"a": [1, None]}),
    ("json_parse", ('["$"]',), ["$"]),
    ("json_parse", ('{"\\u0024reference": "x"}',), Reference("x")),
    ("map", ("$reference", "x"), Reference("x")),
    ("put", ({}, "$reference", "x"), Reference("x")),
    ("put", ({}, "$reference", 1), {"$reference": 1}),
    ("remove", ({"$reference": "x", "b": 1}, "b"), Reference("x")),
    ("json_text", ({"a": Reference("x")},), '{"a":{"$reference":"x"}}'),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), GIVES, ids=lambda each: str(each)[:40])
def test_builtins_give_what_they_say(name: str, arguments: tuple[Any, ...], expected: Any) -> None:
    """Each with the types that it takes; whole numbers stay whole."""
    given = called(name, *arguments)
    assert given == expected
    assert type(given) is type(expected)


def test_every_builtin_is_tested_and_described() -> None:
    """None is left out above; each has a line for authors."""
    assert {name for name, _, _ in GIVES} == set(BUILTINS) - {"fail"}
    assert all(builtin.description for builtin in BUILTINS.values())


REFUSES: list[tuple[str, tuple[Any, ...], type[ProgramError]]] = [
    ("add", (1, True), WrongType),
    ("add", (1, None), WrongType),
    ("add", (1, 2, 3), WrongType),
    ("add", (LARGEST, 1), OutOfRange),
    ("multiply", (1e308, 10), OutOfRange),
    ("divide", (1, 0), DivisionByZero),
    ("divide", (1, 0.0), DivisionByZero),
    ("modulo", (1, 0), DivisionByZero),
    ("power", (10, 400), OutOfRange),
    ("power", (2, 64), OutOfRange),
    ("power", (-8, 0.5), OutOfRange),
    ("power", (0, -1), OutOfRange),
    ("round", (1.5, 99), OutOfRange),
    ("round", (1.5, 0.5), WrongType),
    ("floor", (1e300,), OutOfRange),
    ("minimum", ([],), OutOfRange),
    ("minimum", (1, "a"), WrongType),
    ("sum", ([1, "a"],), WrongType),
    ("sum", ([1e308, 1e308],), OutOfRange),
    ("less", (1, "a"), WrongType),
    ("map", ("a",), WrongType),
    ("map", (1, 2), WrongType),
    ("length", (1,), WrongType),
    ("get", ([], 0), OutOfRange),
    ("get", ({}, "a"), OutOfRange),
    ("get", ({}, 1), WrongType),
    ("get", (1, 1), WrongType),
    ("range", (MAX_RANGE + 1,), OutOfRange),
    ("range", (0.5,), WrongType),
    ("append", ({}, 1), WrongType),
    ("put", ([], 0, 1), OutOfRange),
    ("remove", ([], 0), OutOfRange),
    ("concat", ("a", [1]), WrongType),
    ("merge", ({}, []), WrongType),
    ("reverse", (1,), WrongType),
    ("sort", ([1, "a"],), WrongType),
    ("sort", ([True],), WrongType),
    ("contains", ("abc", 1), WrongType),
    ("keys", ([],), WrongType),
    ("number", ("four",), OutOfRange),
    ("number", ("1e999",), OutOfRange),
    ("number", ("." + "0" * 100_000 + "1",), OutOfRange),
    ("number", ("0.1234567890123456789",), OutOfRange),
    ("number", ("12345678901234567890123",), OutOfRange),
    ("json_parse", ('{"a": [0.1234567890123456789]}',), OutOfRange),
    ("add", ((1 << 53) + 1, 0.5), OutOfRange),
    ("subtract", (0.5, (1 << 53) + 1), OutOfRange),
    ("multiply", ((1 << 53) + 1, 0.5), OutOfRange),
    ("divide", (0.5, (1 << 53) + 1), OutOfRange),
    ("modulo", ((1 << 53) + 1, 0.5), OutOfRange),
    ("power", ((1 << 53) + 1, 0.5), OutOfRange),
    ("sum", ([(1 << 53) + 1, 0.5],), OutOfRange),
    ("number", ("٣",), OutOfRange),
    ("number", ("1" * 200_000 + "x",), OutOfRange),
    ("number", ("1" * 200_000,), OutOfRange),
    ("upper", (1,), WrongType),
    ("split", ("a" * 200_000, ""), ValueTooLarge),
    ("join", (["a" * 1000] * 20_000, ""), ValueTooLarge),
    ("replace", ("a", "", "b"), WrongType),
    ("replace", ("a" * 100_000, "a", "b" * 1000), ValueTooLarge),
    ("format", ("{missing}", {}), OutOfRange),
    ("format", ("{a}" * 10_000, {"a": "b" * 10_000}), ValueTooLarge),
    ("json_text", ("\0" * 2_000_000,), ValueTooLarge),
    ("text", ([{"\0" * 1_500_000: None}],), ValueTooLarge),
    ("join", ([["\1" * 1_500_000]], ""), ValueTooLarge),
    ("format", ("{a}", {"a": ["\1" * 1_500_000]}), ValueTooLarge),
    ("json_parse", ("{",), OutOfRange),
    ("json_parse", ("NaN",), OutOfRange),
    ("json_parse", ("1e400",), OutOfRange),
    ("json_parse", ("9" * 5_000,), OutOfRange),
    ("json_parse", ('"\\ud800"',), OutOfRange),
    ("json_parse", ("[1,",), OutOfRange),
    ("json_parse", ("[" + "[]," * 200_000 + "1]",), ValueTooLarge),
    ("json_parse", ("[" * 150 + "]" * 150,), ValueTooLarge),
    ("json_parse", ("[" * 100_000,), ValueTooLarge),
]


@pytest.mark.parametrize(("name", "arguments", "error"), REFUSES, ids=lambda each: str(each)[:40])
def test_builtins_refuse_what_they_cannot_take(
    name: str, arguments: tuple[Any, ...], error: type[ProgramError]
) -> None:
    """A stable code for each, never an error of Python's."""
    with pytest.raises(error):
        called(name, *arguments)


def test_fail_is_the_programs_own_error() -> None:
    """Its code and message are what a caller sees of a capability that fails."""
    with pytest.raises(CapabilityFailed) as failed:
        called("fail", "no_such_team", "There is no team of that name.")
    assert failed.value.details == {"code": "no_such_team", "message": "There is no team of that name."}


QUOTED: list[tuple[str, tuple[Any, ...]]] = [
    ("fail", ("c" * 5_000, "m" * 1_000_000)),
    ("get", ({"n" * 1_000_000: 1}, "k" * 1_000_000)),
    ("format", ("{" + "n" * 1_000_000 + "}", {})),
    ("number", ("x" * 1_000_000,)),
]


@pytest.mark.parametrize(("name", "arguments"), QUOTED)
def test_errors_quote_little_of_what_is_given(name: str, arguments: tuple[Any, ...]) -> None:
    """Whoever calls reads the error, and every caller's record keeps it."""
    with pytest.raises(TacitError) as failed:
        called(name, *arguments)
    assert len(json.dumps(failed.value.to_dict())) < 6_000


def test_nothing_is_changed_in_place() -> None:
    """A value that was stored stays as it was, whatever is made of it."""
    made = MiniRuntime("test")
    made.compile(
        "push [1]\nstore x\nload x\npush 2\ncall append 2\npop\nload x\npush 0\npush 9\ncall put 3\npop\nload x"
    )
    assert made.execute().output == [1]


@pytest.mark.parametrize("name", sorted(BUILTINS))
@pytest.mark.parametrize("count", range(4))
def test_no_argument_breaks_a_builtin(name: str, count: int) -> None:
    """Any value anywhere gives a value or one of the stable errors."""
    odd: list[Any] = [
        None,
        True,
        -1,
        1e308,
        "",
        "\U0001f600\0",
        "a{b}",
        [],
        [[]],
        {},
        {"": None},
        Reference("r"),
        LARGEST,
        10**400,
    ]
    for start in range(len(odd)):
        arguments = [odd[(start + step * (start + 1)) % len(odd)] for step in range(count)]
        try:
            given = called(name, *arguments)
        except (ProgramError, CapabilityFailed):
            continue
        assert type_name(given)


def cost(name: str, *arguments: Any) -> float:
    """Return the units that a call of a built-in takes."""
    made = MiniRuntime("test", budget=1e9)
    made.call(name, list(arguments))
    return made.energy_used


def test_large_arguments_cost_more() -> None:
    """What looks at every byte is paid by the hundred; what does not costs its call alone."""
    assert cost("length", "a" * 100_000) == 1
    assert 10 < cost("upper", "a" * 100_000) < 12


def test_large_results_cost_more() -> None:
    """What makes much of little is paid for by what it makes."""
    assert cost("range", 10_000) > 60
    assert cost("split", "a" * 10_000, "") > 60
    assert cost("replace", "a" * 100, "a", "b" * 10_000) > 100
    assert cost("json_parse", "[" + "1," * 9_999 + "1]") > 60


def test_what_is_got_is_paid_for_by_its_own_size() -> None:
    """Whatever lies beside it: a loop over a list of records costs what these do."""
    record = {"name": "a" * 100}
    assert cost("get", [record] * 1_000, 5) == cost("get", [record], 0) < 1.1
    assert cost("get", {"all": [record] * 1_000}, "all") > 20


def test_comparing_long_texts_costs_more() -> None:
    """As much as the shorter one has; numbers cost nothing more."""
    assert cost("less", 10**15, 1.5) == cost("less", "a", "b" * 100_000) == 1
    assert cost("greater_equal", "a" * 100_000, "a" * 50_000) == 6


def test_each_brace_of_a_format_costs() -> None:
    """A hundredth, for each is looked at as the start of a place."""
    assert round(cost("format", "{a}{a}" + " " * 12, {"a": 1}) - cost("format", "{a}" + " " * 15, {"a": 1}), 2) == 0.01
