"""What tests say of callees, held to what these take and answer: when a program is built, and once they change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from program_samples import GREET_LOUDLY, OpenApp, greet, greet_loudly, refused, registered

from tacit.catalog.folders import read_folder
from tacit.errors import TacitError
from tacit.models import MutateAnswer
from tacit.service import Service

NAMED = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
SAID = {"type": "string", "minLength": 5}
NOBODY = {"name": "nobody", "input": {}, "expect": {"error": "invalid_input"}}


def said(name: str, answer: Any, loud: str, **changes: Any) -> dict[str, Any]:
    """Return a test of `greet_loudly` in which greet answers that name."""
    exchanges = {"greet": [{"input": {"name": name}, "output": answer}]}
    return {
        "name": name,
        "input": {"name": name},
        "exchanges": exchanges,
        "expect": {"output": loud},
        **changes,
    }


GOOD = [said("Ada", "Hello, Ada!", "HELLO, ADA!"), said("Bob", "Hi, Bob!", "HI, BOB!")]


@pytest.fixture
def service(open_app: OpenApp) -> Service:
    """Return a service whose only capability is `greet`, which takes a name and answers a text."""
    found = open_app(shipped=False).service
    made = greet(input_schema=NAMED, output_schema=SAID)
    tests = [*made.model_dump(mode="json")["tests"][:2], NOBODY]
    registered(found.mutate(greet(input_schema=NAMED, output_schema=SAID, tests=tests)))
    return found


def build(service: Service, **changes: Any) -> MutateAnswer:
    """Return the answer to a request for `greet_loudly`."""
    return service.mutate(greet_loudly(**{"tests": GOOD, **changes}))


def differences(answer: MutateAnswer) -> str:
    """Return how the tests of a refused build differed."""
    return "\n".join(test.difference for test in answer.tests)


def test_a_program_is_tested_with_an_answer_for_each_input(service: Service) -> None:
    """One that hands over what its tests expect is registered and runs for real."""
    registered(build(service))
    assert service.run("greet_loudly", {"name": "Eve"}).output == "HELLO, EVE!"


def test_an_input_that_no_exchange_has_is_refused_with_those_that_there_are(service: Service) -> None:
    """The author sees what the program asked, in which line, and what the test has."""
    source = GREET_LOUDLY.replace("call input 0", 'push {"name": "Zoe"}')
    told = differences(refused(build(service, source=source), "tests"))
    assert 'exchanges\' with greet have none for the input {"name": "Zoe"}; they have {"name": "Ada"}' in told
    assert "line 3 (call greet 1)" in told


def test_an_unanswered_call_fails_a_test_that_expects_its_code(service: Service) -> None:
    """The world's own failure is no behaviour that could be tested."""
    third = said("Cyd", "Hello, you!", "", input={"name": "Dan"}, expect={"error": "not_found"})
    assert "none for the input" in differences(refused(build(service, tests=[*GOOD, third]), "tests"))


@pytest.mark.parametrize("field", ["calls", "exchanges"])
def test_an_input_that_the_callee_does_not_take_is_refused(service: Service, field: str) -> None:
    """Whatever a test has it answer, a callee refuses what its input schema rules out."""
    source = GREET_LOUDLY.replace("call input 0", 'push {"name": 5}')
    answers = {"calls": {"greet": "Hello, you!"}} if field == "calls" else {}
    tests = [{name: value for name, value in test.items() if name != "exchanges" or not answers} for test in GOOD]
    told = differences(refused(build(service, source=source, tests=[{**test, **answers} for test in tests]), "tests"))
    assert "The input does not fit greet: $.name: 5 is not of type" in told
    assert "line 3 (call greet 1)" in told


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"calls": {"greet": "Hi"}}, "calls.greet breaks the output schema of greet, at $: "),
        ({"exchanges": {"greet": [{"input": {"name": "Ada"}, "output": 5}]}}, "exchanges.greet[0].output breaks"),
        ({"exchanges": {"greet": [{"input": {}, "output": "Hello!"}]}}, "exchanges.greet[0].input breaks the input"),
        (
            {"exchanges": {"greet": [{"input": {}, "error": {"code": "x"}}]}},
            "exchanges.greet[0].input breaks the input",
        ),
        (
            {"exchanges": {"greet": [{"input": {"name": "A", "n": each}, "output": "Hello!"} for each in (1, 1.0)]}},
            "exchanges.greet[0] and [1] have the same input",
        ),
    ],
    ids=["calls", "output", "input", "input of an error", "twice"],
)
def test_a_world_that_cannot_be_is_refused(service: Service, answers: dict[str, Any], told: str) -> None:
    """The refusal names the test, the place, the violation, and what the callee takes and answers."""
    third = {"name": "third", "input": {"name": "Ada"}, "expect": {"output": "?"}, **answers}
    answer = refused(build(service, tests=[*GOOD, third]), "tests")
    assert "Test 'third' describes a world that cannot be" in answer.message
    assert told in answer.diagnostics
    if "breaks" in told:
        assert f"greet takes {json.dumps(NAMED)} and answers {json.dumps(SAID)}" in answer.diagnostics


def test_what_a_callee_refuses_or_fails_with_is_as_in_a_live_run(service: Service) -> None:
    """Tests may expect both, and the run of the registered program ends with the same code."""
    refusing = {"name": "refused", "input": {"nobody": 1}, "calls": {"greet": "Hello!"}, "expect": {"error": "invalid"}}
    registered(build(service, tests=[*GOOD, refusing]))
    with pytest.raises(TacitError) as caught:
        service.run("greet_loudly", {"nobody": 1})
    assert caught.value.details["code"] == "invalid"


def test_a_callee_may_fail_in_a_test(service: Service) -> None:
    """The program ends with the callee's own code."""
    error = {"greet": [{"input": {"name": "Eve"}, "error": {"code": "asleep", "message": "Come back later."}}]}
    failing = {"name": "asleep", "input": {"name": "Eve"}, "exchanges": error, "expect": {"error": "asleep"}}
    registered(build(service, tests=[*GOOD, failing]))
    wrong = {**failing, "expect": {"output": "HELLO!"}}
    again = refused(build(service, tests=[*GOOD, wrong], id="greet_twice", force=True), "tests")
    assert "greet failed with asleep: Come back later." in differences(again)


def test_tests_of_what_a_callee_was_are_no_obstacle_once_it_has_changed(service: Service) -> None:
    """A new version has to be tested against its callees as they are; the old tests are not run any more."""
    registered(build(service))
    says_hello = {"type": "string", "pattern": "^Hello"}
    tests = [{"name": "Cyd", "input": {"name": "Cyd"}, "expect": {"output": "Hello, Cyd!"}}]
    registered(service.mutate(greet(parent_id="greet", input_schema=NAMED, output_schema=says_hello, tests=tests)))
    louder = f"{GREET_LOUDLY}push !\ncall concat 2\n"
    inherited = refused(build(service, parent_id="greet_loudly", source=louder, tests=None, force=True), "tests")
    assert "exchanges.greet[0].output breaks the output schema of greet" in inherited.diagnostics
    mine = [said("Eve", "Hello, Eve!", "HELLO, EVE!"), said("Fay", "Hello, Fay!", "HELLO, FAY!")]
    assert registered(build(service, parent_id="greet_loudly", tests=mine)).version == 2
    still = refused(build(service, parent_id="greet_loudly", source=louder, tests=[*mine], force=True), "tests")
    assert [test.name for test in still.tests if not test.passed] == ["Eve", "Fay", "Ada"]


def test_exchanges_go_with_a_folder(service: Service, tmp_path: Path) -> None:
    """What is exported reads back as it was registered."""
    registered(build(service))
    folder = service.export("greet_loudly", tmp_path)
    kept = json.loads((Path(folder) / "tests.json").read_text())
    assert [test["exchanges"] for test in kept] == [test["exchanges"] for test in GOOD]
    assert [test.callees for test in read_folder(Path(folder)).tests] == [{"greet"}] * 2


@pytest.mark.parametrize("value", [float("nan"), "\ud800"], ids=["NaN", "half a character"])
def test_what_cannot_be_sent_is_refused(service: Service, value: Any) -> None:
    """Exchanges hold any JSON, and nothing else."""
    refused(build(service, tests=[*GOOD, said("odd", value, "?")]), "request")
