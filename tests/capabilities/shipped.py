"""What the shipped capabilities' folders say: read here once for all tests of them."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter

from tacit.models import Manifest, TestCase

FOLDER = Path(__file__).resolve().parents[2] / "capabilities"
IDS = sorted(meta.parent.name for meta in FOLDER.glob("*/meta.json"))
PROGRAMS = sorted(source.parents[1].name for source in FOLDER.glob("*/src/main.program"))
MODULES = sorted(set(IDS) - set(PROGRAMS))
"""The capabilities in Rust."""
CASES = TypeAdapter(tuple[TestCase, ...])


def manifest(capability: str) -> Manifest:
    """Read a capability's `meta.json`, which must be a valid manifest."""
    return Manifest.model_validate_json((FOLDER / capability / "meta.json").read_text(encoding="utf-8"))


def cases(capability: str) -> tuple[TestCase, ...]:
    """Read a capability's `tests.json`, which must be valid test cases."""
    return CASES.validate_json((FOLDER / capability / "tests.json").read_text(encoding="utf-8"))


def workspace_members() -> list[str]:
    """Return the packages of the Cargo workspace that are capabilities."""
    metas = (FOLDER / "Cargo.toml").read_text(encoding="utf-8")
    listed = metas.partition("members = [")[2].partition("]")[0]
    return sorted(json.loads(f"[{listed.strip().rstrip(',')}]")[1:])
