"""The tests of a version: what each is given, what the world answers it, and what it expects."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import Field, model_serializer, model_validator

from tacit.models.base import JsonSchema, Model, PlainText

LATEST_MILLIS = 253_402_300_799_999
"""The end of the year 9999."""
MAX_EXCHANGES = 200
"""Exchanges with one callee in a test."""
MAX_CODE = 100
MAX_MESSAGE = 2000
"""Characters of what a callee fails with."""


class ExchangeError(Model):
    """What a callee fails with, as if it had reported that itself."""

    code: PlainText = Field(min_length=1, max_length=MAX_CODE)
    message: PlainText = Field(default="", max_length=MAX_MESSAGE)


class Exchange(Model):
    """What a callee answers to one input: exactly one of `output` and `error`.

    Inputs are compared by value: 1 is 1.0 and not true, names come in any order. An agent's input is its task.
    """

    input: Any
    output: Any = None
    error: ExchangeError | None = None

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, given: Any) -> Any:
        """Drop the null that some models write for what they leave out; `output: null` alone is an answer."""
        return _without_nulls(given, {"error"})

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


class HttpFixture(Model):
    """What one URL answers in a test."""

    status: int = Field(default=200, ge=100, le=599)
    body: str = ""


class Expectation(Model):
    """What a test expects: exactly one of `output`, `output_matches` and `error`, and files if it writes them."""

    output: Any = None
    output_matches: JsonSchema | None = None
    error: str | None = None
    files: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, given: Any) -> Any:
        """Drop the nulls that some models write for what they leave out; `output: null` alone is an assertion."""
        return _without_nulls(given, {"output_matches", "error"})

    @model_validator(mode="after")
    def _one_assertion(self) -> Expectation:
        named = self.model_fields_set & {"output", "output_matches", "error"}
        if len(named) != 1:
            raise ValueError("expect needs exactly one of 'output', 'output_matches' and 'error'")
        return self

    @model_serializer
    def _as_given(self) -> dict[str, Any]:
        """Write only what was named, whatever the options, so that it reads back as it was (`output: null` too)."""
        named = {name: getattr(self, name) for name in ("output", "output_matches", "error", "files")}
        return {name: value for name, value in named.items() if name in self.model_fields_set}


class TestCase(Model):
    """One test of a version, with the world that its host functions see.

    `files`: path to text; `http`: URL to body text or `{status, body}`; `now`: what the clock says, in
    milliseconds; `calls`: capability id to the output that calling it gives, whatever the input; `exchanges`:
    capability id to what it answers to each input, and to no other.
    """

    __test__ = False  # not a test class of pytest

    name: PlainText = Field(min_length=1, max_length=200)
    input: Any = None
    files: dict[str, str] = Field(default_factory=dict)
    http: dict[str, HttpFixture | str] = Field(default_factory=dict)
    now: int = Field(default=0, ge=0, le=LATEST_MILLIS)
    calls: dict[str, Any] = Field(default_factory=dict)
    exchanges: dict[str, Exchanges] = Field(default_factory=dict)
    expect: Expectation

    @model_validator(mode="after")
    def _answered_in_one_way(self) -> TestCase:
        twice = sorted({*self.calls} & {*self.exchanges})
        if twice:
            raise ValueError(f"{twice[0]!r} is in 'calls' and in 'exchanges'; say in one of them what it answers")
        return self

    @property
    def callees(self) -> frozenset[str]:
        """The ids whose answers the test gives."""
        return frozenset({*self.calls, *self.exchanges})


class TestResult(Model):
    """How one test or replay went; `difference` is empty when it passed, unless what it proves has to be noted."""

    __test__ = False  # not a test class of pytest

    name: str
    passed: bool
    difference: str = ""


def _without_nulls(given: Any, others: set[str]) -> Any:
    """Return an object without the null that stands for `output` or one of the `others`, of which it has one."""
    if not isinstance(given, dict):
        return given
    named = cast("dict[str, Any]", given)
    meant = {name for name in others if named.get(name) is not None}
    dropped = others - meant
    if meant and named.get("output") is None:
        dropped.add("output")
    return {name: value for name, value in named.items() if name not in dropped}
