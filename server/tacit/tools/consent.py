"""Asking the person behind a client to grant what a new capability needs and is not granted.

Nothing is granted without an explicit yes to a question that shows all that would be granted. Part of the question
are words of strangers, so that they are quoted, made plain and cut, and cannot pass for the question itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mcp_types import ClientCapabilities, ElicitResult
from pydantic import BaseModel, Field, ModelWrapValidatorHandler, ValidationError, model_validator

from tacit.models import MutateAnswer, Permissions
from tacit.plain_text import one_line

MAX_SUMMARY = 160
MAX_AUTHOR = 80
MAX_ASKED = 1500
"""Characters of permissions that a person is asked about at once; more can only be granted on the command line."""
_KINDS = {
    "http": "fetch from",
    "read": "read files",
    "write": "write files",
    "time": "know the time",
    "call": "run capabilities",
}


class Consent(BaseModel):
    """What the person is asked; to accept is to grant, unless the box is unticked or what came back is no such form.

    The version is registered by then, so that a client's mistake must not become the call's error.
    """

    allow: bool = Field(default=True, strict=True, title="Grant it", description="Untick it to grant nothing.")

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, given: Any, read: ModelWrapValidatorHandler[Consent]) -> Consent:
        try:
            return read(given)
        except ValidationError:
            return cls.model_construct(allow=False)


def can_be_asked(capabilities: ClientCapabilities | None, protocol_asks: bool) -> bool:
    """Whether the client shows forms to its person; `protocol_asks` says whether a question can reach it at all."""
    elicitation = capabilities.elicitation if capabilities is not None else None
    return protocol_asks and elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def answers_no_form(responses: Mapping[str, Any] | None) -> bool:
    """Whether a client answered a question of the call with what is no answer to a form."""
    return any(
        not isinstance(response, ElicitResult) or (response.action == "accept" and response.content is None)
        for response in (responses or {}).values()
    )


def question_for(answer: MutateAnswer, summary: str) -> str | None:
    """Return the question for what the new version lacks; None where it lacks nothing, or too much to show."""
    missing = answer.permissions_not_granted
    asked = "\n".join(_lines(missing)) if missing is not None else ""
    if not asked or len(asked) > MAX_ASKED:
        return None
    return (
        f"Tacit asks: may the capability {answer.id} do this, now and in every later run?\n"
        f"{asked}\n"
        f"It was written by {_author(answer)}, and says of itself: {_quoted(summary, MAX_SUMMARY)}\n"
        f"What is granted can be taken back with `tacit revoke {answer.id}`."
    )


def _lines(missing: Permissions) -> list[str]:
    asked: dict[str, Any] = missing.model_dump(mode="json", exclude_defaults=True)
    return [
        f"- {words}" + ("" if asked[kind] is True else f": {', '.join(map(json.dumps, asked[kind]))}")
        for kind, words in _KINDS.items()
        if asked.get(kind)
    ]


def _author(answer: MutateAnswer) -> str:
    if answer.usage is not None:
        return f"the language model {_quoted(answer.author, MAX_AUTHOR)}"
    return f"whoever uses this client, {_quoted(answer.author, MAX_AUTHOR)}"


def _quoted(text: str, limit: int) -> str:
    """Return a stranger's words on one line, between quotation marks that they cannot close."""
    plain = one_line(text).translate({ord(mark): "'" for mark in '"“”„«»'})
    return f"“{plain if len(plain) <= limit else plain[: limit - 1] + '…'}”"
