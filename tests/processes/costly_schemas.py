"""Small schemas that small values are costly to hold against, and a capability that has them."""

from __future__ import annotations

from typing import Any

import wasmtime

from tacit.app import App
from tacit.models import Expectation, Manifest, TestCase
from tacit.sandbox import effects_of

ECHO = """
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 60000))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
"""
"""Gives its input back."""


def doubling(levels: int) -> dict[str, Any]:
    """Return a schema that does its work 2^levels times for each property."""
    schema: dict[str, Any] = {"properties": {"costly": True}}
    for _ in range(levels):
        schema = {"unevaluatedProperties": False, "allOf": [schema]}
    return schema


ENDLESS = {"if": {"required": ["costly"]}, "then": doubling(60)}
"""Takes no time, or what has `costly`, longer than anyone lives."""


def register_echo(app: App, name: str, **schemas: Any) -> None:
    """Register a capability that gives its input back, with those schemas."""
    wasm = bytes(wasmtime.wat2wasm(ECHO))
    manifest = Manifest(id=name, summary="Gives its input back.", **schemas)
    test = TestCase(name="none", expect=Expectation(output=1))
    app.catalog.register(
        manifest, {"main.wat": ECHO}, wasm, (test,), effects=effects_of(wasm), author="test", toolchain="wat"
    )
