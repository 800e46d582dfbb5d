"""The settings of Tacit: one frozen object, read from `TACIT_*`, a `.env` file and a few well-known names.

Nothing else in the project reads the environment. `docs/settings.md` documents every field; a test compares.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from tacit.errors import InvalidSettings
from tacit.models import Permissions, problems_in

MIB = 1 << 20
SAMPLE_FILE = "employee_database.json"
"""The sample data that the shipped capabilities work on; the default grants cover it and nothing else."""

_OWN_FOLDERS = ("compiled", "index", "journal")
"""Folders of the data folder in which there is nothing for capabilities."""


def _folder(variable: str, fallback: str) -> Path:
    try:
        return Path(os.environ.get(variable) or Path.home() / fallback) / "tacit"
    except RuntimeError as error:
        raise InvalidSettings(
            f"The home folder of this user is not known, and neither HOME nor {variable} is set.",
            hint="Set HOME, or name the folders with TACIT_DATA and TACIT_CACHE.",
        ) from error


def _expanded(folder: Path) -> Path:
    """Return the folder with a leading `~` resolved, which clients' configurations leave to the program.

    It is absolute, since the current folder may change while Tacit is open.
    """
    try:
        return folder.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError(f"{folder} names no home folder") from error


Folder = Annotated[Path, AfterValidator(_expanded)]


def _default_data() -> Path:
    return _folder("XDG_DATA_HOME", ".local/share")


def _default_cache() -> Path:
    return _folder("XDG_CACHE_HOME", ".cache")


class Limits(BaseModel):
    """What one run may use. Bytes, seconds and counts; energy is Wasmtime fuel, about one unit an instruction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    energy: int = Field(default=15_000_000_000, ge=1, le=1 << 62)
    wall_seconds: float = Field(default=30.0, gt=0, le=3600)
    memory_bytes: int = Field(default=64 * MIB, ge=MIB, le=4096 * MIB)
    stack_bytes: int = Field(default=512 * 1024, ge=64 * 1024, le=8 * MIB)
    input_bytes: int = Field(default=4 * MIB, ge=1024)
    stdout_bytes: int = Field(default=4 * MIB, ge=1024)
    stderr_bytes: int = Field(default=256 * 1024, ge=1024)
    host_calls: int = Field(default=1000, ge=0)
    http_bytes: int = Field(default=8 * MIB, ge=1024)
    http_seconds: float = Field(default=15.0, gt=0, le=300)
    file_bytes: int = Field(default=16 * MIB, ge=1024)
    call_depth: int = Field(default=8, ge=0, le=32)


LESS = "Give it less to do at once: a part of the input, a filter, a smaller range."
"""The advice to the caller of a run that met one of its limits."""


def raise_hint(limit: str, present: float) -> str:
    """Return what the operator can do about a limit of runs, as a sentence; "" where no larger value is allowed."""
    bounds: list[float] = [bound.le for bound in Limits.model_fields[limit].metadata if hasattr(bound, "le")]
    if bounds and present >= min(bounds):
        return ""
    return f" The operator of this server can raise TACIT_LIMITS__{limit.upper()}, which is {present:g}."


class Settings(BaseSettings):
    """Everything that can be set, with its default. Immutable; pass it in, never read the environment."""

    model_config = SettingsConfigDict(
        env_prefix="TACIT_",
        env_nested_delimiter="__",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    data: Folder = Field(default_factory=_default_data)
    files: Folder | None = None
    cache: Folder = Field(default_factory=_default_cache)

    transport: Literal["stdio", "http"] = "stdio"
    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    tokens: tuple[SecretStr, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    agent_token: SecretStr | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"

    grants: Permissions = Permissions(read=(SAMPLE_FILE,), write=(SAMPLE_FILE,), time=True, call=("*",))
    limits: Limits = Limits()
    workers: int = Field(default=8, ge=1, le=64)
    shipped: bool = True

    embedder: Literal["auto", "minilm", "openai", "azure", "none"] = "auto"
    model_folder: Folder | None = None
    similarity_threshold: float | None = Field(default=None, ge=0, le=2)
    duplicate_threshold: float | None = Field(default=None, ge=0, le=2)

    confinement: Literal["auto", "bubblewrap", "landlock", "none"] = "auto"
    toolchain: Folder | None = None
    build_seconds: float = Field(default=120.0, gt=0, le=3600)

    llm: Literal["auto", "openai", "azure", "none"] = "auto"
    llm_model: str | None = Field(default=None, validation_alias=AliasChoices("TACIT_LLM_MODEL", "OPENAI_MODEL"))
    llm_temperature: float | None = Field(default=None, ge=0, le=2)
    llm_reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    llm_seconds: float = Field(default=120.0, gt=0, le=3600)
    llm_retries: int = Field(default=4, ge=0, le=20)
    llm_price_input: float | None = Field(default=None, ge=0)
    llm_price_output: float | None = Field(default=None, ge=0)
    delegate: bool = False
    author_seconds: float = Field(default=900.0, gt=0, le=86_400)
    web_search: Literal["none", "searxng", "brave"] = "none"
    web_search_url: str | None = None
    web_search_api_key: SecretStr | None = None

    openai_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("TACIT_OPENAI_API_KEY", "OPENAI_API_KEY")
    )
    openai_base_url: str | None = Field(
        default=None, validation_alias=AliasChoices("TACIT_OPENAI_BASE_URL", "OPENAI_BASE_URL")
    )
    openai_embedding_model: str = Field(
        default="text-embedding-3-small",
        validation_alias=AliasChoices("TACIT_OPENAI_EMBEDDING_MODEL", "OPENAI_EMBEDDING_MODEL"),
    )
    azure_endpoint: str | None = Field(
        default=None, validation_alias=AliasChoices("TACIT_AZURE_ENDPOINT", "FOUNDRY_ENDPOINT")
    )
    azure_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("TACIT_AZURE_API_KEY", "FOUNDRY_API_KEY")
    )
    azure_embed_deployment: str = Field(
        default="text-embedding-3-small",
        validation_alias=AliasChoices("TACIT_AZURE_EMBED_DEPLOYMENT", "FOUNDRY_EMBED_DEPLOYMENT"),
    )
    azure_chat_deployment: str | None = Field(
        default=None, validation_alias=AliasChoices("TACIT_AZURE_CHAT_DEPLOYMENT", "FOUNDRY_CHAT_DEPLOYMENT")
    )
    azure_api_version: str = Field(
        default="2024-12-01-preview",
        validation_alias=AliasChoices("TACIT_AZURE_API_VERSION", "FOUNDRY_API_VERSION"),
    )

    @field_validator("files")
    @classmethod
    def _keep_files_apart(cls, files: Path | None, info: ValidationInfo) -> Path | None:
        """Refuse a files folder in which capabilities would reach the database or other state of Tacit's."""
        data: Path | None = info.data.get("data")
        if files is not None and data is not None:
            place, own = Path(os.path.realpath(files)), Path(os.path.realpath(data))
            if place == own or any(place.is_relative_to(own / name) for name in _OWN_FOLDERS):
                raise ValueError(f"{files} is where Tacit keeps its own data; name another folder")
        return files

    @property
    def files_folder(self) -> Path:
        """The folder that capabilities' file paths are relative to."""
        return self.files or self.data / "files"

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Read the settings; `overrides` that are not None win over the environment.

        Raises `InvalidSettings`, which names each setting and what was wrong with it.
        """
        given = {name: value for name, value in overrides.items() if value is not None}
        try:
            return cls(**given)  # pyright: ignore[reportArgumentType]  # validated by pydantic
        except (ValidationError, SettingsError) as error:
            problems = problems_in(error) if isinstance(error, ValidationError) else f"{error}: {error.__cause__}"
            raise InvalidSettings(
                f"The settings are not valid: {problems}.", hint="docs/settings.md has the form of each."
            ) from error


def inherited_environment() -> dict[str, str]:
    """Return this process's environment, for a server of our own that is to have the same settings."""
    return dict(os.environ)


def client_config_folder() -> Path:
    """Return where this system's desktop programs, such as Claude Desktop, keep their configuration."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
