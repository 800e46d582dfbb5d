"""Events as text for a terminal, printed as they happen, or as JSON for programs, printed at the end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

from tacit.agent.events import Answered, Event, Found, Progressed, Resulted, Spent, Thought, Used
from tacit.plain_text import made_plain
from tacit.texts import compact

Write = Callable[[str], None]
"""Prints a text and a line end, so that they are seen at once; raises what a full disk or a closed stream raise."""

_NARROWEST = 40
_FALLBACK_SIZE = (100, 24)


class Display:
    """Prints events by `write`; what comes from models and servers cannot steer the terminal."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._progress = ""

    def __call__(self, event: Event) -> None:
        """Print one event."""
        match event:
            case Found(hits):
                rows = [f"  - {hit.id} (score = {hit.score:.3f})" for hit in hits] or ["  (none is similar enough)"]
                self.say("\n".join(["Nearest capabilities:", *rows, ""]))
            case Thought(text):
                self.say(f"[AGENT] {text}")
            case Used(tool, arguments):
                self._progress = ""
                self.say(f"[AGENT] Using {tool}...")
                self.say(self._cut(f"  {_summary(tool, arguments)}"))
            case Progressed(message, fraction):
                self._say_progress(message, fraction)
            case Resulted(_, ok, text, _):
                self.say(self._cut(f"  {'=' if ok else 'failed:'} {_first_line(text)}"))
                self.say("")
            case Answered(text):
                self.say(f"[FINAL ANSWER]\n{text}\n")
            case Spent(spending):
                self.say(spending.line())

    def say(self, text: str) -> None:
        """Print text."""
        self._write(made_plain(text))

    def _say_progress(self, message: str, fraction: float) -> None:
        if message and message != self._progress:
            self._progress = message
            self.say(self._cut(f"  {fraction:4.0%} {message}"))

    def _cut(self, line: str) -> str:
        width = max(_NARROWEST, shutil.get_terminal_size(_FALLBACK_SIZE).columns - 1)
        return line if len(line) <= width else line[: width - 1] + "…"


class Record:
    """Keeps the events of one task, for `--json`."""

    def __init__(self) -> None:
        self._nearest: list[dict[str, Any]] = []
        self._steps: list[dict[str, Any]] = []
        self._answer: str | None = None
        self._usage: dict[str, Any] = {}

    def __call__(self, event: Event) -> None:
        """Keep one event."""
        match event:
            case Found(hits):
                self._nearest = [{"id": hit.id, "version": hit.version, "score": hit.score} for hit in hits]
            case Used(tool, arguments):
                self._steps.append({"tool": tool, "arguments": arguments})
            case Resulted(_, ok, text, data):
                self._steps[-1] |= {"ok": ok, "result": text if data is None else data}
            case Answered(text):
                self._answer = text
            case Spent(spending):
                self._usage = spending.to_dict()
            case Thought() | Progressed():
                pass

    def to_dict(self) -> dict[str, Any]:
        """Return the task's nearest capabilities, steps, answer (null without one) and usage."""
        return {"nearest": self._nearest, "steps": self._steps, "answer": self._answer, "usage": self._usage}


def _summary(tool: str, arguments: dict[str, Any]) -> str:
    """Return what a call is about, in a line."""
    if tool == "run_capability":
        given = arguments.get("input", {})
        return f"{_shown(arguments.get('id'))} {given if isinstance(given, str) else compact(given)}"
    parent = _shown(arguments.get("parent_id"))
    parts = {
        "id": _shown(arguments.get("id")),
        "task": json.dumps(arguments["task"], ensure_ascii=False) if arguments.get("task") else "",
        "parent": f"from {parent}" if parent else "",
        "source": "with source" if arguments.get("source") else "",
    }
    return " ".join(part for part in parts.values() if part)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else compact(value)


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")
