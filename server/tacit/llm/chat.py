"""A model that is asked in chat completions with tools; the one place where Tacit talks to it.

Nothing here knows what is asked for. A `ChatModel` holds no conversation, and several threads may ask it at once.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tacit.errors import LlmBroken
from tacit.llm.replies import Reply, read_reply

if TYPE_CHECKING:
    from collections.abc import Sequence

    import openai

    from tacit.llm.endpoint import Endpoint

Message = dict[str, Any]
Tool = dict[str, Any]


class ChatModel:
    """Asks one model at one endpoint; close it after use."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._client = _open_client(endpoint)

    def complete(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), *, tool_choice: str | dict[str, Any] = "auto"
    ) -> Reply:
        """Return the model's next message; blocks, and raises `LlmError` alone."""
        request: dict[str, Any] = {"model": self._endpoint.model, "messages": list(messages)}
        if tools:
            request["tools"] = list(tools)
            if tool_choice != "auto":
                request["tool_choice"] = tool_choice
        import openai

        started = time.monotonic()
        try:
            answer: Any = self._client.chat.completions.with_raw_response.create(**request)
        except openai.OpenAIError as error:
            raise LlmBroken(str(error)) from None
        return read_reply(bytes(answer.content), request, time.monotonic() - started)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _open_client(endpoint: Endpoint) -> openai.OpenAI:
    import openai  # takes a second, which a builder that writes nothing need not spend

    if endpoint.kind == "azure":
        return openai.AzureOpenAI(
            api_key=endpoint.api_key,
            azure_endpoint=endpoint.base_url or "",
            api_version=endpoint.api_version,
            timeout=endpoint.seconds,
            max_retries=endpoint.retries,
        )
    return openai.OpenAI(
        api_key=endpoint.api_key or "none",
        base_url=endpoint.base_url,
        timeout=endpoint.seconds,
        max_retries=endpoint.retries,
    )
