"""New versions that call what the version before did not: which of its tests they are held to."""

from __future__ import annotations

from typing import Any

import pytest
from program_samples import GREET, OpenApp, greet, greet_loudly, refused, registered

from tacit.models import MutateAnswer
from tacit.service import Service

SHOUT = """\
call input 0
call louder 1
push name
call get 2
store name
push "Hello, {name}!"
push name
load name
call map 2
call format 2
"""
"""What greets by a name that `louder` gives."""
WHISPER = """\
call input 0
push loud
push false
call get 3
jump_if loud
push hush
return
loud:
call input 0
call louder 1
push name
call get 2
"""
SHOUTED = {"calls": {"louder": {"name": "ADA"}}, "exchanges": {}, "expect": {"output": "ADA"}}
NOBODY = {"name": "nobody", "input": {}, "calls": {"louder": {}}, "expect": {"error": "out_of_range"}}
CALLS = {"call": ["louder"]}


def asked(name: str, **changes: Any) -> dict[str, Any]:
    """Return a test of a version that greets by what `louder` gives for that name, which is the name itself."""
    exchanges = {"louder": [{"input": {"name": name}, "output": {"name": name}}]}
    given = {"name": name, "input": {"name": name}, "expect": {"output": f"Hello, {name}!"}}
    return {**given, "exchanges": exchanges, **changes}


@pytest.fixture
def service(open_app: OpenApp) -> Service:
    """Return a service with `greet`, which calls nothing, and `louder`, a program that answers a map with a name."""
    found = open_app(shipped=False).service
    registered(found.mutate(greet()))
    tests = [
        {"name": "a", "input": {"name": "a"}, "expect": {"output": {"name": "A"}}},
        {"name": "b", "input": {"name": "b"}, "expect": {"output": {"name": "B"}}},
    ]
    source = "push name\ncall input 0\npush name\ncall get 2\ncall upper 1\ncall map 2\n"
    registered(found.mutate(greet(id="louder", summary="Writes a name in capitals.", source=source, tests=tests)))
    return found


def renew(service: Service, tests: list[dict[str, Any]], source: str = SHOUT, **changes: Any) -> MutateAnswer:
    """Return the answer to a request for the next version of `greet`."""
    return service.mutate(greet(parent_id="greet", source=source, tests=tests, permissions=CALLS, **changes))


def kept(service: Service) -> list[str]:
    """Return the names of the tests that `greet` has by now."""
    return [test["name"] for test in service.show("greet")["tests"]]


def notes(answer: MutateAnswer) -> dict[str, str]:
    """Return what is noted of each test that says more than that it passed."""
    return {test.name: test.difference for test in answer.tests if test.difference}


def test_a_version_may_call_what_its_parent_did_not(service: Service) -> None:
    """Tests that repeat the parent's, with what the new callee answers, stand in for them."""
    answer = registered(renew(service, [asked("Ada"), asked("Bob"), NOBODY]))
    assert answer.version == 2
    assert notes(answer) == {}
    assert "compared" not in answer.message


def test_what_stands_in_is_kept_alone(service: Service) -> None:
    """The next version is held to the tests in their richer world, and not to those without it."""
    registered(renew(service, [asked("Ada"), asked("Bob"), NOBODY]))
    assert kept(service) == ["Ada", "Bob", "nobody"]
    again = f"# the same\n{SHOUT}"
    registered(renew(service, [asked("Cyd")], source=again))
    assert kept(service) == ["Cyd", "Ada", "Bob", "nobody"]


def test_a_parents_test_without_the_new_callee_cannot_be_compared(service: Service) -> None:
    """It is noted with the callee's name, and kept no more, since no later version could pass it."""
    answer = registered(renew(service, [asked("Eve")]))
    assert set(notes(answer)) == {"Ada", "Bob", "nobody"}
    assert "Not comparable: it does not say what 'louder' answers" in notes(answer)["Ada"]
    assert "3 tests of the version before could not be compared" in answer.message
    assert kept(service) == ["Eve"]


def test_a_callee_that_no_new_test_answers_is_no_excuse(service: Service) -> None:
    """A version that calls what none of its own tests knows is refused by the parent's tests."""
    sly = """\
    call input 0
    push name
    call get 2
    push Eve
    call equal 2
    jump_if eve
    call input 0
    call louder 1
    return
    eve:
    push "Hello, Eve!"
    """
    eve = {"name": "Eve", "input": {"name": "Eve"}, "expect": {"output": "Hello, Eve!"}}
    answer = refused(renew(service, [eve], source=sly), "tests")
    assert "One of yours stands in for it" in notes(answer)["Ada"]


def test_what_the_new_tests_say_of_a_callee_holds_for_the_parents(service: Service) -> None:
    """A call that has nothing to do with what is answered excuses nothing: its exchange is in the new tests."""
    source = f"push {{}}\ncall louder 1\npop\n{GREET.replace('Hello', 'Hi')}"
    exchanges = {"louder": [{"input": {}, "output": {"name": "x"}}]}
    answer = refused(
        renew(service, [asked("Eve", exchanges=exchanges, expect={"output": "Hi, Eve!"})], source=source), "tests"
    )
    assert [(test.name, test.passed) for test in answer.tests] == [
        ("Eve", True),
        ("Ada", False),
        ("Bob", False),
        ("nobody", True),
    ]
    assert 'expected "Hello, Ada!", got "Hi, Ada!"' in notes(answer)["Ada"]


@pytest.mark.parametrize(
    "changes",
    [
        {"input": {"name": "Ada", "more": 1}},
        {"expect": {"output": "Hello, ADA!"}},
        {"name": "Ada", "input": {"name": "ada"}, "expect": {"output": "Hello, Ada!"}},
    ],
    ids=["another input", "another output", "its name alone"],
)
def test_what_says_something_else_does_not_stand_in(service: Service, changes: dict[str, Any]) -> None:
    """A version that changes what a parent's test states is refused, whatever its own tests are named."""
    source = GREET.replace("Hello", "Hi")
    test = {"name": "Ada", "input": {"name": "Ada"}, "expect": {"output": "Hello, Ada!"}, **changes}
    answer = refused(renew(service, [test, asked("Eve", expect={"output": "Hi, Eve!"})], source=source), "tests")
    assert any(not each.passed for each in answer.tests)


def test_a_version_that_calls_nothing_new_is_held_to_every_test(service: Service) -> None:
    """What the parent's tests state is refused to change, though one of the new tests has a new callee."""
    source = SHOUT.replace("call input 0\ncall louder 1", "call input 0").replace("Hello", "Hi")
    greeting = {"name": "Eve", "input": {"name": "Eve"}, "expect": {"output": "Hi, Eve!"}}
    answer = refused(renew(service, [greeting, asked("Zed", expect={"output": "Hi, Zed!"})], source=source), "tests")
    assert 'expected "Hello, Ada!", got "Hi, Ada!"' in notes(answer)["Ada"]


def test_a_callee_that_the_parent_could_call_is_no_excuse(service: Service) -> None:
    """Only what the version before had no permission for is new; a test that stands in is asked for, and helps."""

    def hush(source: str, *tests: dict[str, Any], **changes: Any) -> MutateAnswer:
        summary = "Whispers a name, or shouts it."
        made = greet(id="hush", summary=summary, source=source, tests=list(tests), permissions=CALLS, **changes)
        return service.mutate(made)

    quiet = {"name": "quiet", "input": {"name": "Q"}, "expect": {"output": "hush"}}
    registered(hush(WHISPER, quiet, asked("Ada", input={"name": "Ada", "loud": 1}, **SHOUTED)))
    always = f"push {{}}\ncall louder 1\npop\n{WHISPER}"
    loud = asked("Bob", input={"name": "Bob", "loud": 1}, **SHOUTED)
    answer = refused(hush(always, loud, parent_id="hush"), "tests")
    assert "stands in for it" in notes(answer)["quiet"]
    answered = {**quiet, "calls": {"louder": {"name": "ADA"}}}
    registered(hush(always, loud, answered, parent_id="hush"))


def test_a_test_that_has_a_callee_answer_otherwise_does_not_stand_in(open_app: OpenApp) -> None:
    """What a parent's test says of a callee is a part of what it states."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    registered(service.mutate(greet_loudly()))
    a, b = greet_loudly().model_dump(mode="json", exclude_unset=True)["tests"]
    lower = "call input 0\ncall greet 1\n"
    shouted = [{**test, "calls": {"greet": test["expect"]["output"]}} for test in (a, b)]
    answer = refused(service.mutate(greet_loudly(parent_id="greet_loudly", source=lower, tests=shouted)), "tests")
    assert [test.passed for test in answer.tests] == [True, True, False, False]


def test_answers_to_each_input_stand_in_for_one_to_all(open_app: OpenApp) -> None:
    """`exchanges` that answer what `calls` did say more, and take its place."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    registered(service.mutate(greet_loudly()))
    tests = greet_loudly().model_dump(mode="json", exclude_unset=True)["tests"]
    each = [
        {
            **{name: value for name, value in test.items() if name != "calls"},
            "exchanges": {"greet": [{"input": test["input"], "output": test["calls"]["greet"]}]},
        }
        for test in tests
    ]
    source = "call input 0\ncall greet 1\ncall upper 1\nreturn\n"
    registered(service.mutate(greet_loudly(parent_id="greet_loudly", source=source, tests=each)))
    assert ["exchanges" in test for test in service.show("greet_loudly")["tests"]] == [True, True]


def test_suites_that_look_at_no_input_of_a_callee_are_noted(open_app: OpenApp) -> None:
    """The answer says whose inputs are not tested, and how they would be."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    assert "Its tests answer any input of greet alike" in registered(service.mutate(greet_loudly())).message


@pytest.mark.parametrize("source", ["push {}\ncall greet 1\ncall upper 1\n", None], ids=["one input", "exchanges"])
def test_suites_that_can_do_no_better_are_not_noted(open_app: OpenApp, source: str | None) -> None:
    """Neither a callee that always gets one input, nor one that a test has exchanges with."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    given = greet_loudly().model_dump(mode="json", exclude_unset=True)
    tests, text = given["tests"], source or given["source"]
    if source is None:
        exchange = {"input": {"name": "c"}, "output": "Hey, c!"}
        tests.append(
            {"name": "c", "input": {"name": "c"}, "exchanges": {"greet": [exchange]}, "expect": {"output": "HEY, C!"}}
        )
    assert "alike" not in registered(service.mutate(greet_loudly(source=text, tests=tests))).message
