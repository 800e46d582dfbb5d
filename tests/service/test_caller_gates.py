"""What holds for a caller's source as for a model's: telling tests, summaries that say something, recorded runs."""

from __future__ import annotations

import pytest
from service_samples import WORD_COUNT, OpenApp, word_count

from tacit.errors import InvalidArgument, UnknownJob
from tacit.texts import mutate_text

SPACES = WORD_COUNT.replace(
    "split_whitespace().count()", 'split_whitespace().count() + input.text.matches("  ").count()'
)
"""Counts as before where words stand one space apart, and each double space as one more."""


def test_tests_that_tell_nothing_are_refused(open_app: OpenApp) -> None:
    """A suite that one fixed answer passes is refused, with the answer that passes and what to add."""
    tests = [{"name": "two words", "input": {"text": "a b"}, "expect": {"output": {"words": 2}}}]
    answer = open_app().service.mutate(word_count(tests=tests), wait_seconds=60)
    assert (answer.status, answer.stage) == ("refused", "tests")
    assert "always answers" in answer.message
    assert answer.hint


@pytest.mark.parametrize("summary", ["Implemented successfully.", "This capability works as requested."])
def test_a_summary_that_says_nothing_is_refused(open_app: OpenApp, summary: str) -> None:
    """A summary that would be true of every capability is refused before anything is built."""
    service = open_app().service
    answer = service.mutate(word_count(summary=summary))
    assert (answer.status, answer.stage, service.builds()) == ("refused", "request", [])


def test_a_new_version_repeats_recorded_runs(open_app: OpenApp) -> None:
    """A new version that answers a recorded input differently is refused, naming the run."""
    service = open_app().service
    service.mutate(word_count(), wait_seconds=60)
    run = service.run("count_words", {"text": "one  two"})
    answer = service.mutate(word_count(parent_id="count_words", source=SPACES), wait_seconds=60)
    assert (answer.status, answer.stage) == ("refused", "verification")
    assert any(run.run_id in test.name and not test.passed for test in answer.tests)


def test_force_accepts_the_difference_and_keeps_it(open_app: OpenApp) -> None:
    """With force the new version is registered, and its origin says which recorded runs go differently."""
    app = open_app()
    app.service.mutate(word_count(), wait_seconds=60)
    run = app.service.run("count_words", {"text": "one  two"})
    answer = app.service.mutate(word_count(parent_id="count_words", source=SPACES, force=True), wait_seconds=60)
    assert (answer.status, answer.version) == ("registered", 2)
    accepted = app.catalog.origin("count_words", 2).accepted
    assert len(accepted) == 1
    assert run.run_id in accepted[0]


def test_a_test_with_the_same_input_asserts_the_change(open_app: OpenApp) -> None:
    """A recorded run whose input a new test has may go differently."""
    service = open_app().service
    service.mutate(word_count(), wait_seconds=60)
    service.run("count_words", {"text": "one  two"})
    changed = {"name": "two spaces", "input": {"text": "one  two"}, "expect": {"output": {"words": 3}}}
    tests = [test.model_dump() for test in word_count().tests]
    answer = service.mutate(
        word_count(parent_id="count_words", source=SPACES, tests=[*tests, changed]), wait_seconds=60
    )
    assert (answer.status, answer.version) == ("registered", 2)


def test_a_callers_origin_is_kept(open_app: OpenApp) -> None:
    """A caller's version knows its task, its client, its SDK and how long it took."""
    app = open_app()
    answer = app.service.mutate(word_count(task="count my words"), wait_seconds=60, client="some\u202e client")
    origin = app.catalog.origin("count_words", 1)
    assert (origin.task, origin.model, origin.job) == ("count my words", "", answer.job)
    assert app.catalog.get("count_words").author == answer.author == "caller (some client)"
    assert "written by" not in mutate_text(answer), "a caller knows"
    assert origin.sdk
    assert origin.build_seconds > 0


def test_an_input_that_fails_is_said(open_app: OpenApp) -> None:
    """The version is registered all the same, and the answer has the run's error."""
    answer = open_app().service.mutate(word_count(input={"text": 5}), wait_seconds=60)
    assert (answer.status, answer.run) == ("registered", None)
    assert answer.run_error is not None
    assert answer.run_error["code"] == "invalid_input"


@pytest.mark.parametrize("given", [float("nan"), "\ud800", None, [[]] * 3])
def test_any_input_leaves_the_version(open_app: OpenApp, given: object) -> None:
    """Whatever the input is, the build goes well and the run says what was wrong."""
    answer = open_app().service.mutate(word_count().model_copy(update={"input": given}), wait_seconds=60)
    assert answer.status == "registered"
    assert answer.run_error is not None


def test_builds_are_listed_newest_first(open_app: OpenApp) -> None:
    """The records say how each build ended, also those that were refused."""
    service = open_app().service
    first = service.mutate(word_count(), wait_seconds=60)
    service.mutate(word_count(id="count_more", source="fn main() { nothing }", force=True), wait_seconds=60)
    listed = service.builds()
    assert [(each["capability"], each["status"]) for each in listed] == [
        ("count_more", "refused"),
        ("count_words", "registered"),
    ]
    record = service.build(first.job or "")
    assert (record["answer"]["version"], record["transcript"]) == (1, [])


@pytest.mark.parametrize("job", ["", "nothing", "\ud800", "x" * 10_000])
def test_a_build_that_never_was(open_app: OpenApp, job: str) -> None:
    """An unknown job is named as such."""
    with pytest.raises(UnknownJob):
        open_app().service.build(job)


@pytest.mark.parametrize("count", [0, -1, 1001])
def test_a_count_out_of_bounds(open_app: OpenApp, count: int) -> None:
    """A senseless number of builds is refused."""
    with pytest.raises(InvalidArgument):
        open_app().service.builds(count)
