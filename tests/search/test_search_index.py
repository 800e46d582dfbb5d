"""The index as its users see it: names, changes, odd input, thresholds."""

from __future__ import annotations

import subprocess
import sys

import pytest
from search_samples import CARDS, LetterEmbedder

from tacit.errors import InvalidArgument
from tacit.models import Card
from tacit.search import MemoryVectors, SearchIndex
from tacit.search.embedder import MiniLmEmbedder


def ids(index: SearchIndex, query: str, k: int = 3) -> list[str]:
    """Return the ids that a search finds."""
    return [match.id for match in index.search(query, k)]


def small(*cards: Card) -> SearchIndex:
    """Return an index of cards without an embedder."""
    index = SearchIndex(None, MemoryVectors())
    index.sync(cards)
    return index


@pytest.mark.parametrize(
    "query",
    ["resolve_domain", "RESOLVE_DOMAIN", "resolve domain", "Resolve-Domain", " resolveDomain "],
)
def test_an_exact_id_comes_first(index: SearchIndex, query: str) -> None:
    """An id alone puts its card first and it fits, whatever its case and however its words are joined."""
    best = index.search(query)[0]
    assert best.id == "resolve_domain"
    assert best.fits


@pytest.mark.parametrize(("name", "written"), [("b_a_c", "bAC"), ("listOpenPages", "list_open_pages")])
def test_an_id_in_camel_case_is_that_id(name: str, written: str) -> None:
    """An id that is asked for in camel case, or that is in it and asked for otherwise, comes before better scores."""
    index = small(Card(id=name, summary="One."), Card(id="other", summary=f"{written} {written}"))
    assert ids(index, written) == [name, "other"]


def test_an_exact_id_comes_before_better_scores() -> None:
    """A card whose id the request is comes before one whose text has the same words more often."""
    index = small(
        Card(id="pdf", summary="Draws dragons."), Card(id="other", summary="pdf pdf", examples=("pdf", "a pdf"))
    )
    assert ids(index, "pdf") == ["pdf", "other"]


def test_the_id_written_exactly_so_comes_first() -> None:
    """Of two ids that differ only in their joints the one written exactly as in the request comes first."""
    index = small(Card(id="a_bc", summary="One."), Card(id="ab_c", summary="Two."))
    assert ids(index, "ab_c")[0] == "ab_c"
    assert ids(index, "a_bc")[0] == "a_bc"


def test_an_id_without_any_term_is_found() -> None:
    """An id in a script that has no tokens is still found by its name."""
    index = small(Card(id="поиск", summary="!"), Card(id="other", summary="Something else"))
    assert ids(index, "ПОИСК") == ["поиск"]


def test_an_added_card_is_found_at_once(index: SearchIndex) -> None:
    """A card is found by meaning with the first search after it was added."""
    index.add([Card(id="brew_tea", summary="Steeps leaves in boiling water for some minutes.")])
    best = index.search("make me a hot drink")[0]
    assert best.id == "brew_tea"
    assert best.similarity > 0.25


def test_a_changed_card_is_found_by_its_new_text_alone(index: SearchIndex) -> None:
    """A card given again with another text is found by that, no longer by the old, and only once."""
    index.add([Card(id="helper_9", summary="Steeps leaves in boiling water.")])
    index.add([Card(id="helper_9", summary="Walks a dog in the park.")])
    assert len(index) == len(CARDS) + 1
    assert ids(index, "take my puppy for a walk")[0] == "helper_9"
    assert "helper_9" not in [match.id for match in index.search("boiling water for tea", 5) if match.fits]


def test_a_removed_card_is_gone_at_once(index: SearchIndex) -> None:
    """A removed card is not found, not even by its id; the others are."""
    index.remove(["roll_dice", "no_such_card"])
    assert "roll_dice" not in ids(index, "roll_dice", 50)
    assert len(index) == len(CARDS) - 1
    assert ids(index, "merge_pdf")[0] == "merge_pdf"


def test_sync_makes_it_exactly_these_cards() -> None:
    """`sync` adds, changes and removes what differs."""
    index = small(Card(id="a1", summary="apples"), Card(id="b1", summary="bananas"))
    index.sync([Card(id="b1", summary="berries"), Card(id="c1", summary="cherries")])
    assert len(index) == 2
    assert ids(index, "apples bananas") == []
    assert sorted(ids(index, "berries cherries")) == ["b1", "c1"]


def test_slots_of_removed_cards_are_used_again() -> None:
    """Many changes of few cards leave a small index that still finds the right one."""
    index = SearchIndex(LetterEmbedder(), MemoryVectors())
    for number in range(200):
        index.add([Card(id=f"card{number % 7}", summary=f"number {number} {'abcdefg'[number % 7] * 9}")])
    assert index.embed_missing() == 0
    assert len(index) == 7
    assert ids(index, "number 197 bbbbbbbbb")[0] == "card1"
    index.close()


def test_of_an_id_given_twice_the_last_counts() -> None:
    """Two cards of one id in one call are one card, the last."""
    index = small(Card(id="twin", summary="apples"), Card(id="twin", summary="bananas"))
    assert len(index) == 1
    assert ids(index, "apples") == []
    assert ids(index, "bananas") == ["twin"]


@pytest.mark.parametrize("query", ["", "   ", "\n\t", "\u2003"])
def test_an_empty_query_is_refused(index: SearchIndex, query: str) -> None:
    """A query without any character is an invalid argument."""
    with pytest.raises(InvalidArgument):
        index.search(query)


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(index: SearchIndex, k: int) -> None:
    """Fewer than one match cannot be asked for."""
    with pytest.raises(InvalidArgument):
        index.search("rain", k)
    with pytest.raises(InvalidArgument):
        index.closest(CARDS[0], k)


@pytest.mark.parametrize("k", [1, 7, 10**9])
def test_k_is_the_most_there_is(index: SearchIndex, k: int) -> None:
    """At most k matches come, and never more than there are cards; each once."""
    found = ids(index, "convert a document", k)
    assert len(found) == len(set(found)) == min(k, len(CARDS))


@pytest.mark.parametrize(
    "query",
    [
        "🍕🚀",
        "今天北京天气怎么样",
        "ما هو الطقس",
        "\x00\x01\x1b[31m",
        "\ud800 lone \udfff",
        "the of and what",
        "' OR 1=1; DROP TABLE cards; --",
        "é" * 300,
    ],
)
def test_odd_queries_are_answered(index: SearchIndex, query: str) -> None:
    """Whatever characters a query has, it gets matches with finite scores."""
    matches = index.search(query, 5)
    assert len(matches) == 5
    assert all(match.score == match.score and abs(match.score) < 5 for match in matches)


def test_a_huge_query_is_cut(index: SearchIndex) -> None:
    """Of a query of a megabyte the first 16,384 characters count, so its time is bounded."""
    start = "convert money " * 1200
    huge = index.search(start + "dragons " * 130_000, 3)
    assert huge == index.search(start[:16_384], 3)
    assert huge[0].id == "convert_currency"


def test_odd_cards_are_taken() -> None:
    """Empty summaries, control characters and lone surrogates in a card do no harm."""
    index = SearchIndex(LetterEmbedder(), MemoryVectors())
    index.sync([Card(id="empty", summary=""), Card(id="odd", summary="\ud800\x00"), Card(id="good", summary="apples")])
    assert index.embed_missing() == 0
    assert ids(index, "apples")[0] == "good"
    index.close()


def test_an_empty_index_finds_nothing(minilm: MiniLmEmbedder) -> None:
    """Without cards there are no matches."""
    index = SearchIndex(minilm, MemoryVectors())
    index.sync([])
    assert index.search("rain") == []
    assert index.closest(CARDS[0]) == []


@pytest.mark.parametrize("query", ["zxqv wkjh", "bake a chocolate cake", "water the plants", "buy shoes"])
def test_what_nothing_answers_does_not_fit(index: SearchIndex, query: str) -> None:
    """For a request that no card answers, no match fits."""
    assert [match.id for match in index.search(query, 5) if match.fits] == []


@pytest.mark.parametrize("query", ["which program eats my memory", "what is 20 pounds in euros", "shrink app.js"])
def test_what_a_card_answers_fits(index: SearchIndex, query: str) -> None:
    """For a request that a card answers, in other words, that card fits."""
    assert index.search(query)[0].fits


def test_a_given_threshold_goes_first(minilm: MiniLmEmbedder, sample_vectors: MemoryVectors) -> None:
    """Thresholds that are given replace the calibrated ones."""
    strict = SearchIndex(minilm, sample_vectors, similarity_threshold=1.9, duplicate_threshold=0.0)
    strict.sync(CARDS)
    assert not strict.search("how many euros are 50 dollars")[0].fits
    assert all(match.duplicate for match in strict.closest(CARDS[0], 1))


@pytest.mark.parametrize(
    ("name", "summary", "same_as"),
    [
        (
            "money_converter",
            "Converts an amount of money between two currencies at the day's rate.",
            "convert_currency",
        ),
        ("password_generator", "Generates a strong random password.", "generate_password"),
        ("join_pdfs", "Joins several PDF files into one PDF document.", "merge_pdf"),
    ],
)
def test_the_same_in_other_words_is_a_duplicate(index: SearchIndex, name: str, summary: str, same_as: str) -> None:
    """A card that says what another one says is called its duplicate."""
    assert [match.id for match in index.closest(Card(id=name, summary=summary), 1) if match.duplicate] == [same_as]


@pytest.mark.parametrize(
    ("name", "summary"),
    [
        ("csv_drop_columns", "Removes columns of a CSV table."),
        ("decrypt_file", "Decrypts a file with its password."),
        ("git_branch_create", "Creates a branch in a git repository."),
        ("json_to_xml", "Turns a JSON object into an XML document."),
        ("convert_temperature", "Converts a temperature between Celsius and Fahrenheit."),
        ("get_tide_forecast", "Forecasts high and low water for a place over the next days."),
    ],
)
def test_a_sibling_is_no_duplicate(index: SearchIndex, name: str, summary: str) -> None:
    """A card that does something near it is not called a duplicate."""
    assert [match.id for match in index.closest(Card(id=name, summary=summary)) if match.duplicate] == []


def test_a_card_is_not_its_own_duplicate(index: SearchIndex) -> None:
    """The closest cards of one that is in the index are others."""
    assert CARDS[0].id not in [match.id for match in index.closest(CARDS[0], len(CARDS))]


def test_without_embedder_it_says_so() -> None:
    """The status says that search is lexical alone, and what to do."""
    status = small(CARDS[0]).status
    assert "Lexical only" in status
    assert "tacit setup" in status


def test_a_failing_embedder_leaves_words() -> None:
    """When the embedder fails, cards are found by their words, and the status has the reason."""
    index = SearchIndex(LetterEmbedder(failing="The service is down."), MemoryVectors())
    index.sync(CARDS)
    assert index.embed_missing() == len(CARDS)
    assert ids(index, "resize a picture")[0] == "resize_image"
    assert index.closest(Card(id="picture_resizer", summary="Resizes a picture."), 1)[0].id == "resize_image"
    assert "The service is down." in index.status
    index.close()


def test_it_recovers_when_the_embedder_does() -> None:
    """Cards left without vectors by a failure get them with the next change."""
    embedder = LetterEmbedder(failing="The service is down.")
    index = SearchIndex(embedder, MemoryVectors())
    index.sync(CARDS)
    assert index.embed_missing() == len(CARDS)
    embedder.failing = ""
    index.add([Card(id="late", summary="Came later.")])
    assert index.embed_missing() == 0
    assert "Semantic" in index.status
    index.close()


def test_an_embedder_that_failed_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some time after a failure a search has the missing vectors made, without any change of cards."""
    monkeypatch.setattr("tacit.search.index.PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("tacit.search.requests.PAUSE_SECONDS", 0.0)
    embedder = LetterEmbedder(failing="The service is down.")
    index = SearchIndex(embedder, MemoryVectors())
    index.sync(CARDS)
    assert index._backfill.wait(10)
    index.search("rain")
    embedder.failing = ""
    index.search("rain")
    assert index._backfill.wait(10)
    assert len(embedder.embedded) == len(CARDS)
    index.search("rain")
    assert "by letters" in index.status
    index.close()


def test_a_repeated_request_is_embedded_once() -> None:
    """The vectors of a request are kept for when it comes again; the oldest of more than 256 are dropped."""
    embedder = LetterEmbedder()
    index = SearchIndex(embedder, MemoryVectors())
    index.sync(CARDS)
    index.embed_missing()
    for _ in range(3):
        index.search("rain in Oslo")
    assert embedder.asked == ["rain in Oslo"]
    for number in range(256):
        index.search(f"request {number}")
    index.search("rain in Oslo")
    assert embedder.asked.count("rain in Oslo") == 2
    index.close()


def test_importing_the_package_imports_nothing_heavy() -> None:
    """`import tacit.search` leaves NumPy, FAISS, tokenizers and openai alone, so that a server starts fast."""
    script = "import sys, tacit.search; print(sorted({'numpy','faiss','tokenizers','openai'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_a_name_that_is_not_there() -> None:
    """A misspelt name of the package is an AttributeError, as of any module."""
    import tacit.search

    with pytest.raises(AttributeError, match="SearchIndx"):
        _ = tacit.search.SearchIndx  # pyright: ignore[reportAttributeAccessIssue]
