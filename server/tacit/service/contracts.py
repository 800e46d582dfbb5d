"""The contracts of capabilities: what those see of them that call them, or whose tests say what they answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress

from tacit.catalog import Catalog
from tacit.errors import StoreDamaged, UnknownCapability
from tacit.models import ID_PATTERN, Contract

_ID = re.compile(ID_PATTERN)


def contracts_of(catalog: Catalog, names: Iterable[str]) -> dict[str, Contract]:
    """Return the contracts that the current versions have now, of those of the ids that there are, and whole."""
    found: dict[str, Contract] = {}
    for name in filter(_ID.fullmatch, names):
        with suppress(UnknownCapability, StoreDamaged):
            manifest = catalog.get(name).manifest
            found[name] = Contract(
                summary=manifest.summary, input_schema=manifest.input_schema, output_schema=manifest.output_schema
            )
    return found
