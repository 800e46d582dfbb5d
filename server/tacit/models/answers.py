"""What the use cases answer."""

from __future__ import annotations

from operator import not_
from typing import Any, Literal

from pydantic import Field

from tacit.models.base import JsonSchema, Model
from tacit.models.cases import TestResult
from tacit.models.permissions import Effect, Permissions

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
    """What `search_capabilities` answers, best hit first; `advice` says what to do when nothing fits.

    `pending` capabilities have just come and are searched by their words, not yet by their meaning.
    """

    hits: tuple[Hit, ...]
    advice: str = ""
    pending: int = Field(default=0, exclude_if=not_)


class Observed(Model):
    """What a program observed; `value` is the beginning of its JSON, as a text, where it is `shortened`."""

    name: str
    value: Any
    shortened: bool = Field(default=False, exclude_if=not_)


class RunAnswer(Model):
    """What `run_capability` answers for a run that ended well.

    `run_id` replays it; where nothing can be recorded it is empty, and `recorded` is false. `cached` says that it is an
    earlier, pure run.
    `observations` are the last that a program made; its record has `observations_left_out` more.
    """

    run_id: str
    capability: str
    version: int
    output: Any
    energy: int
    seconds: float
    cached: bool = False
    recorded: bool = Field(default=True, exclude_if=bool)
    observations: tuple[Observed, ...] = Field(default=(), exclude_if=not_)
    observations_left_out: int = Field(default=0, exclude_if=not_)


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


class Check(Model):
    """One line of `tacit doctor`."""

    name: str
    ok: bool
    detail: str
