"""What the model remembers of a conversation: whole exchanges, the oldest dropped when they grow too long."""

from __future__ import annotations

import json
from typing import Any

from tacit.agent.prompts import UNANSWERED
from tacit.models import Hit

Message = dict[str, Any]

MAX_CHARACTERS = 60_000
"""How much of earlier exchanges is sent along, as JSON."""

MAX_KNOWN = 6
"""How many capabilities the system message describes: those near to the task, then those of earlier tasks."""


class Conversation:
    """Earlier exchanges, each a task with all that led to its answer, and the capabilities met in them."""

    def __init__(self) -> None:
        self._exchanges: list[list[Message]] = []
        self._known: list[Hit] = []

    @property
    def messages(self) -> list[Message]:
        """The messages of the exchanges that are remembered, oldest first."""
        return [message for exchange in self._exchanges for message in exchange]

    def meet(self, hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
        """Return what the model is told of: these capabilities, then those met before, best and newest first."""
        found = {hit.id for hit in hits}
        self._known = [*hits, *(hit for hit in self._known if hit.id not in found)][:MAX_KNOWN]
        return tuple(self._known)

    def keep(self, exchange: list[Message]) -> None:
        """Remember an exchange, from its task to its answer."""
        self._exchanges.append(exchange)
        while len(self._exchanges) > 1 and _size(self._exchanges) > MAX_CHARACTERS:
            del self._exchanges[0]
        if _size(self._exchanges) > MAX_CHARACTERS:
            self._exchanges = [[exchange[0], exchange[-1]]]


def unanswered(task: Message) -> list[Message]:
    """Return the exchange to keep of a task that was asked and not answered: what was done for it is forgotten."""
    return [task, {"role": "assistant", "content": UNANSWERED}]


def _size(exchanges: list[list[Message]]) -> int:
    return len(json.dumps(exchanges, ensure_ascii=False))
