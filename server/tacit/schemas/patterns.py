r"""How large the automaton of a regular expression is: repetitions are written out, so `a{15000}` takes a megabyte."""

from __future__ import annotations

import re

MOST = 1 << 40
"""Where counting stops."""

_PLAIN, _WIDE, _PROPERTY = 1, 15, 800
r"""States of a character; of a class with characters that UTF-8 writes in many ways; of `\p{…}`. As measured."""
_TOKEN = re.compile(
    r"\\[pP](?:\{[^}]{0,100}\})?|\\.|\[\^?|\{\s*+(\d++)\s*+(?:,\s*+(\d*+)\s*+)?+\}|.", re.DOTALL | re.ASCII
)
_WIDE_TOKENS = frozenset({".", "[^", r"\s", r"\S", r"\D", r"\W", r"\u", r"\x"})


def states_of(pattern: str) -> int:
    """Return about how many states a pattern has, rather too many than too few, and no more than `MOST`."""
    groups, last, within = [0], 0, False
    for token in _TOKEN.finditer(pattern):
        text, added = token[0], 0
        if within:  # a class has the states of the widest that is in it
            added = 0 if text == "." else max(_states_of_one(text) - last, 0)
            last, within = last + added, text != "]"
        elif token[1]:
            times = max(int(count[:12]) for count in (token[1], token[2] or "1"))
            added, last = last * max(times - 1, 0), min(last * max(times, 1), MOST)
        elif text == "(":
            groups.append(0)
            last = 0
        elif text == ")" and len(groups) > 1:
            added = last = groups.pop()
        elif text not in "*+?":
            added = last = _states_of_one(text)
            within = text in ("[", "[^")
        groups[-1] = min(groups[-1] + added, MOST)
    return min(sum(groups), MOST)


def _states_of_one(token: str) -> int:
    if token.startswith((r"\p", r"\P")):
        return _PROPERTY
    return _WIDE if token in _WIDE_TOKENS or not token.isascii() else _PLAIN
