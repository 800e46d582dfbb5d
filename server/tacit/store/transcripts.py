"""Transcripts of authors: what was said to and by a language model, kept as compressed JSON.

Whoever packs one has taken the secrets out before.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any


def pack_transcript(turns: Sequence[dict[str, Any]]) -> bytes:
    """Return turns, each a JSON object, as the store keeps them; no turns are no bytes."""
    return zlib.compress(json.dumps(list(turns), separators=(",", ":")).encode(), 6) if turns else b""


def unpack_transcript(packed: bytes | None) -> list[dict[str, Any]]:
    """Return the turns again; raises `ValueError` when they are damaged."""
    if not packed:
        return []
    try:
        turns: list[dict[str, Any]] = json.loads(zlib.decompress(packed))
    except zlib.error as error:
        raise ValueError("a transcript is damaged") from error
    return turns
