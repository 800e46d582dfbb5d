"""Cards with requests for them, a small embedder without weights, and the recipe written naively."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from tacit.errors import EmbedderMissing
from tacit.models import Card
from tacit.search.embedder import MiniLmEmbedder, QueryEmbedding
from tacit.search.minilm import MiniLm
from tacit.search.text import STOP
from tacit.search.weights import load_tensors

Vector = NDArray[np.float64]

_CARDS = """
convert_currency | Converts an amount of money between currencies at a day's rate. | How many euros are 50 dollars?
get_weather_forecast | Forecasts temperature, rain and wind for the next days. | Do I need an umbrella in Oslo?
translate_text | Translates a text from one language into another. | Say good morning in Japanese
resize_image | Changes the width and height of a picture, keeping its proportions. | Make photo.png 800 pixels wide
ocr_document | Reads printed text out of scanned pages and photos. | What does this receipt say?
merge_pdf | Joins several PDF documents into one. | Put these two PDFs together
split_pdf | Cuts a PDF document into one file per page. | Separate the pages of contract.pdf
hash_file | Computes the SHA-256 or MD5 checksum of a file. | Is this download intact?
encrypt_file | Encrypts a file with a password. | Lock my diary so that nobody can read it
compress_folder | Packs a folder into a zip archive. | Zip the project
list_processes | Lists running processes with their memory and processor time. | What is eating my RAM?
ping_host | Measures whether and how fast a machine on the network answers. | Is the server up?
resolve_domain | Looks up the IP addresses of a domain name. | Where does example.com point?
scan_ports | Finds out which TCP ports of a machine are open. | Is anything listening on port 22?
render_chart | Draws bar, line and pie charts from a table of numbers. | Plot revenue by month
solve_equation | Solves linear and quadratic equations. | Find x in 3x + 5 = 20
matrix_inverse | Inverts a square matrix. | Invert [[1,2],[3,4]]
prime_factors | Breaks a whole number into its prime factors. | Factorise 3599
roll_dice | Rolls dice and returns the numbers. | Throw two six-sided dice
generate_password | Makes a strong random password. | I need a new secret for my account
validate_email | Checks that an e-mail address is well formed. | Is bob@example a proper address?
send_slack_message | Posts a message to a Slack channel. | Tell the team in #general that lunch is ready
create_jira_ticket | Opens an issue in Jira. | File a bug about the login page
query_postgres | Runs a read-only SQL statement on a PostgreSQL database. | How many rows has the orders table?
backup_database | Dumps a database into a file. | Save a copy of production before the release
git_blame | Shows who last changed each line of a file. | Who wrote this function?
git_branch_delete | Deletes a branch of a git repository. | Remove the feature branch
run_unit_tests | Runs the unit tests of a project and reports failures. | Did I break anything?
minify_javascript | Shrinks JavaScript source without changing what it does. | Make app.js smaller
markdown_to_html | Renders Markdown as HTML. | Turn README.md into a web page
xml_to_json | Turns an XML document into JSON. | Parse this feed into objects
csv_filter_rows | Keeps the rows of a CSV table that match a condition. | Only orders over 100 euros
csv_sort_rows | Sorts the rows of a CSV table by a column. | Order customers.csv by surname
days_between | Counts the days between two dates. | How long until Christmas?
convert_timezone | Moves a time of day from one time zone to another. | When is 9 am in Tokyo for Berlin?
geocode_address | Finds latitude and longitude of a street address. | Where on the map is 5 Main Street?
route_planner | Finds the fastest way by car, bike or on foot. | How do I drive from Paris to Lyon?
transcribe_audio | Writes down what is said in a recording. | Turn the interview into text
detect_beats | Finds tempo and beats in a piece of music. | What is the BPM of this track?
必应搜索 | 使用必应搜索指定的关键词并返回结果列表。 | 搜索今天的新闻
"""

CARDS = tuple(
    Card(id=name.strip(), summary=summary.strip(), examples=(example.strip(),))
    for name, summary, example in (line.split("|") for line in _CARDS.strip().splitlines())
)

REQUESTS = {
    "change 20 pounds into Swiss francs": "convert_currency",
    "will it be raining tomorrow in Bergen": "get_weather_forecast",
    "what's 'thank you' in Korean": "translate_text",
    "shrink a picture to half its size": "resize_image",
    "extract the words from a scanned invoice": "ocr_document",
    "combine PDF files": "merge_pdf",
    "every page of this pdf as its own file": "split_pdf",
    "sha256 of a download": "hash_file",
    "protect a document with a passphrase": "encrypt_file",
    "archive the directory": "compress_folder",
    "which program uses the most memory": "list_processes",
    "find the DNS record of a site": "resolve_domain",
    "draw a pie chart of our sales": "render_chart",
    "who changed this line of code": "git_blame",
    "write down what was said in this meeting recording": "transcribe_audio",
    "tempo of a song": "detect_beats",
    "sort a spreadsheet by name": "csv_sort_rows",
    "搜索关键词": "必应搜索",
    "notify my colleagues on Slack": "send_slack_message",
    "number of days from May to July": "days_between",
    "First convert the amount from dollars to yen at today's rate, then translate the note to the customer into "
    "Japanese.": "convert_currency",
}


class LetterEmbedder:
    """Embeds by letter counts, 27 numbers: quick, without weights, and counting what it is asked for."""

    kind = "service"
    dimensions = 27

    def __init__(self, name: str = "letters", failing: str = "") -> None:
        self.name = name
        self.failing = failing
        self.embedded: list[str] = []
        self.asked: list[str] = []

    def documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.failing:
            raise EmbedderMissing(self.failing)
        self.embedded += texts
        return np.stack([_letters(text) for text in texts])

    def query(self, text: str) -> QueryEmbedding:
        if self.failing:
            raise EmbedderMissing(self.failing)
        self.asked.append(text)
        vector = _letters(text)
        return QueryEmbedding(vector, vector[None][:0])

    def close(self) -> None:
        pass


def _letters(text: str) -> NDArray[np.float32]:
    counts = np.full(27, 0.01, np.float32)
    for letter in text.lower():
        counts["abcdefghijklmnopqrstuvwxyz".find(letter)] += 1
    return counts / np.linalg.norm(counts)


def naive_scores(embedder: MiniLmEmbedder, texts: Sequence[str], query: str) -> Vector:
    """Return the recipe's score of every text, from its definition, term by term and window by window."""
    pieces = NaiveStates(embedder)
    documents = np.stack([pieces.vector(text) for text in texts])
    windows = np.stack(pieces.windows(query))
    cosines = documents @ pieces.vector(query)
    return cosines + naive_lexical(texts, query) + 0.8 * (documents @ windows.T).max(axis=1)


class NaiveStates:
    """Pools the states of the model by the token weights, one token after the other."""

    def __init__(self, embedder: MiniLmEmbedder) -> None:
        from tokenizers import Tokenizer

        folder = embedder._folder
        self._tokenizer = Tokenizer.from_file(str(folder.tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(256)
        self._model = MiniLm(load_tensors(folder.tensors))
        with resources.files("tacit.search").joinpath("token_weights_u8.npy").open("rb") as file:
            self._weights = np.load(file).astype(float) / 255 + 0.05

    def vector(self, text: str) -> Vector:
        """Pool all states, those of [CLS] and [SEP] included."""
        ids = self._tokenizer.encode(text).ids
        return self._pooled(ids, self._model.states([ids])[0])

    def windows(self, text: str) -> list[Vector]:
        """Pool six states from every third place on, those of [CLS] and [SEP] left out."""
        ids = self._tokenizer.encode(text).ids
        states = self._model.states([ids])[0]
        inner = range(1, len(ids) - 1)
        if len(inner) <= 6:
            return [self._pooled(ids[1:-1], states[1:-1])]
        wanted = [[place for place in range(start, start + 6) if place in inner] for start in range(0, len(ids) - 1, 3)]
        return [self._pooled([ids[place] for place in places], states[places]) for places in wanted]

    def _pooled(self, ids: list[int], states: NDArray[np.float32]) -> Vector:
        total = sum(self._weights[number] * state.astype(float) for number, state in zip(ids, states, strict=True))
        return np.asarray(total) / np.linalg.norm(np.asarray(total))


def naive_lexical(texts: Sequence[str], query: str) -> Vector:
    """Return half the TF-IDF cosine of words and word pairs, half that of character 4-grams, from the definition."""
    return 0.5 * _naive_leg(texts, query, _naive_word_terms) + 0.5 * _naive_leg(texts, query, _naive_character_terms)


def _naive_leg(texts: Sequence[str], query: str, terms: Callable[[str], list[str]]) -> Vector:
    counted = [Counter(terms(text)) for text in texts]
    frequency = Counter(term for counts in counted for term in counts)

    def vector(counts: Counter[str]) -> dict[str, float]:
        raw = {
            term: (1 + math.log(count)) * (math.log((1 + len(texts)) / (1 + frequency[term])) + 1)
            for term, count in counts.items()
        }
        length = math.sqrt(sum(value * value for value in raw.values())) or 1.0
        return {term: value / length for term, value in raw.items()}

    asked = vector(Counter(terms(query)))
    return np.array([sum(asked.get(term, 0.0) * value for term, value in vector(counts).items()) for counts in counted])


def _naive_tokens(text: str) -> list[str]:
    found, word = [], ""
    for letter in f"{text.lower()} ":
        if letter in "abcdefghijklmnopqrstuvwxyz0123456789":
            word += letter
            continue
        found += [word] if word else []
        word = ""
        found += [letter] if "\u3400" <= letter <= "\u9fff" else []
    return [token for token in found if token not in STOP] or found


def _naive_word_terms(text: str) -> list[str]:
    tokens = _naive_tokens(text)
    return tokens + [f"{tokens[place]} {tokens[place + 1]}" for place in range(len(tokens) - 1)]


def _naive_character_terms(text: str) -> list[str]:
    terms: list[str] = []
    for token in _naive_tokens(text):
        padded = f" {token} "
        terms += [padded] if len(padded) <= 4 else [padded[place : place + 4] for place in range(len(padded) - 3)]
    return terms
