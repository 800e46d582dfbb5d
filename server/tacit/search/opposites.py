"""Tells ids apart that name opposite actions on the same thing.

Vectors and shared words cannot: `git_branch_create` is as near to `git_branch_delete` as a rewording would be, and
`json_to_xml` to `xml_to_json`.
"""

from __future__ import annotations

from tacit.search.text import id_words

_KINDS = """
get fetch show read view retrieve list find lookup search query load
set update change edit modify write replace save
create add insert append
delete remove drop clear erase cancel
"""
_KIND = {word: kind for kind, line in enumerate(_KINDS.strip().splitlines()) for word in line.split()}
"""Which kind of action a word names; words of two lines name different ones."""

_PAIRS = """
encode decode, encrypt decrypt, compress decompress, compress extract, zip unzip, pack unpack, lock unlock,
protect unprotect, open close, start stop, start end, min max, minimum maximum, smallest largest, first last,
upload download, import export, enable disable, increase decrease, split merge, split join, send receive, push pull,
login logout, before after, up down, staged unstaged, block unblock, mute unmute, subscribe unsubscribe, show hide,
ascending descending, serialize deserialize, buy sell, approve reject, follow unfollow, mount unmount, escape unescape
"""
_OPPOSITE = {frozenset(pair.split()) for pair in _PAIRS.replace("\n", " ").split(",")}


def opposed(first: str, second: str) -> bool:
    """Whether two ids name opposite actions, or one conversion in both directions (`a_to_b` and `b_to_a`)."""
    one, other = id_words(first).lower().split(), id_words(second).lower().split()
    if "to" in one and sorted(one) == sorted(other):
        return one != other
    return any(_contrary(word, against) for word in set(one) - set(other) for against in set(other) - set(one))


def _contrary(word: str, against: str) -> bool:
    if frozenset((word, against)) in _OPPOSITE:
        return True
    return word in _KIND and against in _KIND and _KIND[word] != _KIND[against]
