"""What a new version is held to of its parent's tests: which of them its own stand in for, and real builds in Rust."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tacit.building import Builder, BuildRequest
from tacit.errors import BuildRefused
from tacit.models import Permissions, TestCase
from tacit_builder.inheritance import stands_in

MakeBuilder = Callable[..., Builder]
WIDE = Permissions(http=("a.example",), read=("in/*",), time=True, call=("known",))


def case(**fields: Any) -> TestCase:
    """Return a test that expects 1 of the input 1."""
    return TestCase.model_validate({"name": "a", "input": 1, "expect": {"output": 1}, **fields})


def exchange(given: Any, output: Any) -> dict[str, Any]:
    """Return an exchange."""
    return {"input": given, "output": output}


@pytest.mark.parametrize(
    ("earlier", "test"),
    [
        ({}, {"name": "b"}),
        ({}, {"input": 1.0}),
        ({}, {"calls": {"new": 1, "known": 2}}),
        ({"calls": {"known": 1}}, {"exchanges": {"known": [exchange(1, 1), exchange(2, 1)]}}),
        ({"exchanges": {"known": [exchange(1, 1)]}}, {"exchanges": {"known": [exchange(2, 5), exchange(1, 1)]}}),
        ({"files": {"in/a": "A"}}, {"files": {"in/a": "A", "out/b": "B"}}),
        ({"http": {"https://a.example/": "A"}}, {"http": {"https://a.example/": "A", "https://b.example/": "B"}}),
    ],
    ids=["its name", "a number's form", "callees", "to each input", "more inputs", "a new file", "a new host"],
)
def test_a_richer_world_stands_in(earlier: dict[str, Any], test: dict[str, Any]) -> None:
    """A test with all of the earlier one's world, and what the version before could not ask for, says all of it."""
    assert stands_in(case(**test), case(**earlier), WIDE)


@pytest.mark.parametrize(
    ("earlier", "test"),
    [
        ({}, {"input": 2}),
        ({}, {"input": True}),
        ({}, {"expect": {"output": 2}}),
        ({}, {"expect": {"output": 1, "files": {"a": "b"}}}),
        ({}, {"expect": {"error": "x"}}),
        ({}, {"files": {"in/a": "A"}}),
        ({}, {"http": {"https://a.example/": "A"}}),
        ({}, {"http": {"no URL": "A"}}),
        ({}, {"now": 5}),
        ({"files": {"in/a": "A"}}, {"files": {"in/a": "B"}}),
        ({"files": {"in/a": "A"}}, {}),
        ({"http": {"https://a.example/": "A"}}, {}),
        ({"calls": {"known": 1}}, {}),
        ({"calls": {"known": 1}}, {"calls": {"known": 2}}),
        ({"calls": {"known": 1}}, {"calls": {"known": True}}),
        ({"calls": {"known": 1}}, {"exchanges": {"known": [exchange(1, 1), exchange(2, 3)]}}),
        ({"exchanges": {"known": [exchange(1, 1)]}}, {"calls": {"known": 1}}),
        ({"exchanges": {"known": [exchange(1, 1)]}}, {"exchanges": {"known": [exchange(1, 2)]}}),
    ],
)
def test_another_statement_does_not_stand_in(earlier: dict[str, Any], test: dict[str, Any]) -> None:
    """Neither another input, expectation or answer, nor a world that has what its absence was a part of."""
    assert not stands_in(case(**test), case(**earlier), WIDE)


def test_a_time_stands_in_where_none_could_be_read() -> None:
    """What the clock says is no part of the tests of a version without the permission to look at it."""
    assert stands_in(case(now=5), case(), Permissions())


TELL = """
use capability_common::{capability_call, file_read_text, http_get_text, run, Error};
fn main() { run(|number: i64| -> Result<i64, Error> { %s }) }
"""
CALL = 'let more: i64 = capability_call("more", &number)?; Ok(number + more)'
READ = 'let more = file_read_text("in/more.txt")?; Ok(number + more.len() as i64)'
FETCH = 'let more = http_get_text(&format!("https://more.example/{number}"))?; Ok(number + more.len() as i64)'


def request(body: str, tests: list[dict[str, Any]], **permissions: Any) -> BuildRequest:
    """Return a request for a version that asks the world for more than its parent, which answered its input plus 1."""
    source = TELL % body
    for name in ("capability_call", "file_read_text", "http_get_text"):
        if name not in body:
            source = source.replace(f"{name}, ", "")
    parents = [case(name=str(number), input=number, expect={"output": number + 1}) for number in (1, 2)]
    return BuildRequest.model_validate(
        {
            "job": "job",
            "id": "sample",
            "source": {"main.rs": source},
            "permissions": permissions,
            "tests": [{"name": f"own {test['input']}", **test} for test in tests],
            "parent_tests": parents,
        }
    )


@pytest.mark.parametrize(
    ("body", "permissions", "world"),
    [
        (CALL, {"call": ["more"]}, {"calls": {"more": 1}}),
        (READ, {"read": ["in/*"]}, {"files": {"in/more.txt": "x"}}),
        (FETCH, {"http": ["more.example"]}, {"http": {f"https://more.example/{number}": "x" for number in (1, 3, 4)}}),
    ],
    ids=["a callee", "a file", "a host"],
)
def test_a_module_may_ask_for_what_its_parent_did_not(
    make_builder: MakeBuilder, body: str, permissions: dict[str, Any], world: dict[str, Any]
) -> None:
    """A test that stands in takes the place of one parent's test, and the other cannot be compared."""
    tests = [{"input": number, "expect": {"output": number + 1}, **world} for number in (1, 3, 4)]
    result = make_builder().build(request(body, tests, **permissions))
    assert [(test.name, test.passed) for test in result.parent_tests] == [("2", True)]
    assert result.parent_tests[0].difference.startswith("Not comparable: it does not say what ")
    assert result.held_to == ()


def test_a_module_that_breaks_what_it_asks_nothing_for_is_refused(make_builder: MakeBuilder) -> None:
    """A new callee excuses nothing in the tests whose runs do not ask for it."""
    body = 'if number > 2 { let more: i64 = capability_call("more", &number)?; Ok(more) } else { Ok(0) }'
    tests = [{"input": number, "calls": {"more": number}, "expect": {"output": number}} for number in (3, 4)]
    with pytest.raises(BuildRefused) as refused:
        make_builder().build(request(body, tests, call=["more"]))
    assert [test["passed"] for test in refused.value.details["tests"]] == [True, True, False, False]


def test_a_module_that_is_held_to_all_says_so(make_builder: MakeBuilder) -> None:
    """Tests that pass without the new callee are kept, by their places among the parent's."""
    body = 'if number > 2 { let more: i64 = capability_call("more", &number)?; Ok(more) } else { Ok(number + 1) }'
    tests = [{"input": number, "calls": {"more": number}, "expect": {"output": number}} for number in (3, 4)]
    result = make_builder().build(request(body, [*tests, {"input": 1, "expect": {"output": 2}}], call=["more"]))
    assert result.held_to == (1,)
