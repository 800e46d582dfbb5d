"""An author that chooses, or is asked for, a program: what it is offered, what it is told, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from author_samples import asked
from authors import good, good_moves, mends_program, played, specifies_first
from composed_samples import TIP_IN_DOLLARS
from samples import COUNT_VOWELS
from scripted_llm import Says, call, calls, malformed_call

from tacit.building.orders import Material
from tacit.building.protocol import Answer, Question
from tacit.models import Effect, Manifest, TestCase
from tacit_builder.author.conversation import MAX_SUBMISSIONS
from tacit_builder.author.lookups import MAX_LOOKUPS

Write = Callable[..., Any]

SOURCE = TIP_IN_DOLLARS.source
TASK = TIP_IN_DOLLARS.task


def test_an_author_may_choose_a_program(author: Write) -> None:
    """What comes back is a program that passes all tests, those held out as well, and asks for its calls alone."""
    made = author(good(TIP_IN_DOLLARS), asked(task=TASK)).made
    assert (made.wasm.decode(), made.toolchain, made.sdk) == (SOURCE, "", "")
    assert made.authored.source == {"main.program": SOURCE}
    assert made.authored.manifest.language == "program"
    assert made.authored.manifest.permissions.call == ("calculate_percentage", "format_number")
    assert made.effects == (Effect.CALLS,)
    assert [test.passed for test in made.tests] == [True] * 5


def test_a_program_that_is_asked_for_needs_no_toolchain(author: Write, tmp_path: Path) -> None:
    """Nothing of what compiles Rust is looked for."""
    nowhere = {"cache": tmp_path / "empty", "toolchain": tmp_path / "none"}
    made = author(good(TIP_IN_DOLLARS), asked(task=TASK, language="program"), **nowhere).made
    assert made.wasm.decode() == SOURCE


def test_the_implementation_of_a_program_is_told_its_language(author: Write) -> None:
    """Instructions and tools are those of programs, without the guest's API and rustc."""
    outcome = author(good(TIP_IN_DOLLARS), asked(task=TASK))
    [request, *_] = outcome.requests("write_file")
    instructions = request["messages"][0]["content"]
    assert "jump_if LABEL" in instructions
    assert "capability_common" not in instructions
    assert "rustc_explain" not in [tool["function"]["name"] for tool in request["tools"]]


def test_a_mistake_in_a_program_goes_back_with_its_line(author: Write) -> None:
    """The author mends what the compiler of programs says, and each attempt is counted."""
    first = SOURCE.replace("call map 4", "call maps")
    outcome = author(mends_program(TIP_IN_DOLLARS, first), asked(task=TASK))
    assert outcome.made.authored.source == {"main.program": SOURCE}
    assert "line 10: expected" in outcome.answers("test")[0]
    assert outcome.usage.attempts == 2


def test_a_call_that_the_specification_does_not_list_goes_back(author: Write) -> None:
    """The permissions stay those of the specification."""
    first = SOURCE.replace("# as it is written", "load amount\ncall reverse_string 1")
    outcome = author(mends_program(TIP_IN_DOLLARS, first), asked(task=TASK))
    assert outcome.made.authored.source == {"main.program": SOURCE}
    told = outcome.answers("test")[0]
    assert "calls what its permissions do not list: reverse_string" in told
    assert "line 16: calls reverse_string" in told
    assert "The permissions are those of the specification" in told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"permissions": {"call": ["*"]}}, "list ids instead of '*'"),
        ({"effects": ["calls", "time"], "permissions": {"call": ["format_number"], "time": True}}, "leave out time"),
        ({"language": "rust"}, "language: it has to be 'program'"),
        ({"language": "python"}, "language"),
    ],
    ids=["every call", "another effect", "another language", "no language"],
)
def test_what_a_program_cannot_be_goes_back(author: Write, changes: dict[str, Any], told: str) -> None:
    """A specification that does not hold for a program is mended before tests are written for it."""
    outcome = author(specifies_first(TIP_IN_DOLLARS, **changes), asked(task=TASK, language="program"))
    assert outcome.made.authored.manifest.language == "program"
    assert told in outcome.answers("submit_specification")[0]


def test_what_cannot_be_called_ends_the_build_at_last(author: Write) -> None:
    """The server says what is wrong with the callees; an author that does not mend it is refused at that stage."""

    def answer(question: Question) -> Answer:
        refused = question.asks == "compose"
        return Answer(number=question.number, text=f"not {', '.join(question.calls)}", refused=refused)

    outcome = author(good(TIP_IN_DOLLARS), asked(task=TASK), answer)
    assert "not calculate_percentage, format_number" in outcome.refusal["message"]
    assert outcome.refusal["stage"] == "imports"


def test_a_program_to_start_from_is_there_already(author: Write) -> None:
    """The next version of a program begins with the source of the one before."""
    fields = {name: value for name, value in TIP_IN_DOLLARS.specification.items() if name in Manifest.model_fields}
    parent = Material(
        manifest=Manifest.model_validate(fields),
        source={"main.program": SOURCE},
        tests=tuple(TestCase.model_validate(test) for test in TIP_IN_DOLLARS.seen),
    )
    outcome = author(good(TIP_IN_DOLLARS), asked(task=TASK, language="program", parent=parent, renews=True))
    assert outcome.made.authored.source == {"main.program": SOURCE}
    assert "push percentage" in outcome.requests("write_file")[0]["messages"][1]["content"]


def test_an_author_may_call_what_the_version_before_did_not(author: Write) -> None:
    """Its own tests stand in for those that they repeat, and what is left without the callees cannot be compared."""
    fields = {name: value for name, value in TIP_IN_DOLLARS.specification.items() if name in Manifest.model_fields}
    alone = [
        {name: value for name, value in test.items() if name in ("name", "input", "expect")}
        for test in TIP_IN_DOLLARS.seen
    ]
    other = {**alone[0], "name": "another", "input": {"percent": 1, "bill": 900}}
    parent = Material(
        manifest=Manifest.model_validate({**fields, "permissions": {}}),
        source={"main.program": "push 1"},
        tests=tuple(TestCase.model_validate(test) for test in (*alone, other)),
    )
    made = author(good(TIP_IN_DOLLARS), asked(task=TASK, language="program", parent=parent, renews=True)).made
    [result] = made.parent_tests
    assert (result.name, result.passed) == ("another", True)
    assert "'calculate_percentage'" in result.difference
    assert made.held_to == ()


def test_rust_that_is_asked_for_stays_rust(author: Write) -> None:
    """The language that the request names is not the model's to choose."""
    outcome = author(specifies_first(COUNT_VOWELS, language="program"), asked(language="rust"))
    assert outcome.made.authored.manifest.language == "rust"
    assert "language: it has to be 'rust'" in outcome.answers("submit_specification")[0]


def test_searching_for_ever_specifies_nothing(author: Write) -> None:
    """So many searches are free; then each is one more time that nothing was handed in."""
    outcome = author(played(specification=[call("search_capabilities", query="tip")]), asked(task=TASK))
    assert outcome.refusal["stage"] == "specification"
    assert len(outcome.llm.requests) == MAX_LOOKUPS + MAX_SUBMISSIONS
    assert len([question for question in outcome.questions if question.asks == "search"]) == MAX_LOOKUPS
    assert "8 searches are the most" in outcome.answers("search_capabilities")[-1]


@pytest.mark.parametrize(
    "search",
    [
        malformed_call("search_capabilities", '{"query": '),
        call("search_capabilities"),
        call("search_capabilities", query=7),
        call("search_capabilities", query=" "),
    ],
    ids=["no JSON", "no query", "no text", "nothing"],
)
def test_a_search_that_asks_nothing_is_told_so(author: Write, search: Says) -> None:
    """It is answered like any other, and the specification goes on."""
    moves = good_moves(TIP_IN_DOLLARS)
    outcome = author(played(**{**moves, "specification": [search, *moves["specification"]]}), asked(task=TASK))
    assert outcome.made
    assert "query" in outcome.answers("search_capabilities")[0] or "JSON" in outcome.answers("search_capabilities")[0]


def test_what_is_found_before_a_specification_is_data(author: Write) -> None:
    """Summaries were written by others, so they stand between marks."""
    both = calls(call("search_capabilities", query="tip"), *good_moves(TIP_IN_DOLLARS)["specification"])
    outcome = author(played(**{**good_moves(TIP_IN_DOLLARS), "specification": [both]}), asked(task=TASK))
    assert outcome.made
    assert outcome.answers("search_capabilities")[0].startswith("[data ")


def test_contracts_are_asked_for_once(author: Write) -> None:
    """All steps of a build share them."""
    outcome = author(good(TIP_IN_DOLLARS), asked(task=TASK))
    asked_for = [question.calls for question in outcome.questions if question.asks == "contracts"]
    assert asked_for == [("calculate_percentage", "format_number")]
