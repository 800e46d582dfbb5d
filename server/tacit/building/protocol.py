"""What the server and the builder subprocess say to each other: JSON lines over the builder's stdin and stdout.

One `Order` goes in; any number of `Progress` lines and then one of `BuildResult`, `Refusal` and `Failure`
come out. The server keeps the builder's stdin open until it has the last line: the end of stdin tells the builder
that its server is gone. Neither end trusts the other's line lengths.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from tacit.config import Limits, Settings
from tacit.errors import BuilderFailed, BuildRefused
from tacit.models import CapabilityId, Effect, JsonSchema, Model, Permissions, TestCase, TestResult

MAX_REQUEST_BYTES = 32 << 20
"""The longest request line; what the builder takes of source and tests is far less."""

MAX_REPLY_BYTES = 32 << 20
"""The longest line that a builder may answer; `MAX_MODULE_BYTES` of WebAssembly as base64 fit in it."""

MAX_MODULE_BYTES = 16 << 20
MAX_SOURCE_BYTES = 1 << 20
MAX_SOURCE_FILES = 64
MAX_TESTS = 200

FOLDER_PREFIX = "tacit-build-"
"""How the temporary folder of each builder is named: its working folder, which goes when it ends."""

SPARE_SECONDS = 300.0
"""How long a builder that was started ahead waits for its request before it ends by itself."""


class BuildRequest(Model):
    """One version to build: `source` maps paths relative to `src/` to texts, with `main.rs` the root.

    `parent_tests` are the tests of the version that this one replaces; they must pass as well.
    """

    job: str
    id: CapabilityId
    source: dict[str, str]
    permissions: Permissions = Permissions()
    tests: tuple[TestCase, ...] = ()
    parent_tests: tuple[TestCase, ...] = ()
    input_schema: JsonSchema = Field(default_factory=dict)
    output_schema: JsonSchema = Field(default_factory=dict)


class Machine(Model):
    """What the builder needs of the settings, since it reads no environment; the client fills it in.

    `cache` holds the guest SDK and, unless `toolchain` names another folder, the toolchain; `build_seconds`
    bounds the whole build, `limits` each run of a test.
    """

    cache: Path
    toolchain: Path | None = None
    confinement: Literal["auto", "bubblewrap", "landlock", "none"] = "auto"
    build_seconds: float = 120.0
    limits: Limits = Limits()

    @classmethod
    def of(cls, settings: Settings) -> Machine:
        """Return what `settings` say to the builder."""
        return cls(**{name: getattr(settings, name) for name in cls.model_fields})

    def settings(self) -> Settings:
        """Return settings that say the same, for what takes the whole of them; the rest is at its defaults."""
        return Settings.load(**{name: getattr(self, name) for name in type(self).model_fields})


class Order(Model):
    """The request line: what to build, and with what."""

    model_config = ConfigDict(ser_json_inf_nan="constants")  # so that it is seen, and refused, instead of made null

    request: BuildRequest
    machine: Machine


class Progress(Model):
    """How far a build is: `fraction` grows from 0 to 1."""

    kind: Literal["progress"] = "progress"
    stage: str
    message: str
    fraction: float = Field(ge=0, le=1)


class BuildResult(Model):
    """A module that passed every stage; `digest` is the SHA-256 of `wasm` in hex, `seconds` the time by stage."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    kind: Literal["result"] = "result"
    wasm: bytes
    digest: str
    effects: tuple[Effect, ...]
    toolchain: str
    tests: tuple[TestResult, ...]
    parent_tests: tuple[TestResult, ...] = ()
    seconds: dict[str, float]


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


Reply = Progress | BuildResult | Refusal | Failure

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


def decode_reply(line: bytes) -> Reply:
    """Return the reply in one line; raises `BuilderFailed` when it is none."""
    try:
        return _REPLY.validate_json(line)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise BuilderFailed(f"The builder answered something that is not in its protocol: {problem}.") from error
