"""The agent under test: its command, and its environment with a scripted model."""

from __future__ import annotations

import os
import sys
from typing import Any

from scripted_llm import ScriptedLlm

COMMAND = [sys.executable, "-m", "tacit.cli", "agent"]


def environment(llm: ScriptedLlm | None = None, **settings: Any) -> dict[str, str]:
    """Return the environment of a process that asks `llm`, with further settings by their field names.

    Search goes by words unless they say otherwise: loading the model and embedding every card takes seconds.
    """
    given = {"embedder": "none", **(llm.settings() if llm else {}), **settings}
    return {**os.environ, "COLUMNS": "100", **{f"TACIT_{name.upper()}": str(value) for name, value in given.items()}}
