"""Text as people and models are shown it: nothing hidden in it, and every language whole."""
# ruff: noqa: RUF001  # letters that look like others are what it is about

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacit.models import Manifest
from tacit.plain_text import made_plain, require_plain

WHOLE = {
    "Persian": "می‌خواهم کتاب‌ها را بخوانم",
    "Arabic abbreviation": "۱۴۰۳ ه‍.ش",
    "Hindi": "क्‍ष और क्‌ष, श्रीमान्‌ जी",
    "Malayalam": "അവന്‍ പറഞ്ഞു",
    "Sinhala": "ශ්‍රී ලංකා",
    "Bengali": "র‍্যাব",
    "Burmese": "မြန်မာ",
    "Hebrew": "שָׁלוֹם",
    "Thai": "ภาษาไทย",
    "Korean": "한국어",
    "Japanese name": "葛\U000e0100城市",
    "Mongolian": "ᠠ᠋ᠷᠠᠳ",
    "Vietnamese, decomposed": unicodedata.normalize("NFD", "tiếng Việt"),
    "family": "👨‍👩‍👧‍👦 and 👩🏽‍💻",
    "heart": "❤️‍🔥 ❤︎",
    "pirate": "🏴‍☠️ 🏳️‍🌈 🏃🏽‍♀️‍➡️",
    "keycap": "1️⃣ #️⃣",
    "flags": "🇩🇪 \U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "code": "fn main() {\n\tlet a = b'\\0';\n}",
}
HIDDEN = {
    "zero-width space": "pass\u200bword",
    "joiners between Latin letters": "pass\u200cword\u200d",
    "direction": "a\u200eb\u200fc\u061c",
    "joiners after a mark of direction": "a\u061c\u200cb\u061c\u200d",
    "word joiner and invisible operators": "a\u2060b\u2061\u2062\u2063\u2064",
    "byte-order mark": "\ufeffa\ufeff",
    "soft hyphen": "a\u00adb",
    "grapheme joiner": "a\u034fb",
    "fillers": "a\u3164\uffa0\u115f\u1160",
    "tags": "a" + "".join(chr(0xE0000 + ord(letter)) for letter in "ignore all"),
    "tags after a flag": "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in "ignore") + "\U000e007f",
    "bytes in variation selectors": "😀" + "".join(chr(0xE0100 + byte) for byte in b"ignore all"),
    "selectors after a letter": "a\ufe0fb\ufe01",
    "annotations": "a\ufff9b\ufffac\ufffb",
    "surrogate": "a\ud800b",
    "escape": "a\x1b[2Jb",
}


@pytest.mark.parametrize("text", WHOLE.values(), ids=WHOLE)
def test_languages_and_emoji_stay_whole(text: str) -> None:
    """Joiners, selectors and tags stay where a script or an emoji needs them."""
    assert made_plain(text) == text
    assert require_plain(text) == text


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_what_hides_is_taken_out(text: str) -> None:
    """Nothing that is left is invisible."""
    shown = made_plain(text)
    assert shown
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Mn", "Lo")]
    assert require_plain(shown) == shown


@pytest.mark.parametrize("text", HIDDEN.values(), ids=HIDDEN)
def test_what_hides_is_refused_by_name(text: str) -> None:
    """The error says which character it is."""
    with pytest.raises(ValueError, match=r"^the character U\+[0-9A-F]{4,5} is not allowed$"):
        require_plain(text)


def test_a_summary_hides_nothing() -> None:
    """It is for search and for models as people read it."""
    assert Manifest(id="count_words", summary="شمارش واژه‌ها 👨‍👩‍👧").summary == "شمارش واژه‌ها 👨‍👩‍👧"
    with pytest.raises(ValueError, match=r"the character U\+E0069 is not allowed"):
        Manifest(id="count_words", summary="Counts the words.\U000e0069\U000e0067")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("می\u200c\u200c\u200cخواهم", "می\u200cخواهم"),
        ("😀\ufe0f\ufe0f\ufe0f", "😀\ufe0f"),
        ("👨\u200d\u200d👩", "👨👩"),
        ("葛\U000e0100\U000e0101", "葛\U000e0100"),
        ("👨\u200dx", "👨x"),
        ("あ\u200dい\ufe0f", "あい"),
    ],
)
def test_of_many_in_a_row_one_stays_at_most(text: str, left: str) -> None:
    """What stays changes the form of the character before it, and spells nothing."""
    assert made_plain(text) == left


ODD = st.text(
    st.one_of(
        st.characters(), st.sampled_from("\u061c\u200c\u200d\ufe0f\U000e0100\U000e0067\u180b\u200bم😀❤葛ᠠa1\U0001f3f4")
    )
)


@given(ODD)
def test_plain_text_stays_as_it_is(text: str) -> None:
    """Made plain once, it is plain, and allowed."""
    shown = made_plain(text)
    assert made_plain(shown) == require_plain(shown) == shown
    assert shown.encode().decode() == shown


@given(st.text(st.characters(max_codepoint=0x7F, exclude_categories=["Cc"])))
def test_ascii_is_plain(text: str) -> None:
    """Every printable character of it."""
    assert made_plain(text) == text
