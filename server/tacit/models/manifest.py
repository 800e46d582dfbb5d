"""What is known of a capability beside its code."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from tacit.models.base import CapabilityId, JsonSchema, Language, Model, PlainText
from tacit.models.permissions import Permissions

MAX_EXAMPLES = 50
MAX_EXAMPLE = 500
"""Characters of one example task."""

Example = Annotated[PlainText, Field(max_length=MAX_EXAMPLE)]


class Status(StrEnum):
    """Whether a capability or version is offered."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"
    ARCHIVED = "archived"


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
