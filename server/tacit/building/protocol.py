"""What the server and the builder subprocess say to each other: JSON lines over the builder's stdin and stdout.

One `Order` goes in; any number of `Progress`, `Turn`, `Attempt`, `Finding` and `Question` lines and then one of
`BuildResult`, `Refusal` and `Failure` come out. Each `Question` is answered by one `Answer` line on stdin. The server
keeps the builder's stdin open until it has the last line: the end of stdin tells the builder that its server is gone.
Neither end trusts the other's line lengths. The values of a request are in `orders`.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from tacit.building.orders import Order
from tacit.errors import BuilderFailed, BuildRefused
from tacit.models import Card, Contract, Effect, Manifest, Model, TestCase, TestResult, Usage

MAX_REQUEST_BYTES = 32 << 20
"""The longest request line; what the builder takes of source and tests is far less."""

MAX_REPLY_BYTES = 32 << 20
"""The longest line that a builder may answer; `MAX_MODULE_BYTES` of WebAssembly as base64 fit in it."""

MAX_MODULE_BYTES = 16 << 20
MAX_SOURCE_BYTES = 1 << 20
MAX_SOURCE_FILES = 64
MAX_TESTS = 200

FOLDER_PREFIX = "tacit-builder-"
"""How the temporary folder of each builder is named: its working folder, which goes when it ends."""

SPARE_SECONDS = 300.0
"""How long a builder that was started ahead waits for its request before it ends by itself."""


class Progress(Model):
    """How far a build is: `fraction` grows from 0 to 1."""

    kind: Literal["progress"] = "progress"
    stage: str
    message: str
    fraction: float = Field(ge=0, le=1)


class Turn(Model):
    """One exchange with the author's language model, for the transcript and the budget.

    `step` is the step that it belongs to, such as `specification`; each step has a context of its own. `sent` are
    the messages that are new in the context since the turn before, `reply` the model's message, as chat completions
    write them; `usage` what this turn alone cost, and the compilations since the turn before. At the end of a context
    a turn without a `reply` may bring what its last tool calls led to.
    """

    kind: Literal["turn"] = "turn"
    step: str
    sent: list[dict[str, Any]]
    reply: dict[str, Any]
    usage: Usage
    seconds: float = 0.0


class Attempt(Model):
    """The author's next source is about to be compiled; said at once, so that a build that is cut off counts it."""

    kind: Literal["attempt"] = "attempt"


class Finding(Model):
    """What the author has found out, in place of what it said `about` the same before; an empty text takes that back.

    It is said at once, so that a build that ends without a version, or is cut off, leaves it for its record.
    """

    kind: Literal["finding"] = "finding"
    about: str
    text: str


class Question(Model):
    """What the author asks of the server, which has the catalog, before any effort is spent on a specification.

    It may `search` for a task in words, `propose` the card with id, summary and examples, ask whether a program of
    that card may `compose` what it calls, or for the `contracts` of what may be called.
    """

    kind: Literal["question"] = "question"
    number: int
    asks: Literal["search", "propose", "compose", "contracts"]
    query: str = ""
    card: Card | None = None
    calls: tuple[str, ...] = ()


class Answer(Model):
    """The server's answer to the question of that number: text for the model, or why a proposal is `refused`.

    `callees` are the contracts that were asked for, as far as there are such capabilities.
    """

    number: int
    text: str = ""
    refused: bool = False
    callees: dict[str, Contract] = Field(default_factory=dict)


class Authored(Model):
    """What a language model wrote and the builder verified; `manifest` has no version and no parent yet.

    `tests` are all that it passed but its parent's, `held_out` the names of those that the implementation never
    saw; `revisions` say why and how the specification changed after the tests were written; `prompts_hash` is the
    SHA-256, in hex, of the prompts and tool schemas that the author works with. A repair has its `cause`.
    """

    manifest: Manifest
    source: dict[str, str]
    tests: tuple[TestCase, ...]
    held_out: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ()
    model: str
    prompts_hash: str
    cause: str = ""


class BuildResult(Model):
    """A module that passed every stage; `digest` is the SHA-256 of `wasm` in hex, `seconds` the time by stage.

    `held_to` are the places, among the tests of the version before, of those that this one is held to from now on.
    `replays` says how each recorded run of the version before went. `unheeded` are callees that the tests have answer
    the same whatever they are asked. `authored` is there where a model wrote it.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    kind: Literal["result"] = "result"
    wasm: bytes
    digest: str
    effects: tuple[Effect, ...]
    toolchain: str
    tests: tuple[TestResult, ...]
    parent_tests: tuple[TestResult, ...] = ()
    held_to: tuple[int, ...] = ()
    unheeded: tuple[str, ...] = ()
    replays: tuple[TestResult, ...] = ()
    sdk: str = ""
    seconds: dict[str, float]
    authored: Authored | None = None


class Refusal(Model):
    """What the source, tests or manifest did wrong; `diagnostics` is cut, and untrusted."""

    kind: Literal["refusal"] = "refusal"
    stage: str
    message: str
    hint: str = ""
    diagnostics: str = ""
    tests: tuple[TestResult, ...] = ()


class Failure(Model):
    """What is wrong with this machine or the builder itself; `code` is that of an `errors.OperatorError`."""

    kind: Literal["failure"] = "failure"
    code: str
    message: str
    hint: str = ""


Reply = Progress | Turn | Attempt | Finding | Question | BuildResult | Refusal | Failure

_REPLY: TypeAdapter[Reply] = TypeAdapter(Annotated[Reply, Field(discriminator="kind")])


def encode_order(order: Order) -> bytes:
    """Return the order as one line; raises `BuildRefused("request")` when it is too long or would not arrive as it is.

    JSON of the client's may nest deeper than the builder reads, or hold NaN, vast numbers or lone surrogates.
    """
    try:
        text = json.dumps(order.model_dump(mode="json"), ensure_ascii=False, allow_nan=False)
        line = text.encode() + b"\n"
        Order.model_validate_json(line)
    except (ValueError, RecursionError, PydanticSerializationError) as error:
        raise BuildRefused(
            "request",
            "The source, schemas or tests hold what cannot be sent as JSON: characters that are not valid Unicode, "
            "numbers that are vast or none, or lists within lists without end.",
            hint="Send texts that can be written as UTF-8, and values of a sane size and depth.",
        ) from error
    if len(line) > MAX_REQUEST_BYTES:
        raise BuildRefused(
            "request",
            f"The source, schemas and tests have {len(line)} bytes; the limit is {MAX_REQUEST_BYTES}.",
            hint="Send less.",
        )
    return line


def encode_reply(reply: Reply) -> bytes:
    """Return the reply as one line."""
    return reply.model_dump_json().encode() + b"\n"


def encode_answer(answer: Answer) -> bytes:
    """Return the answer as one line."""
    return answer.model_dump_json().encode() + b"\n"


def decode_reply(line: bytes) -> Reply:
    """Return the reply in one line; raises `BuilderFailed` when it is none."""
    try:
        return _REPLY.validate_json(line)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise BuilderFailed(f"The builder answered something that is not in its protocol: {problem}.") from error
