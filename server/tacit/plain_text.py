"""Text from strangers that is shown to people and models: without what steers terminals or hides what it says.

Models read characters that people do not see, so those go too, unless a script or an emoji needs them where they
stand: joiners in scripts that join, one variation selector after what has variants, the tags of three flags. What
stays can change the form of the character before it, and spell nothing.
"""

from __future__ import annotations

import json
import re

# Control characters but tab and line feed, separators of lines and paragraphs, what turns the direction of text, and
# lone surrogates, which cannot be written.
_STEERING = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"

# Soft hyphen, zero-width spaces, invisible operators and letters, annotations, and what is reserved for their like.
_INVISIBLE = (
    r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0080-\U000e00ff\U000e01f0-\U000e0fff"
)
_JOINERS = r"\u200c\u200d"
_SELECTORS = r"\ufe00-\ufe0f"
_IDEOGRAPHIC_SELECTORS = r"\U000e0100-\U000e01ef"
_MONGOLIAN_SELECTORS = r"\u180b-\u180d\u180f"
_TAGS = r"\U000e0000-\U000e007f"

# Arabic, Syriac, N'Ko, the Indic scripts, Burmese, Khmer, Mongolian and the other scripts whose letters join, without
# what is taken out itself (U+061C), after which a joiner would stay where nothing is to be joined.
_JOINING = (
    r"\u0600-\u061b\u061d-\u0dff\u1000-\u109f\u1780-\u17b3\u17b6-\u180a\u1810-\u18af\u1b00-\u1bff\ua800-\uabff"
    r"\ufb50-\ufdff\ufe70-\ufefc\U00010a00-\U00011fff\U0001e900-\U0001e95f"
)
_EMOJI = r"\u00a9\u00ae\u203c\u2049\u2122-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_IDEOGRAPHS = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_FLAGS = "|".join(
    "".join(chr(0xE0000 + ord(letter)) for letter in place) + chr(0xE007F) for place in ("gbeng", "gbsct", "gbwls")
)
_FLAG = chr(0x1F3F4)

# The first look spares most characters all the others; group 1 is what stays though its characters alone would not.
_FOUND = re.compile(
    rf"(?=[{_FLAG}{_STEERING}{_INVISIBLE}{_JOINERS}{_SELECTORS}{_IDEOGRAPHIC_SELECTORS}{_MONGOLIAN_SELECTORS}{_TAGS}])"
    rf"(?:({_FLAG}(?:{_FLAGS}))"
    rf"|[{_STEERING}{_INVISIBLE}{_TAGS}]"
    rf"|(?<![{_JOINING}])\u200c"
    rf"|(?<![{_JOINING}])(?!(?:(?<=[{_EMOJI}])|(?<=[{_EMOJI}]\ufe0f))\u200d[{_EMOJI}])\u200d"
    rf"|(?<![#*0-9{_EMOJI}{_IDEOGRAPHS}])[{_SELECTORS}]"
    rf"|(?<![{_IDEOGRAPHS}])[{_IDEOGRAPHIC_SELECTORS}]"
    rf"|(?<![\u1820-\u18aa])[{_MONGOLIAN_SELECTORS}])"
)


def made_plain(text: str) -> str:
    """Return the text without such characters."""
    return _FOUND.sub(_kept, text)


def one_line(text: str) -> str:
    """Return a stranger's text on one line, without such characters, so that it cannot look like lines of ours."""
    return " ".join(made_plain(" ".join(text.split())).split())  # ends of lines are spaces before the rest goes


def quoted(text: str) -> str:
    """Return a stranger's text on one line in quotation marks, as a JSON string, so that its ends are told too."""
    return json.dumps(one_line(text), ensure_ascii=False)


def escaped(text: str) -> str:
    """Return text in JSON, which stays the same value, with such characters by their numbers."""
    return _FOUND.sub(lambda found: _kept(found) or _numbers(found[0]), text)


def require_plain(text: str) -> str:
    """Return the text as it is; raises `ValueError` when it holds such a character."""
    for found in _FOUND.finditer(text):
        if not _kept(found):
            raise ValueError(f"the character U+{ord(found.group()[0]):04X} is not allowed")
    return text


def _numbers(text: str) -> str:
    units = text.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[start : start + 2].hex()}" for start in range(0, len(units), 2))


def _kept(found: re.Match[str]) -> str:
    return found[1] or ""
