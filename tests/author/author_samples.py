"""A capability that authors write in tests, right and wrong, and authors that play it step by step."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from scripted_llm import Author, ChatRequest, Says, call

from tacit.building.orders import AuthorRequest, Budget, Material
from tacit.models import Manifest, TestCase

Played = Says | Sequence[Says] | Callable[[ChatRequest], Says]

SPECIFICATION: dict[str, Any] = {
    "id": "count_vowels",
    "summary": "Count the vowels (a, e, i, o and u, in either case) of a text.",
    "input_schema": {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
        "additionalProperties": False,
    },
    "output_schema": {
        "type": "object",
        "properties": {"vowels": {"type": "integer", "minimum": 0}},
        "required": ["vowels"],
    },
    "effects": [],
    "permissions": {},
    "examples": ["how many vowels are in this word?", "count the vowels of a sentence", "vowel count of my name"],
    "behaviour": [
        "The field vowels is the number of characters that are a, e, i, o or u, in either case.",
        "Characters with accents do not count.",
        "An empty text is the error empty_text.",
    ],
}

SEEN: list[dict[str, Any]] = [
    {"name": "a word", "input": {"text": "banana"}, "expect": {"output": {"vowels": 3}}},
    {"name": "upper case", "input": {"text": "QUEUE"}, "expect": {"output": {"vowels": 4}}},
    {"name": "nothing to count", "input": {"text": ""}, "expect": {"error": "empty_text"}},
]
HELD_OUT: list[dict[str, Any]] = [
    {
        "name": "both cases",
        "input": {"text": "Ouija Zebra"},
        "expect": {"output": {"vowels": 6}},
        "behaviour": "Vowels of either case count.",
    },
    {
        "name": "no vowel at all",
        "input": {"text": "Rhythm"},
        "expect": {"output": {"vowels": 0}},
        "behaviour": "A text without vowels has none.",
    },
]

_FRAME = """\
use capability_common::{run, Error};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input { text: String }

#[derive(Serialize)]
struct Output { vowels: usize }

fn count(input: Input) -> Result<Output, Error> {
    if input.text.is_empty() {
        return Err(Error::new("empty_text", "There is no text."));
    }
    BODY
}

fn main() { run(count) }
"""
GOOD = _FRAME.replace("BODY", 'Ok(Output { vowels: input.text.chars().filter(|c| "aeiouAEIOU".contains(*c)).count() })')
HARD_CODED = _FRAME.replace("BODY", 'Ok(Output { vowels: match input.text.as_str() { "banana" => 3, _ => 4 } })')
BROKEN = _FRAME.replace("BODY", 'let vowels: usize = "three"; Ok(Output { vowels })')

SUBMITTED = call("submit_specification", **SPECIFICATION)
TESTED = call("submit_tests", seen=SEEN, held_out=HELD_OUT)
COMPLETED = (call("test"), call("complete"))


def written(source: str) -> Says:
    """Write `src/main.rs`."""
    return call("write_file", path="src/main.rs", text=source)


def plays(**steps: Played) -> Author:
    """Return an author that plays the good one's part but where another is given, by step.

    A sequence is played in the order of a context's turns, its last part again and again.
    """
    parts: dict[str, Played] = {
        "specification": SUBMITTED,
        "tests": TESTED,
        "implementation": (written(GOOD), *COMPLETED),
        **steps,
    }

    def play(request: ChatRequest) -> Says:
        part = parts[request.step]
        if isinstance(part, Says):
            return part
        return part(request) if callable(part) else part[min(request.turn, len(part) - 1)]

    return play


def in_turn(*each: Says) -> Callable[[ChatRequest], Says]:
    """Return a part that is played in order whatever the context, its last piece again and again."""
    left = list(each)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def changed(**changes: Any) -> dict[str, Any]:
    """Return the specification with some fields changed; those that are `...` are left out."""
    kept = {**copy.deepcopy(SPECIFICATION), **changes}
    return {name: value for name, value in kept.items() if value is not ...}


def asked(**changes: Any) -> AuthorRequest:
    """Return a request for the sample, different by what is given."""
    given: dict[str, Any] = {
        "job": "job",
        "task": "Count the vowels of my name.",
        "budget": Budget(tokens=1_000_000, llm_calls=100, attempts=20),
    }
    return AuthorRequest(**(given | changes))


def existing(source: str = GOOD, **changes: Any) -> Material:
    """Return the sample as a version that exists."""
    fields = ("id", "summary", "input_schema", "output_schema", "permissions", "examples")
    manifest = {name: value for name, value in changed(**changes).items() if name in fields}
    return Material(
        manifest=Manifest.model_validate(manifest),
        source={"main.rs": source},
        tests=tuple(TestCase.model_validate(test) for test in SEEN),
    )
