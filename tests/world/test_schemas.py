"""Schemas: what violations say, and that a schema can reach neither the network nor the disk nor our time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from world_site import Site

from tacit.errors import InvalidManifest
from tacit.schemas.patterns import MOST, states_of
from tacit.schemas.validator import MAX_VIOLATIONS, check_schema, compile_schema, shorten


def test_a_fitting_value_has_no_violations() -> None:
    """A value that fits gives an empty list."""
    assert compile_schema({"type": "object", "required": ["id"]}).violations({"id": 1}) == []


def test_each_violation_has_its_path_and_what_was_expected() -> None:
    """Every violation is listed with its own path."""
    schema = {
        "type": "object",
        "properties": {"orders": {"items": {"properties": {"id": {"type": "integer"}}}}, "odd name": {"minimum": 3}},
    }
    found = compile_schema(schema).violations({"orders": [{"id": 1}, {"id": "x"}], "odd name": 2})
    assert {(each["path"], each["message"]) for each in found} == {
        ("$.orders[1].id", '"x" is not of type "integer"'),
        ('$["odd name"]', "2 is less than the minimum of 3"),
    }


def test_alternatives_say_why_each_did_not_fit() -> None:
    """An anyOf names the reason of each branch."""
    schema = {"anyOf": [{"type": "string"}, {"type": "object", "required": ["id"]}]}
    (only,) = compile_schema(schema).violations({"x": 1})
    assert 'not of type "string"' in only["message"]
    assert '"id" is a required property' in only["message"]


def test_violations_are_cut() -> None:
    """Many violations of a large value answer a short list of short messages."""
    found = compile_schema({"items": {"type": "integer"}}).violations(["y" * 10_000] * 100)
    assert len(found) == MAX_VIOLATIONS
    assert max(len(each["message"]) for each in found) <= 600


def test_true_is_not_one_and_one_is_one_point_zero() -> None:
    """JSON's equality holds in const and enum."""
    validator = compile_schema({"const": 1})
    assert validator.is_valid(1.0)
    assert not validator.is_valid(True)


def test_known_formats_are_asserted() -> None:
    """`format: date` refuses what is no date."""
    assert compile_schema({"format": "date"}).violations("yesterday")


@pytest.mark.parametrize("schema", [{"type": "strin"}, {"properties": []}, {"$ref": "#/$defs/missing"}])
def test_a_malformed_schema_is_refused_with_its_place(schema: dict[str, object]) -> None:
    """A schema that is none raises InvalidManifest with violations."""
    with pytest.raises(InvalidManifest) as caught:
        check_schema(schema)
    assert caught.value.details["violations"][0]["path"].startswith("$")


def test_an_http_ref_is_never_fetched(site: Site) -> None:
    """A `$ref` to a server is refused and the server sees no request."""
    site.answers("/schema", b"{}")
    with pytest.raises(InvalidManifest):
        check_schema({"$ref": f"http://127.0.0.1:{site.port}/schema"})
    assert site.seen == []


def test_a_file_ref_is_never_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A `$ref` to an existing file is refused."""
    target = tmp_path_factory.mktemp("schema") / "s.json"
    target.write_text('{"type": "string"}')
    with pytest.raises(InvalidManifest):
        check_schema({"$ref": target.as_uri()})


def test_a_meta_schema_from_elsewhere_is_refused() -> None:
    """A `$schema` that nobody published is refused."""
    with pytest.raises(InvalidManifest):
        check_schema({"$schema": "http://127.0.0.1:1/mine", "type": "string"})


def test_patterns_with_look_around_are_refused_with_advice() -> None:
    """The engine is linear; what it cannot do is refused when the schema is compiled."""
    with pytest.raises(InvalidManifest) as caught:
        check_schema({"pattern": "(?=a)b"})
    assert "look-around" in caught.value.hint


def test_a_catastrophic_pattern_answers() -> None:
    """`^(a+)+$` on a long near-match answers instead of backtracking for years."""
    assert compile_schema({"pattern": "^(a+)+$"}).violations("a" * 50_000 + "b")


def test_a_pattern_that_would_fill_memory_is_refused() -> None:
    """A counted repetition of a counted repetition is over the size limit."""
    with pytest.raises(InvalidManifest):
        check_schema({"pattern": "^((a{1000}){1000}){1000}$"})


def test_patterns_that_would_fill_memory_together_are_refused() -> None:
    """Many patterns of a megabyte each are refused before any is compiled."""
    with pytest.raises(InvalidManifest, match="more than 50000 states"):
        check_schema({"patternProperties": {f"a{{15000}}{number}": True for number in range(10)}})


@pytest.mark.parametrize(
    ("pattern", "states"),
    [
        ("^[A-Z]{3}$", 5),
        ("(ab){2,10}c", 21),
        ("((a{10})+){10}", 100),
        ("[.x]{4}", 4),
        (".{4}", 60),
        (r"[^\]a]{2}", 30),
        (r"\p{L}{2}", 1600),
        (r"\{9}", 3),
        ("[]a{9}]", 11),
        ("((a{99999}){99999}){99999}", MOST),
    ],
)
def test_states_of_patterns_are_counted(pattern: str, states: int) -> None:
    """Repetitions multiply what they repeat; classes count for what UTF-8 makes of them."""
    assert states_of(pattern) == states


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"allOf": [{"minimum": -number} for number in range(6000)]}}, [0] * 10_000),
        ({"items": {"allOf": [{"minimum": -number} for number in range(100)]}}, [10**3999] * 100),
        ({"pattern": "a[ab]{5000}c"}, "ab" * 50_000),
        ({"propertyNames": {"pattern": "a[ab]{5000}c"}}, {"ab" * 50_000: 1}),
    ],
)
def test_a_large_value_is_not_held_against_a_costly_schema(schema: dict[str, object], value: object) -> None:
    """What would take seconds, in which no other thread runs, is a violation."""
    validator = compile_schema(schema)
    assert not validator.is_valid(value)
    assert "too large" in validator.violations(value)[0]["message"]


def test_large_values_are_held_against_plain_schemas() -> None:
    """Four megabytes of text beside a date, or many rows of a table, are checked as ever."""
    schema = {"properties": {"day": {"pattern": r"^\d{4}-\d{2}-\d{2}$"}, "rows": {"items": {"type": "integer"}}}}
    validator = compile_schema(schema)
    assert validator.is_valid({"day": "2026-11-21", "text": "x" * (4 << 20), "rows": [1] * 100_000})
    assert not validator.is_valid({"day": "21.11.2026", "text": "x" * (4 << 20)})


def test_a_schema_nested_too_deep_is_refused() -> None:
    """Nesting cannot overflow the stack."""
    schema: dict[str, object] = {"type": "string"}
    for _ in range(100_000):
        schema = {"items": schema}
    with pytest.raises(InvalidManifest):
        check_schema(schema)


def test_a_value_nested_too_deep_is_one_violation() -> None:
    """A value that the validator cannot walk is refused, not an exception."""
    value: list[object] = []
    for _ in range(10_000):
        value = [value]
    (only,) = compile_schema({"type": "string"}).violations(value)
    assert only["path"] == "$"


def test_an_oversized_schema_is_refused() -> None:
    """The size of a schema has a limit."""
    with pytest.raises(InvalidManifest, match="limit"):
        check_schema({"description": "x" * 300_000})


def test_equal_schemas_are_compiled_once() -> None:
    """Key order does not matter for the cache."""
    assert compile_schema({"type": "string", "minLength": 1}) is compile_schema({"minLength": 1, "type": "string"})


def test_shorten_keeps_both_ends() -> None:
    """A shortened text keeps its start and its end and the limit."""
    assert shorten("a" * 500 + "z" * 500, 90) == "a" * 30 + " … " + "z" * 57


def doubling(reference: Callable[[str], dict[str, str]], **named: str) -> dict[str, object]:
    """Return a schema of forty steps, each of which refers to the next by two routes."""
    steps: dict[str, object] = {"s0": {"type": "integer", **{key: name.format(0) for key, name in named.items()}}}
    for number in range(1, 40):
        names = {key: name.format(number) for key, name in named.items()}
        steps[f"s{number}"] = {"allOf": [reference(f"s{number - 1}"), reference(f"s{number - 1}")], **names}
    return {"$defs": steps, "if": {"const": "now"}, "then": reference("s39")}


@pytest.mark.parametrize(
    "schema",
    [
        doubling(lambda name: {"$ref": f"#/$defs/{name}"}),
        doubling(lambda name: {"$ref": f"#/%24defs/{name}"}),
        doubling(lambda name: {"$ref": f"#{name}"}, **{"$anchor": "s{}"}),
        doubling(lambda name: {"$dynamicRef": f"#{name}"}, **{"$dynamicAnchor": "s{}"}),
        doubling(lambda name: {"$ref": f"urn:{name}"}, **{"$id": "urn:s{}"}),
        {"properties": {"$defs": doubling(lambda name: {"$ref": f"#/properties/$defs/$defs/{name}"})}},
    ],
    ids=["pointer", "escaped", "anchor", "dynamic", "id", "property"],
)
def test_references_that_multiply_are_refused(schema: dict[str, object]) -> None:
    """A small schema whose references double at each step would hold a value against 2^40 subschemas."""
    with pytest.raises(InvalidManifest, match="each route counted for itself"):
        check_schema(schema)


def test_recursion_that_multiplies_is_checked_in_time() -> None:
    """Saying where a deep value breaks a schema that recurses twice would take 2^100 steps; it is said that it does."""
    again = {"$ref": "#/$defs/n"}
    schema = {"$defs": {"n": {"type": ["array", "integer"], "items": {"allOf": [again, again]}}}, **again}
    good, bad = nested(100, 1), nested(100, "x")
    validator = compile_schema(schema)
    assert validator.violations(good) == []
    assert [each["path"] for each in validator.violations(bad)] == ["$"]


def test_plain_recursion_still_says_where() -> None:
    """A schema that recurses by one route says what is wrong where, however often it is referred to."""
    node = {"type": "object", "properties": {"id": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}}}
    both = {"a": {"$ref": "#/$defs/node"}, "b": {"$ref": "#/$defs/node"}}
    validator = compile_schema({"$defs": {"node": node}, "properties": both})
    assert validator.violations({"b": {"next": {"id": "x"}}})[0]["path"] == "$.b.next.id"


def nested(depth: int, leaf: object) -> object:
    """Return a value within lists within lists."""
    for _ in range(depth):
        leaf = [leaf]
    return leaf
