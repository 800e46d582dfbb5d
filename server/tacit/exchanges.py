"""What a callee answers in a test, one input at a time; `models.TestCase` holds them."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_serializer, model_validator

from tacit.plain_text import require_plain

MAX_EXCHANGES = 200
"""Exchanges with one callee in a test."""
MAX_CODE = 100
MAX_MESSAGE = 2000
"""Characters of what a callee fails with."""

_PlainText = Annotated[str, AfterValidator(require_plain)]


class ExchangeError(BaseModel):
    """What a callee fails with, as if it had reported that itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: _PlainText = Field(min_length=1, max_length=MAX_CODE)
    message: _PlainText = Field(default="", max_length=MAX_MESSAGE)


class Exchange(BaseModel):
    """What a callee answers to one input: exactly one of `output` and `error`.

    Inputs are compared by value: 1 is 1.0 and not true, names come in any order. An agent's input is its task.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Any
    output: Any = None
    error: ExchangeError | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        """Drop the null that some models write for what they leave out; `output: null` alone is an answer."""
        if not isinstance(given, dict):
            return given
        named = cast("dict[str, Any]", given)
        dropped = {"error"} if named.get("error") is None else {"output"} if named.get("output") is None else set[str]()
        return {name: value for name, value in named.items() if name not in dropped}

    @model_validator(mode="after")
    def _one_answer(self) -> Exchange:
        if len(self.model_fields_set & {"output", "error"}) != 1:
            raise ValueError("an exchange needs exactly one of 'output' and 'error'")
        return self

    @model_serializer
    def _as_given(self) -> dict[str, Any]:
        """Write only what was named, whatever the options, so that it reads back as it was."""
        if self.error is not None:
            return {"input": self.input, "error": self.error.model_dump(exclude_defaults=True)}
        return {"input": self.input, "output": self.output}


Exchanges = Annotated[tuple[Exchange, ...], Field(max_length=MAX_EXCHANGES)]
"""All exchanges with one callee."""
