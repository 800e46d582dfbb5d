"""What is asked for."""

from __future__ import annotations

from typing import Any

from tacit.models.base import CapabilityId, JsonSchema, Language, Model
from tacit.models.cases import TestCase
from tacit.models.permissions import Permissions


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
