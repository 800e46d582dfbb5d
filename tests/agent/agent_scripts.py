"""What scripted models say as agents: which tool they call for a task, and how they answer from what it gave."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from authors import good
from samples import GET_SALARY_IN_CURRENCY, TEXT, Sample, case, closed
from scripted_llm import Author, ChatRequest, Says, call, say

Move = Says | Callable[[Any], Says]
"""What an agent does next: something fixed, or something made of what its last tool call gave."""

_FRAMED = re.compile(r"^=+\n(.*?)\n=+$", re.DOTALL | re.MULTILINE)


def agent(moves: Mapping[str, Sequence[Move]], author: Author | None = None) -> Author:
    """Return an agent with the moves of each task, and with what `author` says where a capability is written."""

    def says(request: ChatRequest) -> Says:
        if request.step != "agent":
            return author(request) if author else say("I write nothing.")
        task, turn = _place(request, moves)
        move = moves[task][min(turn, len(moves[task]) - 1)]
        return move if isinstance(move, Says) else move(_last_data(request))

    return says


def run(capability: str, **given: Any) -> Says:
    """Call `run_capability`."""
    return call("run_capability", id=capability, input=given)


def answer(form: Callable[[Any], str]) -> Callable[[Any], Says]:
    """Answer with a sentence made of the last output."""
    return lambda output: say(form(output))


def _place(request: ChatRequest, tasks: Container[str]) -> tuple[str, int]:
    """Return the task, and how often the model has spoken since it was given."""
    last = max(place for place, message in enumerate(request.messages) if message.get("content") in tasks)
    spoken = sum(message["role"] == "assistant" for message in request.messages[last:])
    return request.messages[last]["content"], spoken


def _last_data(request: ChatRequest) -> Any:
    """Return the JSON in the first line of what the last tool call gave, the text itself where it is none."""
    found = _FRAMED.search(request.results[-1]) if request.results else None
    first = (found[1] if found else "").partition("\n")[0]
    try:
        return json.loads(first)
    except ValueError:
        return first


REVERSE_STRING = Sample(
    task="Reverse a text, character by character",
    specification={
        "id": "reverse_string",
        "summary": "Reverses a text, so that its last character comes first.",
        "input_schema": closed(s=TEXT),
        "output_schema": closed(reversed=TEXT),
        "effects": [],
        "permissions": {},
        "examples": [
            "Reverse the string 'good morning'",
            "What is 'stressed' spelled backwards?",
            "Turn this text around, last letter first",
        ],
        "behaviour": [
            "The characters come in reverse order; case and spaces are kept.",
            "An empty text stays empty.",
            "A single character stays as it is.",
        ],
    },
    seen=(
        case("reverses a word", {"s": "hello"}, {"output": {"reversed": "olleh"}}),
        case("keeps an empty text", {"s": ""}, {"output": {"reversed": ""}}),
        case("keeps a single character", {"s": "a"}, {"output": {"reversed": "a"}}),
    ),
    held_out=(
        case(
            "keeps case and spaces",
            {"s": "Good Day"},
            {"output": {"reversed": "yaD dooG"}},
            behaviour="Upper case and spaces are kept as they are.",
        ),
        case(
            "reverses letters with accents",
            {"s": "\u00e9t\u00e9s"},
            {"output": {"reversed": "s\u00e9t\u00e9"}},
            behaviour="Letters outside of ASCII are one character each.",
        ),
    ),
    source="""\
use capability_common::{run, Error};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    s: String,
}

#[derive(Serialize)]
struct Output {
    reversed: String,
}

fn reverse(input: Input) -> Result<Output, Error> {
    Ok(Output { reversed: input.s.chars().rev().collect() })
}

fn main() {
    run(reverse)
}
""",
    input={"s": "hello world"},
    output={"reversed": "dlrow olleh"},
)

JOHNS_SALARY = agent(
    {
        "What's John's salary?": [
            run("get_salary_details", name="John Smith"),
            answer(lambda out: f"{out['name']} earns {out['salary']['base_salary']:,} {out['salary']['currency']}."),
        ]
    }
)

JOHNS_SALARY_IN_POUNDS = agent(
    {
        "What's John's salary in GBP?": [
            run("get_salary_details", name="John Smith"),
            call(
                "mutate_capability",
                task="Return salary converted to specified currency",
                parent_id="get_salary_details",
            ),
            run("get_salary_in_currency", employee_id="E001", currency="GBP", rate=0.79),
            answer(lambda out: f"{out['name']} earns {out['salary']}, at 0.79 pounds a dollar."),
        ],
        "What does John earn in GBP?": [
            run("get_salary_in_currency", employee_id="E001", currency="GBP", rate=0.79),
            answer(lambda out: f"{out['name']} earns {out['salary']}, at 0.79 pounds a dollar."),
        ],
    },
    good(GET_SALARY_IN_CURRENCY),
)

PERCENTAGE = agent(
    {
        "What is 15 percent of 300?": [
            run("calculate_percentage", percentage=15, number=300),
            answer(lambda out: f"15 percent of 300 is {out['result']}."),
        ]
    }
)

REVERSED_STRINGS = agent(
    {
        "Reverse the string 'hello world'": [
            call("mutate_capability", task=REVERSE_STRING.task),
            run("reverse_string", s="hello world"),
            answer(lambda out: f"The reversed string is '{out['reversed']}'"),
        ],
        "Reverse 'Python'": [
            run("reverse_string", s="Python"),
            answer(lambda out: f"The reversed string is '{out['reversed']}'"),
        ],
    },
    good(REVERSE_STRING),
)

SESSIONS = {
    "johns_salary": JOHNS_SALARY,
    "johns_salary_in_pounds": JOHNS_SALARY_IN_POUNDS,
    "percentage": PERCENTAGE,
    "reversed_strings": REVERSED_STRINGS,
}
"""The model of each session in `sessions/`."""
