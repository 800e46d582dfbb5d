"""Modules, manifests and tests to register, and programs that register them elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from wasmtime import wat2wasm

from tacit.catalog import Catalog, Version
from tacit.models import Effect, Manifest, TestCase

SOURCE = {"main.rs": "fn main() {}\n", "parsing/dates.rs": "// ünïcode\n"}
TESTS = (TestCase.model_validate({"name": "works", "input": {"a": 1}, "expect": {"output": {"b": 2}}}),)


@lru_cache
def module(number: int = 1) -> bytes:
    """Return a module without effects; each number gives another."""
    return bytes(
        wat2wasm(f'(module (memory (export "memory") 1) (global i32 (i32.const {number})) (func (export "_start")))')
    )


def manifest(capability: str = "count_words", **changes: Any) -> Manifest:
    """Return a manifest, with some fields changed."""
    values: dict[str, Any] = {
        "id": capability,
        "summary": "Counts the words of a text.",
        "input_schema": {"type": "object", "properties": {"text": {"type": "string"}}},
        "examples": ("How many words are in this text?",),
    }
    return Manifest.model_validate({**values, **changes})


def register(catalog: Catalog, capability: str = "count_words", number: int = 1, **changes: Any) -> Version:
    """Register a version whose module is `module(number)`."""
    arguments: dict[str, Any] = {"effects": (), "author": "caller", "toolchain": "rustc 1.85.1", **changes}
    return catalog.register(manifest(capability), SOURCE, module(number), TESTS, **arguments)


def pure(_: bytes) -> frozenset[Effect]:
    """Say of every module that it has no effects."""
    return frozenset()


def write_capability(home: Path, capability: str = "count_words", number: int = 1, **meta: Any) -> Path:
    """Write a valid capability's folder, with some fields of `meta.json` changed."""
    (home / "src").mkdir(parents=True)
    write_meta(home, capability, **meta)
    (home / "tests.json").write_text(json.dumps([{"name": "works", "input": 1, "expect": {"output": 2}}]))
    (home / "src" / "main.rs").write_text("fn main() {}\n")
    (home / f"{capability}.wasm").write_bytes(module(number))
    return home


def write_meta(home: Path, capability: str, **meta: Any) -> None:
    """Write the `meta.json` of a capability's folder, with some fields changed."""
    document = {**manifest(capability).model_dump(mode="json"), "binary": f"{capability}.wasm", **meta}
    (home / "meta.json").write_text(json.dumps(document))


def start_script(script: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """Start Python code in a process of its own that may import these samples; its stdin and stdout are pipes."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{script}"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
