"""A model that is asked in chat completions with tools; the one place where Tacit talks to it.

Nothing here knows what is asked for. A `ChatModel` holds no conversation, and several threads may ask it at once.
"""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

from tacit.errors import LlmBroken, LlmError, LlmOverloaded, LlmUnreachable
from tacit.llm.replies import NoCompletion, Reply, read_reply
from tacit.llm.sendable import made_sendable
from tacit.llm.waiting import ALL_SECONDS, wait_before

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tacit.llm.endpoint import Endpoint
    from tacit.llm.failures import Failure

Message = dict[str, Any]
Tool = dict[str, Any]


class ChatModel:
    """Asks one model at one endpoint; close it after use, which also ends what waits to ask again."""

    def __init__(self, endpoint: Endpoint) -> None:
        # The library takes a second to import, which a builder that only compiles need not spend.
        from tacit.llm.client import open_client

        self._endpoint = endpoint
        self._client = open_client(
            endpoint.kind, endpoint.base_url, endpoint.api_key, endpoint.api_version, seconds=endpoint.seconds
        )
        self._closed = threading.Event()

    def complete(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), *, tool_choice: str | dict[str, Any] = "auto"
    ) -> Reply:
        """Return the model's next message; blocks, and raises `LlmError` alone.

        After 429, 5xx or a lost connection it is asked again, `endpoint.retries` times at most, each time later, or
        when the endpoint says; at most two minutes are waited in all.
        """
        request, size = self._written(messages, tools, tool_choice)
        waited, tries = 0.0, 0
        while True:
            tries += 1
            answer = self._ask(request, size)
            if isinstance(answer, Reply):
                return answer
            wait = wait_before(tries, answer.wait)
            if not answer.again or tries > self._endpoint.retries or waited + wait > ALL_SECONDS:
                raise _last(answer, tries, retries=self._endpoint.retries)
            waited += wait
            self._closed.wait(wait)

    def close(self) -> None:
        """Close the connections; who is asking gets an error."""
        self._closed.set()
        self._client.close()

    def _written(
        self, messages: Sequence[Message], tools: Sequence[Tool], tool_choice: str | dict[str, Any]
    ) -> tuple[dict[str, Any], int]:
        """Return the request and its size in bytes; text that UTF-8 cannot hold is mended, not refused."""
        endpoint = self._endpoint
        request: dict[str, Any] = {"model": endpoint.model, "messages": list(messages)}
        if tools:
            request["tools"] = list(tools)
            if tool_choice != "auto":
                request["tool_choice"] = tool_choice
        if endpoint.temperature is not None:
            request["temperature"] = endpoint.temperature
        if endpoint.reasoning_effort is not None:
            request["reasoning_effort"] = endpoint.reasoning_effort
        try:
            sendable = made_sendable(request)
            return sendable, len(json.dumps(sendable, ensure_ascii=False, allow_nan=False).encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise LlmBroken(
                f"What the model is to be asked cannot be written as JSON ({type(error).__name__})."
            ) from None

    def _ask(self, request: dict[str, Any], size: int) -> Reply | Failure:
        """Ask once; a failure is returned, not raised, so that no exception of the library is chained to it."""
        import openai

        from tacit.llm.client import post_chat
        from tacit.llm.failures import Failure, failure_of, no_completion

        if self._closed.is_set():
            return Failure(_closed())
        started = time.monotonic()
        try:
            body = post_chat(self._client, request)
        except openai.OpenAIError as error:
            return Failure(_closed()) if self._closed.is_set() else failure_of(error, self._endpoint)
        except RuntimeError:
            if self._closed.is_set():  # the transport's error for a client that was closed in this moment
                return Failure(_closed())
            raise
        try:
            return read_reply(body, size, time.monotonic() - started)
        except NoCompletion as error:
            return Failure(no_completion(str(error), body, self._endpoint))


def _last(failure: Failure, tries: int, *, retries: int) -> LlmError:
    """Return the error of the last try; it says so where the endpoint wants to be left alone for too long."""
    error = failure.error
    if failure.again and failure.wait is not None and tries <= retries:
        message = f"{error.message.rstrip('.')}; it asks to wait {failure.wait:.0f} seconds."
        error = LlmOverloaded(message, details=error.details)
    error.details["tries"] = tries
    return error


def _closed() -> LlmUnreachable:
    return LlmUnreachable("The language model is no longer asked, because what asked it has ended.")
