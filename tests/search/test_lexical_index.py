"""The lexical index: exact after any sequence of changes."""

from __future__ import annotations

import random

import numpy as np
import pytest
from search_samples import CARDS, naive_lexical

from tacit.search.lexical import LexicalIndex
from tacit.search.text import card_text, character_terms, tokens, word_terms

TEXTS = [card_text(card) for card in CARDS]
QUERIES = ["sort a table by date", "必应搜索 今天", "the of and", "unheard-of wörds"]


def assert_exact(index: LexicalIndex, texts: dict[int, str]) -> None:
    """Compare the scores of all slots with the naive computation over the texts that are there."""
    slots = sorted(texts)
    for query in QUERIES:
        scores = index.scores(query)
        expected = naive_lexical([texts[slot] for slot in slots], query)
        assert scores[slots] == pytest.approx(expected, abs=1e-6)
        assert np.count_nonzero(scores) == np.count_nonzero(expected)


def test_scores_stay_exact_through_changes() -> None:
    """After 300 random additions and removals, searched in between, every score is the rebuilt one's."""
    chance = random.Random(7)
    index, texts = LexicalIndex(), dict[int, str]()
    for step in range(300):
        if texts and chance.random() < 0.4:
            slot = chance.choice(sorted(texts))
            index.remove([slot])
            del texts[slot]
        else:
            slot = next(free for free in range(300) if free not in texts)
            texts[slot] = chance.choice(TEXTS)
            index.add({slot: texts[slot]})
        if step % 3 == 0:
            index.scores("a table of dates")
        if step % 60 == 59 and texts:
            assert_exact(index, texts)


def test_a_restored_index_is_the_same() -> None:
    """An index made of another's arrays gives the same scores, and takes changes as well."""
    index = LexicalIndex()
    index.add(dict(enumerate(TEXTS)))
    index.remove([3, 17])
    restored = LexicalIndex.restore(index.arrays(), len(TEXTS) - 2)
    texts = {slot: text for slot, text in enumerate(TEXTS) if slot not in (3, 17)}
    assert_exact(restored, texts)
    restored.add({3: "sort dates in a table"})
    assert_exact(restored, texts | {3: "sort dates in a table"})


def test_an_empty_index_scores_nothing() -> None:
    """Without texts, or after the last was removed, there are no scores."""
    index = LexicalIndex()
    assert not index.scores("rain").any()
    index.add({0: "rain"})
    index.remove([0])
    assert not index.scores("rain").any()


def test_a_text_without_terms_takes_a_slot() -> None:
    """A text of nothing but signs scores 0 and does not disturb the others."""
    index = LexicalIndex()
    index.add({0: "!!!", 1: "rain in Oslo"})
    assert index.scores("rain") == pytest.approx(naive_lexical(["!!!", "rain in Oslo"], "rain"))


def test_stop_words_are_left_out_unless_alone() -> None:
    """Stop words are no tokens, but a text of stop words alone keeps them."""
    assert tokens("What is the time for us?") == ["time"]
    assert tokens("What is this?") == ["what", "is", "this"]


def test_cjk_characters_are_single_tokens() -> None:
    """Each CJK character is a token of its own, beside words."""
    assert tokens("必应search 한글") == ["必", "应", "search", "한", "글"]


def test_terms() -> None:
    """Words count alone and in pairs; characters as 4-grams of the padded word, a short one whole."""
    assert word_terms(["time", "zone", "now"]) == ["time", "zone", "now", "time zone", "zone now"]
    assert character_terms(["time", "ab", "x"]) == [" tim", "time", "ime ", " ab ", " x "]
