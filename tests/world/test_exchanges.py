"""What callees answer in a test, one input at a time: how it is written, kept, compared, and what is not answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from tacit.catalog import version
from tacit.errors import PermissionDenied
from tacit.models import Permissions, TestCase
from tacit.sandbox.world import FailureCode, HostFailure
from tacit.sandbox.worlds.fixture import FixtureWorld
from tacit.schemas.validator import compile_schema

CALLING = Permissions(call=("pay", "greet", "agent"))
TWO = [{"input": {"id": "E1"}, "output": 1}, {"input": {"id": "E2"}, "output": 2}]
UNKNOWN = {"input": {"id": "E9"}, "error": {"code": "unknown_employee", "message": "There is no E9."}}


def case(**world: Any) -> TestCase:
    """Return a test in that world."""
    return TestCase.model_validate({"name": "t", "expect": {"output": 1}, **world})


def pay(given: Any, *exchanges: dict[str, Any], takes: dict[str, Any] | None = None) -> Any:
    """Return what `pay` answers to an input in a test with those exchanges."""
    schemas = {} if takes is None else {"pay": compile_schema(takes)}
    world = FixtureWorld(case(exchanges={"pay": [*exchanges]}), CALLING, schemas)
    return json.loads(world.capability_call("pay", json.dumps(given).encode(), 9).output)


def test_each_input_has_its_answer() -> None:
    """A loop over employees gets what belongs to each, however often and in whichever order."""
    world = FixtureWorld(case(exchanges={"pay": TWO}), CALLING)
    asked = [world.capability_call("pay", json.dumps({"id": each}).encode(), 9) for each in ("E2", "E1", "E2")]
    assert [called.output for called in asked] == [b"2", b"1", b"2"]
    assert world.unanswered == ()


@pytest.mark.parametrize(
    ("known", "asked"),
    [(1, 1.0), (2.0, 2), ({"a": 1, "b": [2.0]}, {"b": [2], "a": 1.0}), (None, None), ("é", "é"), (0, -0.0)],
)
def test_inputs_are_compared_by_value(known: Any, asked: Any) -> None:
    """Numbers are equal by value, and names come in any order."""
    assert pay(asked, {"input": known, "output": "found"}) == "found"


@pytest.mark.parametrize(
    ("known", "asked"),
    [(1, True), (0, False), ([], {}), ("1", 1), ([1, 2], [2, 1]), ({"a": None}, {}), (None, False), (1, 1.0000001)],
)
def test_what_is_not_the_same_value_is_not_answered(known: Any, asked: Any) -> None:
    """True is not 1, null is not nothing, and lists have an order."""
    with pytest.raises(HostFailure) as caught:
        pay(asked, {"input": known, "output": "found"})
    assert caught.value.code is FailureCode.NOT_FOUND


@pytest.mark.parametrize("output", [None, False, [], {"error": "no error, but a name"}, [{"input": 1, "output": 2}]])
def test_an_output_may_be_any_json(output: Any) -> None:
    """Nothing in an output is taken for anything else, and null is an answer."""
    assert pay({}, {"input": {}, "output": output}) == output


def test_a_callee_may_fail() -> None:
    """The caller is told the code and the message in the form of a live run."""
    with pytest.raises(HostFailure) as caught:
        pay({"id": "E9"}, UNKNOWN)
    told = json.loads(caught.value.message)
    assert (caught.value.code, told["code"]) == (FailureCode.FAILED, "capability_error")
    assert told["details"] == {"code": "unknown_employee", "message": "There is no E9."}


def test_an_input_without_an_answer_says_what_there_is() -> None:
    """Whoever reads it sees what was asked, and the inputs that the test has."""
    with pytest.raises(HostFailure) as caught:
        pay({"id": "E3"}, *TWO)
    for part in ("exchanges' with pay", '{"id": "E3"}', '{"id": "E1"}, {"id": "E2"}'):
        assert part in caught.value.message


def test_many_inputs_and_long_ones_are_shown_in_part() -> None:
    """The message stays short, and says how many inputs it leaves out."""
    with pytest.raises(HostFailure) as caught:
        pay("y" * 9999, *({"input": f"{number}{'x' * 9999}", "output": 1} for number in range(200)))
    assert "and 195 more" in caught.value.message
    assert len(caught.value.message) < 1500


def test_what_breaks_the_callees_input_schema_is_refused_before_anything_is_answered() -> None:
    """As in a live run the callee is not run, and its caller is told every violation."""
    takes = {"type": "object", "required": ["id"], "properties": {"id": {"pattern": "^E[0-9]$"}}}
    with pytest.raises(HostFailure) as caught:
        pay({"id": "E10"}, {"input": {"id": "E10"}, "output": 1}, takes=takes)
    assert caught.value.code is FailureCode.INVALID
    assert "The input does not fit pay: $.id" in caught.value.message
    assert pay({"id": "E1"}, *TWO, takes=takes) == 1


def test_calls_refuse_what_breaks_the_input_schema_too() -> None:
    """Whatever the input holds only for inputs that the callee takes."""
    world = FixtureWorld(case(calls={"pay": 1}), CALLING, {"pay": compile_schema({"type": "object"})})
    assert world.capability_call("pay", b"{}", 9).output == b"1"
    with pytest.raises(HostFailure, match="does not fit pay"):
        world.capability_call("pay", b"[]", 9)


def test_an_input_that_is_no_json_is_refused() -> None:
    """A module may hand over any bytes."""
    world = FixtureWorld(case(exchanges={"pay": TWO}), CALLING)
    with pytest.raises(HostFailure, match="not JSON") as caught:
        world.capability_call("pay", b'{"id": NaN}', 9)
    assert caught.value.code is FailureCode.INVALID


def test_an_agent_answers_the_task_that_it_is_handed() -> None:
    """Its input is the task; another one is not answered, and an agent may fail."""
    agent = [{"input": "count", "output": "three"}, {"input": "guess", "error": {"code": "tired"}}]
    world = FixtureWorld(case(exchanges={"agent": agent}), CALLING)
    assert world.delegate("anybody", "count") == b'"three"'
    with pytest.raises(HostFailure, match="tired"):
        world.delegate("anybody", "guess")
    with pytest.raises(HostFailure, match="none for the input"):
        world.delegate("anybody", "count again")


def test_what_the_manifest_does_not_list_is_denied() -> None:
    """An exchange opens no door."""
    with pytest.raises(PermissionDenied):
        FixtureWorld(case(exchanges={"pay": TWO}), Permissions()).capability_call("pay", b"{}", 9)


@pytest.mark.parametrize(
    ("world", "told"),
    [
        ({"exchanges": {"pay": [{"input": 1}]}}, "exactly one of"),
        ({"exchanges": {"pay": [{"input": 1, "output": 2, "error": {"code": "no"}}]}}, "exactly one of"),
        ({"exchanges": {"pay": [{"output": 1}]}}, "exchanges.pay.0.input"),
        ({"exchanges": {"pay": [{"input": 1, "error": "no"}]}}, "exchanges.pay.0.error"),
        ({"exchanges": {"pay": [{"input": 1, "error": {"code": ""}}]}}, "exchanges.pay.0.error.code"),
        ({"exchanges": {"pay": {"input": 1, "output": 2}}}, "exchanges.pay"),
        ({"exchanges": {"pay": [{"input": 1, "outptu": 2}]}}, "exchanges.pay.0.outptu"),
        ({"exchanges": {"pay": [{"input": n, "output": 2} for n in range(201)]}}, "exchanges.pay"),
        ({"exchanges": {"pay": TWO}, "calls": {"pay": 1}}, "'pay' is in 'calls' and in 'exchanges'"),
    ],
)
def test_what_is_no_exchange_is_refused(world: dict[str, Any], told: str) -> None:
    """The message names the place."""
    with pytest.raises(ValidationError) as caught:
        case(**world)
    places = [".".join(map(str, problem["loc"])) for problem in caught.value.errors()]
    assert any(told in text for text in (*places, str(caught.value)))


def test_nulls_that_models_write_are_left_out() -> None:
    """A null beside an answer is none; null alone is the output."""
    read = case(exchanges={"pay": [{"input": 1, "output": None, "error": {"code": "no"}}]}).exchanges["pay"][0]
    assert read.model_dump() == {"input": 1, "error": {"code": "no"}}
    read = case(exchanges={"pay": [{"input": 1, "output": None, "error": None}]}).exchanges["pay"][0]
    assert read.model_dump() == {"input": 1, "output": None}


def test_exchanges_are_kept_as_they_were_given() -> None:
    """What is stored and exported reads back the same, null outputs included."""
    given = {"pay": [*TWO, UNKNOWN, {"input": None, "output": None}]}
    (kept,) = version.tests_as_json([case(exchanges=given)])
    written = json.loads(json.dumps(kept))
    assert written["exchanges"] == given
    assert version.parse_tests([written]) == (case(exchanges=given),)


def test_a_test_without_exchanges_is_kept_as_before() -> None:
    """Hashes of versions that have none stay what they were."""
    (kept,) = version.tests_as_json([case(calls={"pay": 1})])
    assert "exchanges" not in kept
