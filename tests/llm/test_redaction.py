"""Secrets are taken out of what is kept, and nothing else is."""

from __future__ import annotations

import pytest

from tacit.llm.redaction import REMOVED, redacted

KEY = "my:own/key+1"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PRIVATE = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"it is {KEY}.", f"it is {REMOVED}."),
        ("?key=my%3Aown%2Fkey%2B1&x", f"?key={REMOVED}&x"),
        ("sk-proj-abc_DEF-0123456789", REMOVED),
        ("sk-abcd************wxyz", REMOVED),
        ("AKIAIOSFODNN7EXAMPLE", REMOVED),
        ("Authorization: Bearer abc.DEF-012345==", f"Authorization: Bearer {REMOVED}"),
        (f"token {JWT} here", f"token {REMOVED} here"),
        (f"a\n{PRIVATE}\nb", f"a\n{REMOVED}\nb"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEow and no end", REMOVED),
        ("https://x/?api_key=abcd1234efgh&q=1", f"https://x/?api_key={REMOVED}&q=1"),
        ('{"apiKey": "abcd1234efgh"}', f'{{"apiKey": "{REMOVED}"}}'),
        ("https://me:pass-word@host/", f"https://{REMOVED}@host/"),
    ],
    ids=lambda value: value[:24],
)
def test_what_looks_like_a_secret_goes(text: str, left: str) -> None:
    """Known keys, also as URLs write them, and the forms of the common ones are replaced where they stand."""
    assert redacted(text, [KEY]) == left


@pytest.mark.parametrize(
    "text",
    [
        "the task-list and risk-averse ask-me-anything",
        "sk-learn",
        "let api_key = input.key;",
        "the bearer certificate of a bearer",
        "-----BEGIN CERTIFICATE-----",
        "a password is needed: choose one",
        "https://host:8080/a@b",
        "eyJ is how they begin",
        "SHA-256 9f86d081884c7d659a2feaa0c55ad015",
        "",
    ],
)
def test_other_text_stays(text: str) -> None:
    """Words and code that only sound like secrets stay as they are."""
    assert redacted(text, [KEY, "", "a", "key"]) == text


def test_every_text_of_a_value_is_looked_at() -> None:
    """Names and items, however deep, are cleared; numbers and the like stay."""
    value = {"a": [{"b": f"x{KEY}"}, 1, 2.5, None, True], KEY: ("t", KEY)}
    assert redacted(value, [KEY]) == {"a": [{"b": f"x{REMOVED}"}, 1, 2.5, None, True], REMOVED: ["t", REMOVED]}


def test_what_is_named_a_secret_goes_whole() -> None:
    """A text under the name of a secret is removed whatever it is; a schema of such a name is not."""
    value = {"password": "plain words", "api-key": "", "secret": {"type": "string"}}
    assert redacted(value) == {"password": REMOVED, "api-key": "", "secret": {"type": "string"}}


def test_the_longer_of_two_secrets_goes_whole() -> None:
    """A secret that holds another leaves nothing of itself behind."""
    assert redacted("abcdef-ghijkl", ["abcdef", "abcdef-ghijkl"]) == REMOVED


def test_odd_text_is_taken() -> None:
    """Lone surrogates and a megabyte of what almost matches are no trouble."""
    for text in (
        "\ud800 half",
        "sk-" * 100_000,
        "eyJ" * 100_000,
        "-----BEGIN " * 30_000,
        "api_key=" * 50_000,
        "://" * 100_000,
    ):
        assert isinstance(redacted(text, [KEY]), str)
