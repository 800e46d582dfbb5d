"""What authors are asked for in these tests, and authors that play one step differently from the good one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from authors import good_moves, write
from samples import COUNT_VOWELS, broken_sources, gaming_source
from scripted_llm import Author, ChatRequest, Says, call

from tacit.building.orders import AuthorRequest, Budget, Material
from tacit.models import Manifest, TestCase

Played = Says | Sequence[Says] | Callable[[ChatRequest], Says]

GOOD = COUNT_VOWELS.source
BROKEN = broken_sources(COUNT_VOWELS)[1]
GAMING = gaming_source(COUNT_VOWELS)
SPECIFICATION = COUNT_VOWELS.specification
SEEN = list(COUNT_VOWELS.seen)
HELD_OUT = list(COUNT_VOWELS.held_out)
BUDGET = Budget(tokens=1_000_000, llm_calls=100, attempts=20)

COMPLETED = (call("test"), call("complete"))
WRITTEN = (write(GOOD), *COMPLETED)


def plays(**steps: Played) -> Author:
    """Return an author that plays the good one's part but where another is given, by step.

    A sequence is played in the order of a context's turns, its last part again and again.
    """
    parts: dict[str, Played] = {**good_moves(COUNT_VOWELS), "implementation": WRITTEN, **steps}

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


def specified(**changes: Any) -> Says:
    """Hand in the specification with some fields changed; those that are `...` are left out."""
    kept = {**copy.deepcopy(SPECIFICATION), **changes}
    return call("submit_specification", **{name: value for name, value in kept.items() if value is not ...})


def submitted(seen: Sequence[Any] = SEEN, held_out: Sequence[Any] = HELD_OUT) -> Says:
    """Hand in tests."""
    return call("submit_tests", seen=list(seen), held_out=list(held_out))


def asked(**changes: Any) -> AuthorRequest:
    """Return a request for the sample, different by what is given."""
    given: dict[str, Any] = {"job": "job", "task": COUNT_VOWELS.task, "budget": BUDGET}
    return AuthorRequest(**(given | changes))


def existing(source: str = GOOD, **changes: Any) -> Material:
    """Return the sample as a version that exists."""
    fields = ("id", "summary", "input_schema", "output_schema", "permissions", "examples")
    manifest = {name: value for name, value in {**SPECIFICATION, **changes}.items() if name in fields}
    return Material(
        manifest=Manifest.model_validate(manifest),
        source={"main.rs": source},
        tests=tuple(TestCase.model_validate(test) for test in SEEN),
    )
