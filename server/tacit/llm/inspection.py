"""What `tacit doctor` says of the language model: it is asked for one tool call, which costs some hundred tokens."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from tacit.errors import LlmError
from tacit.llm.chat import ChatModel
from tacit.llm.endpoint import Endpoint
from tacit.models import Check

if TYPE_CHECKING:
    from tacit.config import Settings

_NAME = "language model"
_READY: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "report_ready",
        "description": "Report that you are ready.",
        "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
    },
}


def inspect_model(settings: Settings) -> Check:
    """Return whether the configured model answers and calls tools; having none is fine."""
    try:
        endpoint = Endpoint.of(settings)
        if endpoint is None:
            return Check(name=_NAME, ok=True, detail="None: who calls mutate_capability writes the source.")
        with closing(ChatModel(endpoint.model_copy(update={"retries": 0}))) as model:
            reply = model.complete([{"role": "user", "content": "Call the tool report_ready."}], [_READY])
    except LlmError as error:
        return Check(name=_NAME, ok=False, detail=str(error))
    if not reply.calls:
        detail = (
            f"{endpoint.model} answers in words where it has to call a tool: name another in {endpoint.model_setting}."
        )
        return Check(name=_NAME, ok=False, detail=detail)
    return Check(
        name=_NAME, ok=True, detail=f"{endpoint.model} answers and calls tools, in {reply.seconds:.1f} seconds."
    )
