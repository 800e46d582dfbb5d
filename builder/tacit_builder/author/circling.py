"""Noticing that an author goes in circles, so that its budget is not spent on the same thing again and again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from tacit.errors import BuildRefused
from tacit.llm import ToolCall
from tacit.schemas.validator import shorten

MAX_REPEATS = 3
"""The same call that often, with no new source in between, is a circle."""
MAX_IDLE_TURNS = 10
"""So many turns without a source that was not there before are one too."""


class Circling:
    """Watches one author's turns and calls; a source that it has not had before is progress."""

    def __init__(self, source: Mapping[str, str]) -> None:
        self._had = {_key(source)}
        self._calls: Counter[str] = Counter()
        self._idle = 0

    def begin_turn(self, source: Mapping[str, str]) -> None:
        """Note the source as it is before a turn; raises `BuildRefused("implementation")` after too many idle ones."""
        if _key(source) in self._had:
            self._idle += 1
        else:
            self._had.add(_key(source))
            self.start_anew()
        if self._idle > MAX_IDLE_TURNS:
            raise _refused(f"in {MAX_IDLE_TURNS} turns it wrote nothing new")

    def note_call(self, call: ToolCall) -> None:
        """Note a call before it is carried out; raises `BuildRefused("implementation")` when it is one too many."""
        key = json.dumps([call.name, call.arguments, call.problem], sort_keys=True)
        self._calls[key] += 1
        if self._calls[key] >= MAX_REPEATS:
            raise _refused(f"it called {shorten(call.name, 80)!r} {MAX_REPEATS} times with the same arguments")

    def start_anew(self) -> None:
        """Forget what was called before, since there is something new to work on."""
        self._calls.clear()
        self._idle = 0


def _key(source: Mapping[str, str]) -> str:
    return json.dumps(source, sort_keys=True)


def _refused(what: str) -> BuildRefused:
    return BuildRefused(
        "implementation",
        f"The author went in circles: {what}, and the source did not change.",
        hint="Say the task more exactly, or hand in source yourself.",
    )
