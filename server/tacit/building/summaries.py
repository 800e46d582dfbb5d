"""Whether a summary says what a capability does; search goes by it, and "implemented successfully" finds nothing.

Only words that say nothing in English are known here. A summary in another language or script is taken as it is.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_LINKING = """
a an the this that these those it its it's he she they we you i me my our your their his her and or but nor so for of
to in on at by with from as into onto over under about than then if when while where which who whom whose what
whatever how why is are was were be been being am do does did done doing don't has have had having will would shall
should can could may might must not no yes all any some each every both few more most other such only own same too
very just also now here there again once out up down off per via etc ok okay please thanks thank sure
"""
_TRUE_OF_ALL = """
capability capabilities tool tools function functions functionality program programs code source software feature
features utility helper thing things stuff something anything everything nothing task tasks request requests requested
requirement requirements require required requires specification spec specified prompt instruction instructions user
user's caller author llm work works working worked implement implements implemented implementing implementation
created creation made built written wrote generated added develop developed complete completes completed completely
completion finish finished finishes succeed succeeds succeeded success successful successfully pass passes passed
passing test tests tested testing compile compiles compiled correct correctly proper properly expected expect expects
intended desired needed need needs necessary asked ask asks wanted wants want given give gives use used uses using
useful new newly first simple basic general generic custom good great nice fine ready perform performs performed
performing execute executes executed run runs running handle handles handled provide provides provided purpose various
specific certain respective appropriate available able according accordingly based described description placeholder
todo tbd fixme none null undefined unknown lorem ipsum dolor sit amet foo bar baz qux
"""
_EMPTY = frozenset(_LINKING.split()) | frozenset(_TRUE_OF_ALL.split())


def summary_problem(summary: str, capability_id: str) -> str | None:
    """Return what is wrong with the summary of the capability, in a sentence, or None when it says something."""
    lowered = summary.lower().replace("\u2019", "'")
    words = _words_in(lowered)
    if not words:
        return "The summary has no words: say in a sentence what the capability does, with what, and what it answers."
    if all(word in _EMPTY for word in words):
        return (
            "The summary says nothing of what the capability does, which search goes by: "
            "name what it does, with what, and what it answers."
        )
    if capability_id in lowered and all(word in _EMPTY for word in _words_in(lowered.replace(capability_id, " "))):
        return "The summary only repeats the id: say what the capability does, with what, and what it answers."
    return None


def _words_in(text: str) -> list[str]:
    """Return the words, without those of one letter repeated, such as `aaaa`; other scripts have words of one sign."""
    return [word for word in _WORD.findall(text) if len(set(word)) > 1 or not word.isascii() or word == "a"]
