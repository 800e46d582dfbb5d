"""Summaries that say what a capability does, and those that say nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tacit.building.summaries import summary_problem

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "summary",
    [
        "Implemented successfully.",
        "implemented successfully",
        "This capability does what was asked",
        "New tool",
        "Does the task",
        "Capability created and tested",
        "A helper function that works as expected.",
        "It\u2019s the user\u2019s requested feature, done!",
        "TODO: description",
        "The tool performs the requested task correctly.",
    ],
)
def test_a_summary_that_says_nothing_is_refused(summary: str) -> None:
    """What is true of every capability finds none."""
    assert "says nothing" in (summary_problem(summary, "count_words") or "")


@pytest.mark.parametrize("summary", ["", "!!!!!!!!!!!", "1234567890", "aaaaaaaaaaaaaaa", "\ud800\ud800", "___________"])
def test_a_summary_without_words_is_refused(summary: str) -> None:
    """Signs and digits are no sentence."""
    assert summary_problem(summary, "count_words") == (
        "The summary has no words: say in a sentence what the capability does, with what, and what it answers."
    )


@pytest.mark.parametrize("summary", ["count_words", "The count_words capability.", "count_words: a new tool"])
def test_a_summary_that_only_repeats_the_id_is_refused(summary: str) -> None:
    """The id is searched anyway."""
    assert "only repeats the id" in (summary_problem(summary, "count_words") or "")


@pytest.mark.parametrize(
    "summary",
    [
        "Counts words.",
        "Creates a new task.",
        "Answers whether a number is prime.",
        "count_words: counts the words of a text",
        "计算一段文字的字数",
        "テキストの単語数を数えます",
        "يحسب عدد الكلمات في النص",
        "Zählt die Wörter eines Textes.",
        "Подсчитывает слова в тексте",
        "חישוב מספר המילים",
        "शब्दों की गिनती",
    ],
)
def test_a_summary_that_says_something_is_taken(summary: str) -> None:
    """In few words, in other languages and in other scripts."""
    assert summary_problem(summary, "count_words") is None


@pytest.mark.parametrize(
    "manifest", sorted((ROOT / "capabilities").glob("*/meta.json")), ids=lambda path: path.parent.name
)
def test_no_shipped_summary_is_refused(manifest: Path) -> None:
    """What ships passes its own gate."""
    described = json.loads(manifest.read_text())
    assert summary_problem(described["summary"], described["id"]) is None
