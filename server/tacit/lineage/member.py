"""A version as its lineage sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tacit.models import Effect, Manifest, Status, TestCase


@dataclass(frozen=True, slots=True)
class Member:
    """One version in a lineage.

    `parent` is the `id@version` that it was made from, whether or not that is known here; `offered` says that
    running its id without a version runs it. `author` is `caller`, `shipped`, `import` or a model's name, `task` what
    it was made for in a user's words, `cause` what a repair found wrong with its parent. `created` is in milliseconds.
    `effects` are those that it was registered with, `gained` those that what it calls gave it since.
    """

    id: str
    version: int
    parent: str | None
    status: Status
    offered: bool
    author: str
    created: int
    effects: frozenset[Effect]
    manifest: Manifest
    source: Mapping[str, str]
    tests: tuple[TestCase, ...]
    task: str = ""
    cause: str = ""
    gained: frozenset[Effect] = frozenset()

    @property
    def name(self) -> str:
        """Its id and number, as `get_salary@3`."""
        return f"{self.id}@{self.version}"

    @property
    def standing(self) -> str:
        """`offered`, or its status where it is not."""
        return "offered" if self.offered and self.status is Status.ACTIVE else str(self.status)
