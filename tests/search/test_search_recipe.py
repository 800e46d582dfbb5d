"""The recipe: every score against its naive definition, and what comes first on cards of its own."""

from __future__ import annotations

import numpy as np
import pytest
from search_samples import CARDS, REQUESTS, NaiveStates, naive_lexical, naive_scores

from tacit.models import Card
from tacit.search import MemoryVectors, SearchIndex
from tacit.search.embedder import MiniLmEmbedder
from tacit.search.ranking import Candidates
from tacit.search.text import card_text, id_words, request_text

TEXTS = [card_text(card) for card in CARDS]


@pytest.mark.parametrize("query", list(REQUESTS)[::4])
def test_scores_are_the_recipes(index: SearchIndex, minilm: MiniLmEmbedder, query: str) -> None:
    """Each card's score is e·d + lexical + 0.8 times the best window, as the naive computation has it."""
    expected = dict(zip([card.id for card in CARDS], naive_scores(minilm, TEXTS, query), strict=True))
    matches = index.search(query, len(CARDS))
    assert len(matches) == len(CARDS)
    assert {match.id: match.score for match in matches} == pytest.approx(expected, abs=2e-5)


def test_requests_find_their_cards(index: SearchIndex) -> None:
    """At least 19 of the 21 requests in other words have their card first, and all have it in the first three."""
    found = {query: [match.id for match in index.search(query, 3)] for query in REQUESTS}
    assert sum(found[query][0] == wanted for query, wanted in REQUESTS.items()) >= 19
    assert [query for query, wanted in REQUESTS.items() if wanted not in found[query]] == []


def test_lexical_scores_are_the_recipes() -> None:
    """Without an embedder a score is half the words' cosine and half the characters', as computed naively."""
    alone = SearchIndex(None, MemoryVectors())
    alone.sync(CARDS)
    query = "sort the rows of a table by date"
    expected = dict(zip([card.id for card in CARDS], naive_lexical(TEXTS, query), strict=True))
    for match in alone.search(query, len(CARDS)):
        assert match.score == pytest.approx(expected[match.id], abs=1e-6)


def test_a_document_vector_is_weighted_by_rarity(minilm: MiniLmEmbedder) -> None:
    """A document's vector is the naive weighted sum, and clearly not the plain mean."""
    naive = NaiveStates(minilm)
    vector = minilm.documents([TEXTS[0]])[0]
    assert vector == pytest.approx(naive.vector(TEXTS[0]), abs=1e-6)
    naive._weights[:] = 1.0
    assert float(vector @ naive.vector(TEXTS[0])) < 0.98


def test_windows_find_a_later_step(index: SearchIndex) -> None:
    """A request of several steps has the cards of both in front."""
    query = next(reversed(REQUESTS))
    assert {match.id for match in index.search(query, 2)} == {"convert_currency", "translate_text"}


def test_a_card_waiting_for_its_vector_counts_as_the_median() -> None:
    """A card without a vector is ranked by its words, beside the median of the others' meaning."""
    found = Candidates(
        ids=["a", "b", "c", "new"],
        named=[],
        lexical=np.array([0.0, 0.0, 0.0, 0.5]),
        whole=np.array([0.1, 0.2, 0.6, np.nan]),
        window=np.array([0.1, 0.2, 0.6, np.nan]),
    )
    assert found.scores() == pytest.approx([0.18, 0.36, 1.08, 0.86])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("get_car_details", "get car details"),
        ("trends-hub/getWeReadRank", "trends hub get We Read Rank"),
        ("fetchHTTPPage.v2", "fetch HTTP Page v2"),
        ("a:b__c", "a b c"),
    ],
)
def test_an_id_is_split_into_words(name: str, words: str) -> None:
    """An id is split at camel case, underscores, slashes, hyphens, dots and colons."""
    assert id_words(name) == words


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ("call getSalaryDetails(1) now", "call get Salary Details(1) now"),
        ("papers on arXiv, GitHub, macOS", "papers on arXiv, GitHub, macOS"),
        ("read_file", "read_file"),
    ],
)
def test_identifiers_of_a_request_are_split_into_words(request_: str, words: str) -> None:
    """Camel-case identifiers become words; names that are written with a capital inside stay."""
    assert request_text(request_) == words


def test_example_tasks_are_part_of_the_text() -> None:
    """A card's text is its id's words, its summary and its example tasks."""
    card = Card(id="get_tide", summary="Tells the tide.", examples=("is it ebb?", "high water in Brest"))
    assert card_text(card) == "get tide: Tells the tide. is it ebb? high water in Brest"
