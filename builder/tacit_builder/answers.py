"""What an author asks of the server, which has the catalog, and the answers that come back on stdin."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Sequence

from pydantic import ValidationError

from tacit.building.protocol import Answer, Question
from tacit.errors import BuilderFailed
from tacit.models import Card, Contract

WAIT_SECONDS = 120.0
"""How long an answer may take; a search takes milliseconds."""


class Answers:
    """Brings each answer to whoever asked the question of that number; thread-safe."""

    def __init__(self, say: Callable[[Question], None], seconds: float = WAIT_SECONDS) -> None:
        """Take what sends a question to the server, and how long its answer may take."""
        self._say = say
        self._seconds = seconds
        self._state = threading.Condition()
        self._answers: dict[int, Answer] = {}
        self._asked: set[int] = set()
        self._broken = False

    def hear(self, line: bytes) -> None:
        """Take a line of the server's; an answer that nobody waits for is dropped."""
        with self._state:
            try:
                answer = Answer.model_validate_json(line)
            except ValidationError:
                self._broken = True
            else:
                if answer.number in self._asked:
                    self._answers[answer.number] = answer
            self._state.notify_all()

    def ask(self, question: Question) -> Answer:
        """Ask, and return the answer; raises `BuilderFailed` when none comes, or what comes is none."""
        with self._state:
            self._asked.add(question.number)
        self._say(question)
        with self._state:
            came = self._state.wait_for(lambda: question.number in self._answers or self._broken, self._seconds)
            self._asked.discard(question.number)
            answer = self._answers.pop(question.number, None)
        if answer is None:
            what = "answered what is not in the protocol" if came else f"gave no answer in {self._seconds:g} seconds"
            raise BuilderFailed(f"The server {what}.")
        return answer


class Inquiry:
    """The questions of one author, numbered."""

    def __init__(self, ask: Callable[[Question], Answer]) -> None:
        """Take what asks the server."""
        self._ask = ask
        self._numbers = itertools.count(1)

    def search(self, query: str) -> str:
        """Return what the catalog has for a task in words, as text for a model."""
        return self._ask(Question(number=next(self._numbers), asks="search", query=query)).text

    def propose(self, card: Card) -> str | None:
        """Return why the catalog does not take a new capability of that card, None where it does."""
        return self._refusal(Question(number=next(self._numbers), asks="propose", card=card))

    def compose(self, card: Card, calls: Sequence[str]) -> str | None:
        """Return why a program of that card cannot call all of these capabilities, None where it can."""
        return self._refusal(Question(number=next(self._numbers), asks="compose", card=card, calls=tuple(calls)))

    def contracts(self, names: Collection[str]) -> dict[str, Contract]:
        """Return what those of the capabilities that there are take and answer."""
        if not names:
            return {}
        question = Question(number=next(self._numbers), asks="contracts", calls=tuple(sorted(names)))
        return self._ask(question).callees

    def _refusal(self, question: Question) -> str | None:
        answer = self._ask(question)
        return (answer.text or "The catalog refuses it.") if answer.refused else None
