"""Answering a builder's questions on a thread of its own, so that a slow answer never holds up what is read."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from tacit.building.protocol import Answer, Question, encode_answer
from tacit.errors import BuilderFailed, TacitError

MAX_WAITING = 16
"""Questions that a builder may ask before the first of them is answered."""
MAX_QUESTIONS = 1000
_log = logging.getLogger(__name__)


class Answering:
    """Answers questions one after the other, in the order asked; `close` it whatever happened."""

    def __init__(self, answer: Callable[[Question], Answer], send: Callable[[bytes], None]) -> None:
        """Take what answers, which may take its time, and what sends the line of an answer."""
        self._answer = answer
        self._send = send
        self._waiting: queue.Queue[Question | None] = queue.Queue()
        self._asked = 0
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def ask(self, question: Question) -> None:
        """Take a question; raises `BuilderFailed` when there are far too many."""
        self._asked += 1
        if self._waiting.qsize() >= MAX_WAITING or self._asked > MAX_QUESTIONS:
            raise BuilderFailed("The builder asks more questions than can be answered.")
        self._waiting.put(question)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="builder-answers", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Answer nothing more; a question that is being answered is not waited for."""
        self._closed.set()
        self._waiting.put(None)

    def _work(self) -> None:
        while (question := self._waiting.get()) is not None and not self._closed.is_set():
            self._send(encode_answer(self._reply(question)))

    def _reply(self, question: Question) -> Answer:
        try:
            return self._answer(question).model_copy(update={"number": question.number})
        except TacitError as error:
            return Answer(number=question.number, text=f"That cannot be answered: {error}")
        except Exception:
            _log.exception("question %d of a builder broke", question.number)
            return Answer(number=question.number, text="That cannot be answered: something broke inside Tacit.")
