"""Ids that look like one that does not exist."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from tacit.errors import UnknownCapability

_LONGEST = 64


def closest_ids(wanted: str, ids: Sequence[str], count: int = 3) -> list[str]:
    """Return the `count` ids most like `wanted`, best first, however little they resemble it."""
    plain = wanted[:_LONGEST].strip().lower().replace("-", "_").replace(" ", "_")
    return get_close_matches(plain, ids, n=count, cutoff=0.0)


def unknown_capability(wanted: str, ids: Sequence[str]) -> UnknownCapability:
    """Return the error for an id that does not exist, naming the closest that do."""
    found = closest_ids(wanted, ids)
    closest = f"Closest: {', '.join(found)}. " if found else ""
    hint = f"{closest}Find one by what it does with search_capabilities."
    return UnknownCapability(f"There is no capability {wanted[:_LONGEST]!r}.", hint=hint, details={"closest": found})
