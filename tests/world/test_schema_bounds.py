"""What holding a value against a schema may take: what is done in this process, what by a checker, and for how long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest
from processes_seen import descendants, running

from tacit.errors import InvalidManifest
from tacit.schemas import checkers, validator
from tacit.schemas.checkers import Checkers
from tacit.schemas.checking import compiled, is_too_large
from tacit.schemas.load import load_of
from tacit.schemas.validator import Unchecked, check_schema, compile_schema

OTHER = {"dependentRequired": {"has": ["needs"]}}
"""What makes a schema one that is not plain, and asserts nothing of most values."""


def endless() -> dict[str, Any]:
    """Return a schema that does its work 2^60 times for an object."""
    schema: dict[str, Any] = {"properties": {"a": True}}
    for _ in range(60):
        schema = {"unevaluatedProperties": False, "allOf": [schema]}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"text": {"type": "string", "minLength": 1}}, "required": ["text"]},
        {"items": {"anyOf": [{"type": "integer", "minimum": 0}, {"enum": ["none", 1]}]}},
        {"$defs": {"day": {"pattern": r"^\d{4}-\d{2}-\d{2}$"}}, "properties": {"from": {"$ref": "#/$defs/day"}}},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "description": "x" * 3000, "format": "date"},
    ],
)
def test_ordinary_schemas_are_plain(schema: dict[str, Any]) -> None:
    """What most capabilities have is held against small values in this process."""
    assert compile_schema(schema).is_quick(b'{"text": "hello", "from": "2026-11-30"}')


@pytest.mark.parametrize(
    "schema",
    [
        {"unevaluatedProperties": False},
        {"properties": {"a": {"$ref": "#"}}},
        {"$defs": {"n": {"items": {"$ref": "#/$defs/n"}}}, "$ref": "#/$defs/n"},
        {"$dynamicRef": "#x"},
        {"$defs": {"a": {"$id": "urn:a"}}, "$ref": "urn:a"},
        {"enum": [[1]]},
        {"const": {"a": 1}},
        {"const": 1e-300},
        {"minimum": -(10**400)},
        {"multipleOf": 0.01},
        {"contains": True},
        {"unheardOf": True},
        {"items": [True]},
        {"format": ["date"]},
        {"format": "idn-hostname"},
        {"pattern": "a{5000}"},
        {"properties": {f"k{number}": {"type": "string"} for number in range(3000)}},
        {"oneOf": [{"pattern": f"{number}"} for number in range(500)]},
    ],
)
def test_other_schemas_are_left_to_checkers(schema: dict[str, Any]) -> None:
    """What may be costly, or is not known, is not even compiled in this process."""
    assert not compile_schema(schema).plain


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"enum": list(range(100))}}, [1] * 1000),
        ({"items": {"allOf": [{"type": "integer"}] * 50}}, [1] * 10_000),
        ({"items": {"minimum": 0}}, [10**19]),
        ({"items": {"minimum": 0}}, [1e-300]),
        ({"uniqueItems": True}, list(range(100))),
        ({"pattern": "^a"}, "a" * 10_000),
        ({"items": {"required": [f"k{number}" for number in range(500)]}}, [{}] * 1000),
    ],
)
def test_large_and_odd_values_are_left_to_checkers(schema: dict[str, Any], value: Any) -> None:
    """What takes longer than a few milliseconds is not held against a plain schema in this process."""
    known = compile_schema(schema)
    assert (known.plain, known.is_quick(json.dumps(value).encode())) == (True, False)


def test_large_values_are_quick_where_little_is_asked_of_them() -> None:
    """Four megabytes of text, or a table of half a megabyte, are checked where they are."""
    text = compile_schema({"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]})
    assert text.is_quick(json.dumps({"text": "x, [" * (1 << 20)}).encode())
    row = {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}, "required": ["id"]}
    rows = [{"id": number, "name": f"name {number}"} for number in range(20_000)]
    assert compile_schema({"type": "array", "items": row}).is_quick(json.dumps(rows).encode())


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"properties": {"a": {"items": {"type": "integer"}}}}, {"a": [1, "x", None]}),
        ({"anyOf": [{"type": "string"}, {"required": ["id"]}]}, {"x": 1}),
        ({"enum": ["a", "b", 3]}, "c"),
        ({"items": {"type": "integer"}}, ["y"] * 40),
        ({"additionalProperties": False}, {"odd name": 1}),
    ],
)
def test_violations_are_the_same_whoever_finds_them(
    schema: dict[str, Any], value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checker lists what this process lists: each place, each message, and no more of them."""
    monkeypatch.setattr("tacit.schemas.load.FEW", 1_000_000)
    here = compile_schema(schema).violations(value)
    there = compile_schema({**schema, **OTHER}).violations(value)
    assert (here, len(here) > 0) == (there, True)


def test_long_paths_are_cut() -> None:
    """A key of a megabyte does not make a path of a megabyte."""
    (only,) = compile_schema({"additionalProperties": {"type": "string"}}).violations({"k" * 1_000_000: 1})
    assert len(only["path"]) <= 300


def test_what_cannot_be_checked_in_time_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value is refused, not waited for, with what to change; its checker is killed."""
    monkeypatch.setattr(validator, "CHECK_SECONDS", 1.0)
    schema = compile_schema(endless())
    assert schema.violations(1) == []
    (only,) = schema.violations({"a": 1})
    assert "a simpler schema" in only["message"]
    assert not schema.is_valid({"a": 1})
    assert [pid for pid in descendants(os.getpid()) if running(pid) and is_busy(pid)] == []


def is_busy(pid: int) -> bool:
    """Return whether a process is a checker that computes."""
    try:
        with open(f"/proc/{pid}/cmdline") as command, open(f"/proc/{pid}/stat") as state:  # noqa: PTH123
            return "tacit.schemas.checker" in command.read() and state.read().rsplit(")", 1)[1].split()[0] == "R"
    except OSError:
        return False


def test_a_schema_that_cannot_be_checked_in_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling one has an end as well, and the refusal says what to change."""
    monkeypatch.setattr(validator, "CHECK_SECONDS", 1e-6)
    with pytest.raises(InvalidManifest, match="simpler"):
        check_schema({**OTHER, "description": "costly"})


def test_what_takes_too_much_to_list_leaves_the_first_violation() -> None:
    """Fifty thousand copies of a long enum take more memory and time than a checker has; one place is told."""
    schema = {"items": {"enum": [f"{number:0100}" for number in range(200)]}, **OTHER}
    (only,) = compile_schema(schema).violations([0] * 50_000)
    assert only["path"] == "$[0]"


def test_a_checker_that_was_killed_is_replaced() -> None:
    """A question to one that ended while it was idle is asked of another."""
    pool = Checkers()
    schema = json.dumps(OTHER)
    assert pool.ask(schema, b"1", 30.0) == []
    (first,) = pool._all
    first._process.kill()
    first._process.wait()
    assert pool.ask(schema, b'{"has": 1}', 30.0)[0]["path"] == "$"
    (second,) = pool._all
    pool.close()
    assert (second is first, running(second._process.pid)) == (False, False)


def test_a_forked_process_asks_checkers_of_its_own() -> None:
    """A child that was forked gets its answers, and the parent's go on."""
    schema = compile_schema({**OTHER, "type": "object"})
    assert schema.violations({}) == []
    if (child := os.fork()) == 0:
        found = schema.violations({"has": 1}) and schema.violations([]) and not schema.violations({"b": 1})
        own = descendants(os.getpid())
        checkers.end_idle()
        os._exit(0 if found and own else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert schema.violations({"has": 1})[0]["path"] == "$"


ASKS = """
import os, sys, threading
sys.path[:0] = {path!r}
from tacit.schemas import checkers
from tacit.schemas.validator import compile_schema
schema = compile_schema({schema!r})
schema.violations(1)
print(*(checker._process.pid for checker in checkers._own.checkers._all), flush=True)
sys.stdin.read()
"""


def test_no_checker_outlives_its_process() -> None:
    """When a server is killed at once, its checkers see the end of their sockets."""
    program = ASKS.format(path=sys.path, schema=OTHER)
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        checker = int(process.stdout.readline())
        assert running(checker)
        process.kill()
    end = time.monotonic() + 60
    while running(checker) and time.monotonic() < end:
        time.sleep(0.05)
    assert not running(checker)


def test_with_no_time_nothing_is_asked() -> None:
    """An event loop gets no answer rather than a late one."""
    with pytest.raises(Unchecked):
        compile_schema(OTHER).check(1, b"1", 0.0)


@pytest.mark.parametrize(
    ("schema", "elements"),
    [
        ({}, 1),
        ({"type": "string"}, 3),
        ({"enum": list(range(1000))}, 1003),
        ({"required": ["a" * 160, "b"]}, 15),
        ({"description": "x" * 1000}, 2),
        ({"$defs": {"a": {"type": "null"}}, "allOf": [{"$ref": "#/$defs/a"}] * 2}, 21),
        ({"const": 10**100}, 8),
    ],
)
def test_every_element_of_a_schema_counts(schema: dict[str, Any], elements: int) -> None:
    """Names, members and texts count, by their size and for each route to them; descriptions do not."""
    assert compiled(json.dumps(schema)).cost.elements == elements


def test_scalars_of_a_schema_count_against_large_values() -> None:
    """Thirty thousand numbers are too many for a list of as many, and not for one of a thousand."""
    cost = compiled(json.dumps({"items": {"enum": [number + 0.5 for number in range(30_000)]}})).cost
    assert (is_too_large([7] * 1000, cost), is_too_large([7] * 30_000, cost)) == (False, True)


def test_a_long_pattern_is_compiled_by_a_checker() -> None:
    r"""Compiling `\s` 1,000 times holds the interpreter for seconds."""
    assert load_of({"type": "string", "pattern": r"\s" * 10}) is not None
    assert load_of({"type": "string", "pattern": r"\s" * 1000}) is None
    assert load_of({"properties": {f"p{n}": {"pattern": "[a-z]{30}"} for n in range(20)}}) is None


def test_a_pointer_of_many_digits_leads_nowhere() -> None:
    """Python reads no number of more than 4,300."""
    with pytest.raises(InvalidManifest):
        check_schema({"allOf": [{}], "$ref": "#/allOf/" + "9" * 5000})
