"""`tacit shell` and `tacit stats` as processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "tacit.cli"]
ADD = """\
push 1
push 2
call add 2
store sum
observe sum
return
"""
Done = subprocess.CompletedProcess[str]
Shell = Callable[..., Done]


def stats(data: Path) -> dict[str, Any]:
    """Return what `tacit stats --json` prints."""
    done = subprocess.run(
        [*COMMAND, "stats", "--json", "--data", str(data)], check=True, capture_output=True, text=True, timeout=60
    )
    return json.loads(done.stdout)


def session_of(data: Path, done: Done) -> dict[str, Any]:
    """Return the stats of the session that a shell's `status` named."""
    name = done.stdout.partition("session")[2].split()[0]
    return next(each for each in stats(data)["sessions"] if each["session"] == name)
