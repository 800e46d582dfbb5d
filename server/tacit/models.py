"""The values that cross a boundary: manifests, tests, cards, and what the three use cases answer.

Everything here is a frozen pydantic model. JSON values are `Any`; JSON Schemas are plain dicts
(draft 2020-12). Times are milliseconds since the Unix epoch, durations are seconds.
"""

from __future__ import annotations

import re
from enum import StrEnum
from operator import not_
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_serializer,
    model_validator,
)

from tacit.exchanges import Exchanges
from tacit.plain_text import require_plain

ID_PATTERN = r"^[a-z][a-z0-9_]{1,63}$"
"""A capability's id: lower-case words joined by underscores, 2 to 64 characters."""

STAGES = (
    "request",
    "duplicate",
    "specification",
    "implementation",
    "compile",
    "imports",
    "permissions",
    "tests",
    "verification",
    "budget",
    "register",
)
"""The stages of a build in their order; a refusal names one of them.

Those from `specification` to `implementation`, and `budget`, are an LLM author's alone; `verification` compares
with the tests held out from it, and with recorded runs of the version before. A build over its `budget` may stop
anywhere.
"""

Language = Literal["rust", "program"]
"""What sources are written in: Rust that becomes WebAssembly, or the language of `tacit.programs`."""

JsonSchema = dict[str, Any]
CapabilityId = Annotated[str, Field(pattern=ID_PATTERN)]

MAX_EXAMPLES = 50
MAX_EXAMPLE = 500
"""Characters of one example task."""

LATEST_MILLIS = 253_402_300_799_999
"""The end of the year 9999."""

PlainText = Annotated[str, AfterValidator(require_plain)]
Example = Annotated[PlainText, Field(max_length=MAX_EXAMPLE)]


class Model(BaseModel):
    """Base of the values: frozen, and nothing unknown is silently dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def problems_in(error: ValidationError) -> str:
    """Return what a model refused as `path: problem; …`, in the words of JSON where pydantic uses Python's."""
    shown: list[str] = []
    for problem in error.errors(include_url=False, include_input=False):
        message = problem["msg"].removeprefix("Value error, ")
        for python, plain in (("valid tuple", "list"), ("valid dictionary", "JSON object")):
            message = message.replace(python, plain)
        shown.append(f"{'.'.join(str(part) for part in problem['loc'])}: {message}")
    return "; ".join(shown)


class Effect(StrEnum):
    """What a module can do, read off its imports; a module with none is pure."""

    READS = "reads"
    WRITES = "writes"
    NETWORK = "network"
    TIME = "time"
    CALLS = "calls"


class Status(StrEnum):
    """Whether a capability or version is offered."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"
    ARCHIVED = "archived"


def _glob(pattern: str) -> str:
    if not pattern or pattern.startswith("/") or "\\" in pattern or "\0" in pattern or ".." in pattern.split("/"):
        raise ValueError(f"{pattern!r} is not a relative glob such as 'reports/*.csv' or '**'")
    return require_plain(pattern)


_HOST = re.compile(r"^(\*|(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?)(:(\d{1,5}|\*))?$|^\[[0-9a-f:.]+\](:(\d{1,5}|\*))?$")


def _host(host: str) -> str:
    lowered = host.lower()
    if not _HOST.match(lowered):
        raise ValueError(f"{host!r} is not a host such as 'api.example.com', '*.example.com' or 'localhost:8080'")
    return lowered


Glob = Annotated[str, AfterValidator(_glob)]
Host = Annotated[str, AfterValidator(_host)]
Callee = Annotated[str, Field(pattern=rf"{ID_PATTERN}|^\*$")]


class Permissions(Model):
    """What a manifest asks for, and, in the same form, what the operator grants.

    `http`: hosts, exact, `*.suffix` or `*` (every public one), optionally with `:port`, or `:*` for every port
    (without one, 80 and 443 are meant); `read` and `write`: globs relative to the files folder (`*` stays within
    a folder, `**` does not); `call`: capability ids or `*`.
    """

    http: tuple[Host, ...] = ()
    read: tuple[Glob, ...] = ()
    write: tuple[Glob, ...] = ()
    time: bool = False
    call: tuple[Callee, ...] = ()


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
    def _without_nulls(cls, given: Any) -> Any:
        """Drop the nulls that some models write for what they leave out; `output: null` alone is an assertion."""
        if not isinstance(given, dict):
            return given
        named = cast("dict[str, Any]", given)
        others = {name for name in ("output_matches", "error") if named.get(name) is not None}
        dropped = {"output_matches", "error"} - others
        if others and named.get("output") is None:
            dropped.add("output")
        return {name: value for name, value in named.items() if name not in dropped}

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


class Manifest(Model):
    """A capability folder's `meta.json`; `binary` names its module, of which a program has none."""

    id: CapabilityId
    summary: PlainText = Field(min_length=10, max_length=1000)
    binary: str = ""
    version: int = Field(default=1, ge=1)
    language: Language = "rust"
    input_schema: JsonSchema = Field(default_factory=dict)
    output_schema: JsonSchema = Field(default_factory=dict)
    examples: tuple[Example, ...] = Field(default=(), max_length=MAX_EXAMPLES)
    permissions: Permissions = Permissions()
    parent: str | None = None


class Contract(Model):
    """What a capability does, takes and answers, as those see it that call it."""

    summary: str = ""
    input_schema: JsonSchema = Field(default_factory=dict)
    output_schema: JsonSchema = Field(default_factory=dict)


class Card(Model):
    """What search indexes of a capability."""

    id: str
    summary: str
    examples: tuple[str, ...] = ()


class Hit(Model):
    """One capability that search found."""

    id: str
    version: int
    summary: str
    score: float
    input_schema: JsonSchema
    example_input: Any = None
    effects: tuple[Effect, ...] = ()
    permissions_not_granted: Permissions | None = None


class SearchAnswer(Model):
    """What `search_capabilities` answers, best hit first; `advice` says what to do when nothing fits."""

    hits: tuple[Hit, ...]
    advice: str = ""


class Observed(Model):
    """What a program observed; `value` is the beginning of its JSON, as a text, where it is `shortened`."""

    name: str
    value: Any
    shortened: bool = Field(default=False, exclude_if=not_)


class RunAnswer(Model):
    """What `run_capability` answers for a run that ended well.

    `run_id` replays it, and is empty where nothing can be recorded; `cached` says that it is an earlier, pure run.
    `observations` are the last that a program made; its record has `observations_left_out` more.
    """

    run_id: str
    capability: str
    version: int
    output: Any
    energy: int
    seconds: float
    cached: bool = False
    observations: tuple[Observed, ...] = Field(default=(), exclude_if=not_)
    observations_left_out: int = Field(default=0, exclude_if=not_)


class TestResult(Model):
    """How one test or replay went; `difference` is empty when it passed, unless what it proves has to be noted."""

    __test__ = False  # not a test class of pytest

    name: str
    passed: bool
    difference: str = ""


class Usage(Model):
    """What an author's language model used, and how often it compiled.

    Tokens are the endpoint's own count, or estimated (`estimated`) at four bytes a token where it gives none;
    `attempts` counts sources that were compiled.
    """

    llm_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    attempts: int = 0
    estimated: bool = False

    @property
    def tokens(self) -> int:
        """All tokens, in and out."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        """Return the sum."""
        return Usage(
            llm_calls=self.llm_calls + other.llm_calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            attempts=self.attempts + other.attempts,
            estimated=self.estimated or other.estimated,
        )


class Brief(Model):
    """What a caller needs to write the source of a new capability at once."""

    task: str
    nearest: dict[str, Any] | None
    guest_api: str
    crates: tuple[str, ...]
    tests_form: str
    limits: dict[str, Any]
    example_call: dict[str, Any]


class MutateAnswer(Model):
    """What `mutate_capability` answers.

    `needs_source` carries a `brief`, and an `author_error` (as `TacitError.to_dict` gives it) where a language model is
    configured and did not write it; `registered` an id, version, effects and tests; `refused` a `stage`
    and its diagnostics; `building` a `job` to ask for again. `author` is `caller` or the model that wrote it, which
    used `usage`. Where the request had an `input`, `run` is what the new version made of it, or `run_error` why it
    did not (as `TacitError.to_dict` gives it).
    """

    status: Literal["needs_source", "building", "registered", "refused"]
    id: str | None = None
    version: int | None = None
    parent: str | None = None
    effects: tuple[Effect, ...] = ()
    permissions_not_granted: Permissions | None = None
    tests: tuple[TestResult, ...] = ()
    stage: str | None = None
    message: str = ""
    hint: str = ""
    diagnostics: str = ""
    job: str | None = None
    brief: Brief | None = None
    closest: tuple[str, ...] = ()
    author: str = ""
    usage: Usage | None = None
    author_error: dict[str, Any] | None = None
    run: RunAnswer | None = None
    run_error: dict[str, Any] | None = None


class MutateRequest(Model):
    """The arguments of `mutate_capability`.

    `source` is a map of paths to texts, or the text of `main.rs`, or of `main.program` where the language is so.
    `input`, where it is given at all, is what the new version is run on at once.
    """

    task: str = ""
    parent_id: str | None = None
    id: CapabilityId | None = None
    summary: str = ""
    source: str | dict[str, str] | None = None
    language: Language = "rust"
    input_schema: JsonSchema | None = None
    output_schema: JsonSchema | None = None
    tests: tuple[TestCase, ...] = ()
    examples: tuple[str, ...] = ()
    permissions: Permissions = Permissions()
    force: bool = False
    job: str | None = None
    input: Any = None


class Check(Model):
    """One line of `tacit doctor`."""

    name: str
    ok: bool
    detail: str
