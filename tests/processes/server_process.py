"""Servers under test that are processes of their own."""

from __future__ import annotations

import subprocess


def listening_on(process: subprocess.Popen[str]) -> str:
    """Return the address that a server prints on stderr once it listens."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("tacit: listening on "):
            return line.split()[-1]
    raise AssertionError("the server ended before it listened")
