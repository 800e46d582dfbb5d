"""The text of a card, and the terms that the two lexical legs count in a text."""

from __future__ import annotations

import hashlib
import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tacit.models import Card

LONGEST_TEXT = 16_384
"""Characters of a text that are looked at; a model reads at most 256 wordpieces, and time stays bounded."""

_STOP_WORDS = """
a an and are as at be been but by can could did do does for from get got had has have help hi how i if in into is it its
let like me my need of on or our please provide should so some tell than that the their them then there these they this
to us use using want was we were what when where which who will with would you your also am about any all more
"""
STOP = frozenset(_STOP_WORDS.split())
"""Words that say nothing of a task; a text of nothing else keeps them."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_JOINTS = re.compile(r"[_/\-.:\s]+")
_TOKEN = re.compile(r"[a-z0-9]+|[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_IDENTIFIER = re.compile(r"\b[a-z]{3,}(?:[A-Z][a-z0-9]+)+\b")
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


def id_words(capability: str) -> str:
    """Split an id at camel case and at underscores, slashes, hyphens, dots and colons."""
    return _JOINTS.sub(" ", _CAMEL.sub(" ", capability)).strip()


def id_key(text: str) -> str:
    """Fold what people vary when they write an id: case, and how its words are joined."""
    return _NOT_ALPHANUMERIC.sub("", text.lower())


def request_text(text: str) -> str:
    """Split the camel-case identifiers of a request into words, as ids are in a card's text.

    Only those that begin with three lower-case letters: `arXiv` and `iPhone` are names, and one word in summaries.
    """
    return _IDENTIFIER.sub(lambda found: id_words(found[0]), text)


def card_text(card: Card) -> str:
    """Return what is indexed of a card: its id's words, its summary, its example tasks."""
    return clean(" ".join((f"{id_words(card.id)}: {card.summary}", *card.examples)))


def clean(text: str) -> str:
    """Cut a text to `LONGEST_TEXT` characters and mend what UTF-8 cannot hold (lone surrogates)."""
    cut = text[:LONGEST_TEXT]
    return cut.encode("utf-8", "replace").decode("utf-8")


def text_hash(text: str) -> bytes:
    """Return 16 bytes that identify a text in a snapshot."""
    return hashlib.sha256(text.encode()).digest()[:16]


def tokens(text: str) -> list[str]:
    """Return the words [a-z0-9]+ and single CJK characters of a text, in order, without stop words."""
    found: list[str] = _TOKEN.findall(text.lower())
    return [word for word in found if word not in STOP] or found


def word_terms(words: list[str]) -> list[str]:
    """Return the unigrams and bigrams of the words."""
    return words + [f"{first} {second}" for first, second in pairwise(words)]


def character_terms(words: list[str]) -> list[str]:
    """Return the 4-grams of each word with a space on both sides; one padded to at most 4 characters stays whole."""
    grams: list[str] = []
    for word in words:
        padded = f" {word} "
        grams += [padded[start : start + 4] for start in range(max(1, len(padded) - 3))]
    return grams
