"""The shipped capabilities as they are in the repository, and a sandbox to run their modules in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shipped import FOLDER, PROGRAMS

from tacit.config import Limits
from tacit.sandbox import Guest
from tacit.sandbox.engine import Sandbox


@pytest.fixture(scope="session")
def employees() -> dict[str, dict[str, object]]:
    """The records of the employee database, by id."""
    return json.loads((FOLDER / "employee_database.json").read_text(encoding="utf-8"))["employees"]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox with the default limits."""
    with Sandbox(Limits(), workers=1) as opened:
        yield opened


@pytest.fixture(scope="session")
def load(sandbox: Sandbox) -> Callable[[str], Guest]:
    """Load a shipped capability's module, as set-up built it, or its program."""

    def loading(capability: str) -> Guest:
        home: Path = FOLDER / capability
        composite = capability in PROGRAMS
        module = (home / "src/main.program" if composite else home / f"{capability}.wasm").read_bytes()
        digest = hashlib.sha256(module).hexdigest()
        return sandbox.load(digest, lambda: module, language="program" if composite else "rust")

    return loading
