"""Programs to make capabilities of, and the type of the fixture that opens apps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tacit.app import App
from tacit.models import MutateAnswer, MutateRequest

OpenApp = Callable[..., App]

GREET = """\
push "Hello, {name}!"
call input 0
call format 2
"""

GREET_LOUDLY = """\
# input {"name": …}: what greet answers, in capitals
call input 0
call greet 1
call upper 1
"""

GREET_EVE = """\
call input 0
push name
call get 2
push Eve
call equal 2
jump_if eve
push "Hello, {name}!"
call input 0
call format 2
return
eve:
push "Good evening, Eve!"
"""

COUNT_DOWN = """\
call input 0
push from
call get 2
store left
push 0
store steps
next:
load left
call not 1
jump_if done
load left
push 1
call subtract 2
store left
load steps
push 1
call add 2
store steps
push true
jump_if next
done:
push steps
load steps
call map 2
"""


def greet(**changes: Any) -> MutateRequest:
    """Return a request that makes `greet`, a pure program, with changed arguments."""
    return _request(
        {
            "id": "greet",
            "summary": "Greets somebody by name, politely.",
            "source": GREET,
            "tests": [
                {"name": "Ada", "input": {"name": "Ada"}, "expect": {"output": "Hello, Ada!"}},
                {"name": "Bob", "input": {"name": "Bob"}, "expect": {"output": "Hello, Bob!"}},
                {"name": "nobody", "input": {}, "expect": {"error": "out_of_range"}},
            ],
        },
        changes,
    )


def greet_eve() -> MutateRequest:
    """Return a request that makes a version of `greet` that greets Eve in another way."""
    tests = [{"name": "Eve", "input": {"name": "Eve"}, "expect": {"output": "Good evening, Eve!"}}]
    return greet(parent_id="greet", source=GREET_EVE, tests=tests)


def count_down(**changes: Any) -> MutateRequest:
    """Return a request that makes `count_down`, a pure program with a loop, with changed arguments."""
    return _request(
        {
            "id": "count_down",
            "summary": "Counts down from a number to zero, and says in how many steps.",
            "source": COUNT_DOWN,
            "tests": [
                {"name": f"from {steps}", "input": {"from": steps}, "expect": {"output": {"steps": steps}}}
                for steps in (0, 3)
            ]
            + [{"name": "from nowhere", "input": {}, "expect": {"error": "out_of_range"}}],
        },
        changes,
    )


def greet_loudly(**changes: Any) -> MutateRequest:
    """Return a request that makes `greet_loudly`, a program that calls `greet`, with changed arguments."""
    return _request(
        {
            "id": "greet_loudly",
            "summary": "Shouts a greeting across the yard in capital letters.",
            "source": GREET_LOUDLY,
            "permissions": {"call": ["greet"]},
            "tests": [
                {
                    "name": "a",
                    "input": {"name": "a"},
                    "calls": {"greet": "Hello, a!"},
                    "expect": {"output": "HELLO, A!"},
                },
                {"name": "b", "input": {"name": "b"}, "calls": {"greet": "Hi, b!"}, "expect": {"output": "HI, B!"}},
            ],
        },
        changes,
    )


def registered(answer: MutateAnswer) -> MutateAnswer:
    """Return the answer, which has to be that a version was registered."""
    assert answer.status == "registered", (answer.stage, answer.message, answer.diagnostics, answer.tests)
    return answer


def refused(answer: MutateAnswer, stage: str) -> MutateAnswer:
    """Return the answer, which has to be a refusal at that stage."""
    assert (answer.status, answer.stage) == ("refused", stage), (answer.message, answer.diagnostics, answer.tests)
    return answer


def _request(arguments: dict[str, Any], changes: dict[str, Any]) -> MutateRequest:
    whole = {"language": "program", "input_schema": {"type": "object"}, **arguments, **changes}
    return MutateRequest.model_validate({name: value for name, value in whole.items() if value is not None})
