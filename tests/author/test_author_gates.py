"""What holds an author to its specification and its tests, and a specification to the request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from author_samples import (
    BROKEN,
    BUDGET,
    COMPLETED,
    GOOD,
    HELD_OUT,
    SEEN,
    asked,
    existing,
    in_turn,
    plays,
    specified,
    submitted,
)
from authors import games_its_tests, trivial_suite, write
from samples import COUNT_VOWELS
from scripted_llm import call

from tacit.building.protocol import Answer, Question
from tacit.models import Permissions, TestCase

ONE_CALL = BUDGET.model_copy(update={"llm_calls": 1})
Write = Callable[..., Any]

TWISTED = [{**test, "input": {"text": f"{test['input']['text']}."}} for test in SEEN]


def test_hard_coded_outputs_are_refused_at_verification(author: Write) -> None:
    """A source that knows the tests it saw fails those it did not, is told once, and is refused the second time."""
    outcome = author(games_its_tests(COUNT_VOWELS))
    assert outcome.refusal["stage"] == "verification"
    assert HELD_OUT[0]["behaviour"] in outcome.refusal["learnt"]
    messages = [each["content"] or "" for each in outcome.requests("write_file")[-1]["messages"]]
    (told,) = [content for content in messages if "last chance" in content]
    assert HELD_OUT[0]["behaviour"] in told
    assert HELD_OUT[1]["behaviour"] in told


def test_an_author_that_is_told_what_failed_may_mend_it_once(author: Write) -> None:
    """The description of the behaviour is enough for one that writes the real thing then."""
    assert author(games_its_tests(COUNT_VOWELS, repents=True)).made.authored.source == {"main.rs": GOOD}


@pytest.mark.parametrize("repents", [True, False])
def test_held_out_tests_are_in_no_message_of_the_implementation(author: Write, repents: bool) -> None:
    """Neither names nor inputs nor outputs reach the author of the source, whatever fails."""
    outcome = author(games_its_tests(COUNT_VOWELS, repents=repents))
    said = json.dumps(outcome.requests("write_file"), ensure_ascii=False)
    assert SEEN[0]["name"] in said
    for test in HELD_OUT:
        assert test["name"] not in said
    for text in ("AEIOU and aeiou", "naïve", "café"):
        assert text not in said


def test_a_behaviour_that_quotes_its_test_is_not_passed_on(author: Write) -> None:
    """A sentence with a value of the held-out test is replaced by a general one."""
    quoting = [{**test, "behaviour": f"For {test['input']['text']!r} it gives {test['expect']}"} for test in HELD_OUT]
    outcome = author(plays(tests=submitted(held_out=quoting), implementation=games_its_tests(COUNT_VOWELS)))
    assert outcome.refusal["stage"] == "verification"
    said = json.dumps(outcome.requests("write_file"), ensure_ascii=False)
    assert "each of its sentences" in said
    assert "AEIOU and" not in said


def test_each_step_has_a_context_of_its_own(author: Write) -> None:
    """Tests are written without the task and before any source, the source without what the task said."""
    outcome = author(plays(), asked(task=f"{COUNT_VOWELS.task}; my cat is called Mirabelle"))
    assert outcome.made
    assert "Mirabelle" in json.dumps(outcome.requests("submit_specification"))
    assert "Mirabelle" not in json.dumps(outcome.requests("submit_tests"))
    assert "Mirabelle" not in json.dumps(outcome.requests("write_file"))


def test_a_trivial_suite_is_refused(author: Write) -> None:
    """An author that insists on tests which a constant passes makes nothing, and no source is asked for."""
    outcome = author(trivial_suite(COUNT_VOWELS))
    assert outcome.refusal["stage"] == "tests"
    assert "always answers" in outcome.refusal["message"]
    assert outcome.requests("write_file") == []


def test_a_trivial_suite_can_be_written_anew(author: Write) -> None:
    """What is wrong with the tests is told, and better ones are taken."""
    outcome = author(trivial_suite(COUNT_VOWELS, mends=True))
    assert outcome.made.authored.held_out == tuple(test["name"] for test in HELD_OUT)


@pytest.mark.parametrize(
    ("tests", "told"),
    [
        (submitted(seen=SEEN[:2]), "3 tests at least"),
        (submitted(held_out=HELD_OUT[:1]), "2 tests at least"),
        (submitted(held_out=[{**HELD_OUT[0], "name": SEEN[0]["name"]}, *HELD_OUT[1:]]), "Two tests are named"),
        (submitted(held_out=[{**HELD_OUT[0], "input": SEEN[0]["input"]}, *HELD_OUT[1:]]), "repeats the input"),
        (submitted(held_out=[{**HELD_OUT[0], "input": SEEN[0]["input"], "now": 1}, *HELD_OUT[1:]]), "repeats the"),
        (submitted(seen=[{**test, "expect": {"error": "no_words"}} for test in SEEN]), "no test expects an output"),
        (submitted(seen=[{**SEEN[0], "input": {"words": "?"}}, *SEEN[1:]]), "breaks input_schema"),
        (submitted(seen=[{**SEEN[0], "expect": {"output": {"vowels": -1}}}, *SEEN[1:]]), "breaks output_schema"),
        (submitted(seen=[{**SEEN[0], "expect": {}}, *SEEN[1:]]), "exactly one of"),
        (submitted(held_out=[SEEN[0], *HELD_OUT]), "behaviour"),
        (submitted(seen=[{**SEEN[0], "files": {"a.txt": "x"}}, *SEEN[1:]]), "reach none of its files"),
        (submitted(seen=[{**SEEN[0], "http": {"https://example.org/": "x"}}, *SEEN[1:]]), "the host 'example.org'"),
        (submitted(seen=[{**SEEN[0], "http": {"nowhere": "x"}}, *SEEN[1:]]), "cannot pass"),
        (submitted(seen=[{**SEEN[0], "calls": {"other_one": 1}}, *SEEN[1:]]), "let it call 'other_one'"),
    ],
)
def test_tests_that_do_not_hold_are_sent_back(author_here: Write, tests: Any, told: str) -> None:
    """What is wrong is told in words that say what to mend."""
    outcome = author_here(plays(tests=tests), asked(budget=BUDGET.model_copy(update={"llm_calls": 2})))
    assert outcome.refusal["stage"] == "budget"
    assert any(told in found for found in outcome.findings.values())
    assert told in outcome.answers("submit_tests")[0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"id": "Count Vowels"}, "id"),
        ({"summary": "It was implemented successfully."}, "summary"),
        ({"input_schema": {"type": "nothing"}}, "input_schema"),
        ({"output_schema": {}}, "rules nothing out"),
        ({"input_schema": ...}, "input_schema"),
        ({"permissions": {"http": ["example.com"]}}, "asks for what no effect needs"),
        ({"effects": ["network"]}, "the effects need 'http'"),
        ({"effects": ["telepathy"]}, "effects"),
        ({"permissions": {"read": ["/etc/passwd"]}, "effects": ["reads"]}, "not a relative glob"),
        ({"examples": ["just one"]}, "3 to 5"),
        ({"behaviour": []}, "behaviour"),
        ({"behaviour": [f"It does this {number} times. {'x' * 900}" for number in range(50)]}, "are the most"),
        ({"behaviour": ["\u202eA sentence turned around.", "Another one, which is fine."]}, "U+202E"),
    ],
)
def test_specifications_that_do_not_hold_are_sent_back(author_here: Write, changes: dict[str, Any], told: str) -> None:
    """What is wrong is told in words that say what to mend."""
    outcome = author_here(plays(specification=specified(**changes)), asked(budget=ONE_CALL))
    assert outcome.refusal["stage"] == "budget"
    assert any(told in found for found in outcome.findings.values())
    assert told in outcome.answers("submit_specification")[0]


def test_what_the_request_gives_holds(author: Write) -> None:
    """Id, summary, schemas, examples and tests of the request are those of the version."""
    schema = {**COUNT_VOWELS.specification["output_schema"], "description": "As it was given."}
    test = {"name": "given", "input": {"text": "a given text"}, "expect": {"output": {"vowels": 4}}}
    given = asked(
        id="vowels_in",
        summary="Tell how many vowels there are in a text.",
        output_schema=schema,
        examples=("how many vowels has my street?",),
        tests=(TestCase.model_validate(test),),
    )
    outcome = author(plays(specification=[specified(), specified(id=..., output_schema=...)]), given)
    manifest = outcome.made.authored.manifest
    assert "it has to be 'vowels_in'" in outcome.answers("submit_specification")[0]
    assert "output_schema: it is given" in outcome.answers("submit_specification")[0]
    assert (manifest.id, manifest.summary, manifest.output_schema) == ("vowels_in", given.summary, schema)
    assert manifest.examples[0] == given.examples[0]
    assert outcome.made.authored.tests[0] == given.tests[0]
    assert "a given text" in json.dumps(outcome.requests("write_file"))


def test_given_permissions_hold(author: Write) -> None:
    """They are neither widened by the specification nor narrowed because the module needs less."""
    given = Permissions(read=("words/*.txt",))
    other = specified(permissions={"read": ["**"]}, effects=["reads"])
    outcome = author(plays(specification=[other, specified(permissions=...)]), asked(permissions=given))
    assert "permissions: it is given" in outcome.answers("submit_specification")[0]
    assert outcome.made.authored.manifest.permissions == given


def test_permissions_that_the_module_cannot_use_are_left_out(author: Write) -> None:
    """A specification may expect an effect that the source does without; then nothing is asked for."""
    generous = specified(effects=["time", "reads"], permissions={"time": True, "read": ["**"]})
    assert author(plays(specification=generous)).made.authored.manifest.permissions == Permissions()


def test_the_input_that_waits_has_to_fit(author: Write) -> None:
    """A specification whose input_schema refuses the input of the request is sent back."""
    outcome = author(plays(), asked(input={"text": 5}))
    assert outcome.refusal["stage"] == "specification"
    assert "the task comes with an input" in outcome.answers("submit_specification")[0]


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ({"input": 5, "expect": {"output": {"vowels": 1}}}, "its input does not fit at $"),
        ({"input": {"text": "a"}, "expect": {"output": {"vowels": "one"}}}, "its output does not fit at $.vowels"),
        ({"input": {"text": "a"}, "files": {"a": "b"}, "expect": {"error": "e"}}, "reach none of its files"),
    ],
)
def test_given_tests_have_to_fit_the_specification(author_here: Write, test: dict[str, Any], told: str) -> None:
    """A specification under which a given test cannot pass is sent back before tests are written for it."""
    given = asked(tests=(TestCase.model_validate({"name": "given", **test}),), budget=ONE_CALL)
    outcome = author_here(plays(), given)
    assert told in outcome.answers("submit_specification")[0]


def test_a_proposal_is_asked_for_once_the_specification_holds(author: Write) -> None:
    """The server hears id, summary and examples before any test is written."""
    outcome = author(plays())
    (question,) = outcome.questions
    assert (question.asks, question.card.id) == ("propose", "count_vowels")
    assert question.card.summary == COUNT_VOWELS.specification["summary"]


def test_a_refused_proposal_goes_back(author: Write) -> None:
    """Why the catalog does not take it is told to the model, which may choose another id."""

    def answer(question: Question) -> Answer:
        taken = question.card is not None and question.card.id == "count_vowels"
        return Answer(number=question.number, refused=taken, text="There is a count_vowels already.")

    outcome = author(plays(specification=[specified(), specified(id="vowel_count")]), answer=answer)
    assert outcome.made.authored.manifest.id == "vowel_count"
    assert "There is a count_vowels already." in outcome.answers("submit_specification")[0]


def test_a_proposal_that_is_always_refused_ends_the_build(author: Write) -> None:
    """The refusal says what the catalog said, and no test was written."""
    refuses = lambda question: Answer(number=question.number, refused=True, text="It exists: word_vowels.")  # noqa: E731
    outcome = author(plays(), answer=refuses)
    assert outcome.refusal["stage"] == "duplicate"
    assert "word_vowels" in outcome.refusal["message"]
    assert outcome.requests("submit_tests") == []


def test_search_reaches_the_catalog(author: Write) -> None:
    """search_capabilities asks the server, and its answer is framed as data."""
    answer = lambda question: Answer(number=question.number, text="upper_case: makes it upper case")  # noqa: E731
    moves = (call("search_capabilities", query="upper case"), write(GOOD), *COMPLETED)
    outcome = author(plays(implementation=moves), answer=answer)
    assert [question.query for question in outcome.questions if question.asks == "search"] == ["upper case"]
    (said,) = outcome.answers("search_capabilities")
    assert "upper_case: makes it upper case" in said
    assert said.startswith("[data ")


def test_complete_before_the_tests_pass_is_refused(author: Write) -> None:
    """Completing without a test, or after one that failed, does not end the step."""
    moves = (write(BROKEN), call("complete"), call("test"), call("complete"), write(GOOD), *COMPLETED)
    outcome = author(plays(implementation=moves))
    assert outcome.made.authored.source == {"main.rs": GOOD}
    assert len(outcome.answers("complete")) == 3


def test_an_accepted_revision_is_recorded_with_new_tests(author: Write) -> None:
    """Where specification and tests contradict each other, both are made anew, once, and it is kept why."""
    moves = [specified(behaviour=["It counts letters of a text, all of them.", "Nothing else counts, ever."])]
    ask = call("request_revision", reason="The second sentence and the first test contradict each other.")
    parts = plays(
        specification=in_turn(*moves, specified()),
        tests=in_turn(submitted(seen=TWISTED), submitted()),
        implementation=in_turn(ask, write(GOOD), *COMPLETED),
        revision=call("decide_revision", accept=True, reason="Indeed they do."),
    )
    outcome = author(parts)
    (revision,) = outcome.made.authored.revisions
    assert "contradict each other" in revision
    assert "Indeed they do." in revision
    assert "now 'An empty text has no vowels.'" in revision
    assert [test.name for test in outcome.made.authored.tests[:3]] == [test["name"] for test in SEEN]
    assert "request_revision" not in [each["function"]["name"] for each in outcome.requests("write_file")[-1]["tools"]]


def test_a_refused_revision_changes_nothing(author: Write) -> None:
    """The author is told why, and asking again leads nowhere."""
    ask = [call("request_revision", reason=f"It is too hard, {times}.") for times in ("really", "very")]
    outcome = author(plays(implementation=(*ask, write(GOOD), *COMPLETED)))
    assert outcome.made.authored.revisions == ()
    first, second = outcome.answers("request_revision")
    assert "what is to be done" in first
    assert "judged already" in second


def test_the_judge_of_a_revision_sees_nothing_held_out(author: Write) -> None:
    """Its words go back to the author of the source, so it must not know what that one may not."""
    ask = call("request_revision", reason="The tests are wrong.")
    outcome = author(plays(implementation=(ask, write(GOOD), *COMPLETED)))
    said = json.dumps(outcome.requests("decide_revision"), ensure_ascii=False)
    assert SEEN[0]["name"] in said
    assert not any(test["name"] in said for test in HELD_OUT)


def test_capabilities_near_the_task_are_shown_to_the_one_that_specifies(author: Write) -> None:
    """Capabilities near the task are shown as data to the one that specifies, and to nobody else."""
    near = existing(id="near_by", summary="Tell how many consonants a text has.")
    outcome = author(plays(), asked(nearest=(near,)))
    assert "near_by" in json.dumps(outcome.requests("submit_specification"))
    assert "near_by" not in json.dumps(outcome.requests("submit_tests"))
