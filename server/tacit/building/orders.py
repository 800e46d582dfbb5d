"""What a builder is asked for: to build source that somebody wrote, to write it from a task, or to repair a version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from tacit.config import Limits, Settings
from tacit.llm import Endpoint
from tacit.models import CapabilityId, Contract, Effect, JsonSchema, Language, Manifest, Model, Permissions, TestCase


class Replay(Model):
    """A recorded run of the version before, to be run again on what its host calls answered then.

    `calls` are as `sandbox.encode_calls` writes them; `failure` is `TacitError.to_dict()` of how the run failed.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    run_id: str
    input: bytes
    output: bytes = b""
    failure: dict[str, Any] | None = None
    calls: bytes = b""
    energy_limit: int
    now_millis: int
    seed: bytes


class Material(Model):
    """An existing version that an author may start from or reuse."""

    manifest: Manifest
    effects: tuple[Effect, ...] = ()
    source: dict[str, str]
    tests: tuple[TestCase, ...]


class Budget(Model):
    """What an author may use: tokens in and out, requests to the model, sources compiled."""

    tokens: int = Field(ge=0)
    llm_calls: int = Field(ge=0)
    attempts: int = Field(ge=0)


class BuildRequest(Model):
    """One version to build: `source` maps paths relative to `src/` to texts, with `main.rs` the root.

    A program's source is `main.program` alone, and needs no toolchain.
    `parent_tests` are the tests of the version that this one replaces, which must pass as well, but for what its
    `parent_permissions` did not let it ask for; `replays` its recorded runs, which must go as they went, unless the
    request `accepts_differences`. `callees` are the contracts of those whose answers tests give, as far as there are
    such capabilities.
    """

    kind: Literal["build"] = "build"
    job: str
    id: CapabilityId
    language: Language = "rust"
    source: dict[str, str]
    permissions: Permissions = Permissions()
    tests: tuple[TestCase, ...] = ()
    parent_tests: tuple[TestCase, ...] = ()
    parent_permissions: Permissions = Permissions()
    replays: tuple[Replay, ...] = ()
    accepts_differences: bool = False
    input_schema: JsonSchema = Field(default_factory=dict)
    output_schema: JsonSchema = Field(default_factory=dict)
    callees: dict[str, Contract] = Field(default_factory=dict)


class AuthorRequest(Model):
    """A capability to be written from a task; what is given of id, summary, schemas, tests and permissions holds.

    Where there is no `language`, the author chooses. `parent` is the version to start from, with its tests and replays
    where the new one gets its id (`renews`); `nearest` are other capabilities close to the task.
    """

    kind: Literal["author"] = "author"
    job: str
    task: str
    language: Language | None = None
    id: CapabilityId | None = None
    summary: str = ""
    input_schema: JsonSchema | None = None
    output_schema: JsonSchema | None = None
    permissions: Permissions | None = None
    tests: tuple[TestCase, ...] = ()
    examples: tuple[str, ...] = ()
    input: Any = None
    parent: Material | None = None
    renews: bool = False
    replays: tuple[Replay, ...] = ()
    nearest: tuple[Material, ...] = ()
    budget: Budget


class RepairRequest(Model):
    """A version that failed: `module` is what ran, `run` the recorded run, `replays` runs that went well."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    kind: Literal["repair"] = "repair"
    job: str
    version: Material
    module: bytes
    run: Replay
    replays: tuple[Replay, ...] = ()
    budget: Budget


class Web(Model):
    """What an author may see of the web: hosts that it may fetch from, and a search service."""

    http: tuple[str, ...] = ()
    search: Literal["none", "searxng", "brave"] = "none"
    search_url: str | None = None
    search_key: str = ""


class Machine(Model):
    """What the builder needs of the settings, since it reads no environment; the client fills it in.

    `cache` holds the guest SDK and, unless `toolchain` names another folder, the toolchain; `build_seconds`
    bounds a compilation with its tests, `author_seconds` all that an author does, `limits` each run of a test.
    """

    cache: Path
    toolchain: Path | None = None
    confinement: Literal["auto", "bubblewrap", "landlock", "none"] = "auto"
    build_seconds: float = 120.0
    author_seconds: float = 900.0
    limits: Limits = Limits()
    llm: Endpoint | None = None
    web: Web = Web()

    @classmethod
    def of(cls, settings: Settings) -> Machine:
        """Return what `settings` say to the builder, a language model and the web left out: only authors get them."""
        own = set(cls.model_fields) - {"llm", "web"}
        return cls(**{name: getattr(settings, name) for name in own})

    def settings(self) -> Settings:
        """Return settings that say the same, for what takes the whole of them; the rest is at its defaults."""
        own = set(type(self).model_fields) - {"llm", "web"}
        return Settings.load(**{name: getattr(self, name) for name in own})


Request = Annotated[BuildRequest | AuthorRequest | RepairRequest, Field(discriminator="kind")]


class Order(Model):
    """The request line: what to make, and with what."""

    model_config = ConfigDict(ser_json_inf_nan="constants")  # so that it is seen, and refused, instead of made null

    request: Request
    machine: Machine
