"""A capability to make, and the type of the fixture that opens apps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tacit.app import App
from tacit.models import MutateRequest

OpenApp = Callable[..., App]

WORD_COUNT = """
use capability_common::{run, Error};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input { text: String }

#[derive(Serialize)]
struct Output { words: usize }

fn count(input: Input) -> Result<Output, Error> {
    Ok(Output { words: input.text.split_whitespace().count() })
}

fn main() { run(count) }
"""


def word_count(**changes: Any) -> MutateRequest:
    """Return a request that makes `count_words`, with changed arguments."""
    arguments: dict[str, Any] = {
        "id": "count_words",
        "summary": "Counts the words of a text that are separated by white space.",
        "source": WORD_COUNT,
        "input_schema": {
            "type": "object",
            "properties": {"text": {"type": "string"}},
            "required": ["text"],
            "additionalProperties": False,
        },
        "tests": [
            {"name": "two words", "input": {"text": "a b"}, "expect": {"output": {"words": 2}}},
            {"name": "no word", "input": {"text": " "}, "expect": {"output": {"words": 0}}},
        ],
        "examples": ["How many words has this essay?"],
    }
    return MutateRequest.model_validate({**arguments, **changes})
