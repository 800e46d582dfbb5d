"""Pruning: archiving what was superseded, is not used, or never worked. Nothing is deleted, all can be restored."""

from __future__ import annotations

from typing import Any

from tacit.catalog import Catalog
from tacit.learning import Policies


class Pruner:
    """Plans and carries out sweeps; thread-safe."""

    def __init__(self, catalog: Catalog, policies: Policies) -> None:
        self._catalog = catalog
        self._policies = policies

    def prune(self, *, dry_run: bool, actor: str) -> list[dict[str, Any]]:
        """Archive what the policy `pruning` says, or with `dry_run` only say so; return it."""
        raise NotImplementedError
