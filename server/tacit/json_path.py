"""Where in a JSON value something is, as every message says it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def path_of(parts: Sequence[str | int]) -> str:
    """Return `$.orders[2].id` for `["orders", 2, "id"]`; names that are no identifiers are quoted."""
    shown = "$"
    for part in parts:
        if isinstance(part, int):
            shown += f"[{part}]"
        elif _NAME.fullmatch(part):
            shown += f".{part}"
        else:
            shown += f"[{json.dumps(part, ensure_ascii=False)}]"
    return shown
