"""Asking the agent's model off the event loop, in a way that can be given up at any time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel

from tacit.llm import ChatModel, Endpoint, Reply

T = TypeVar("T")


class Asker:
    """One model, asked one thing at a time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._model: ChatModel | None = None

    async def ask(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], tool_choice: str) -> Reply:
        """Return the model's next message; raises `LlmError`. Cancelled, it ends the request."""
        try:
            return await abandonable(partial(self._complete, messages, tools, tool_choice))
        except anyio.get_cancelled_exc_class():
            self.close()
            raise

    def close(self) -> None:
        """Close the connections; the next question opens new ones."""
        model, self._model = self._model, None
        if model is not None:
            model.close()

    def _complete(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], tool_choice: str) -> Reply:
        model = self._model = self._model or ChatModel(self._endpoint)
        return model.complete(messages, tools, tool_choice=tool_choice)


async def abandonable(work: Callable[[], T]) -> T:
    """Do blocking `work` on a thread of its own and return or raise what it does.

    Cancelled, it is left behind at once, and does not hold up the end of the program, as anyio's workers would.
    """
    done = anyio.Event()
    loop = anyio.lowlevel.current_token()
    outcome: Future[T] = Future()

    def carry_out() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # raised again where it is waited for
            outcome.set_exception(error)
        with suppress(RuntimeError):  # the event loop is gone: nobody waits
            anyio.from_thread.run_sync(done.set, token=loop)

    threading.Thread(target=carry_out, name="tacit-agent", daemon=True).start()
    await done.wait()
    return outcome.result()
