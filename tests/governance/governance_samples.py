"""Small real guests, and capabilities made of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import count
from typing import Any

import wasmtime

from tacit.app import App
from tacit.catalog import Version
from tacit.models import Expectation, Manifest, Permissions, TestCase
from tacit.sandbox import effects_of
from tacit.store import RunRecord, Store
from tacit.store.ids import EPOCH_MICROS, TAG_BITS

OpenApp = Callable[..., App]

DAY = 86_400_000
_tags = count()
NOW = 1_900_000_000_000
"""The time, in milliseconds, that sweeps of the tests are planned for."""

_GUEST = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  {imports}
  (memory (export "memory") 4)
  (data (i32.const 1000) "{subject}")
  (data (i32.const 3000) "{data}")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 3000))
    (i32.store (i32.const 4) (i32.const {size}))
    {body}
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
"""
_ASK = """
    (drop (call $ask (i32.const 1000) (i32.const {length})))
    (i32.store (i32.const 0) (i32.const 5000))
    (i32.store (i32.const 4) (call $result_read (i32.const 5000) (i32.const 100000)))"""
_GIVE = "(drop (call $give (i32.const 1000) (i32.const {length}) (i32.const 3000) (i32.const {size})))"


@cache
def says(text: str) -> bytes:
    """Return a guest without effects that prints a JSON text."""
    return _compiled("", "", "", text)


@cache
def asks(function: str, subject: str) -> bytes:
    """Return a guest that prints what `file_read` or `http_get` answers about the subject."""
    imports = f"""(import "host" "{function}" (func $ask (param i32 i32) (result i64)))
      (import "host" "result_read" (func $result_read (param i32 i32) (result i32)))"""
    return _compiled(imports, _ASK.format(length=len(subject)), subject, "")


@cache
def gives(function: str, subject: str, data: str) -> bytes:
    """Return a guest that hands data to `file_write` or `capability_call`, and prints the data."""
    imports = f"""(import "host" "{function}" (func $give (param i32 i32 i32 i32) (result i64)))"""
    return _compiled(imports, _GIVE.format(length=len(subject), size=len(data)), subject, data)


def _compiled(imports: str, body: str, subject: str, data: str) -> bytes:
    quoted = data.replace('"', '\\"')
    text = _GUEST.format(imports=imports, body=body, subject=subject, data=quoted, size=len(data))
    return bytes(wasmtime.wat2wasm(text))


def add(app: App, capability: str, wasm: bytes, permissions: Permissions | None = None, **options: Any) -> Version:
    """Register a version with that module and those permissions."""
    manifest = Manifest(
        id=capability, summary=f"Does what {capability} does.", permissions=permissions or Permissions()
    )
    test = TestCase(name="one", input=1, expect=Expectation(output=1))
    arguments: dict[str, Any] = {"effects": effects_of(wasm), "author": "caller", "toolchain": "wat", **options}
    return app.catalog.register(manifest, {"main.wat": ""}, wasm, (test,), **arguments)


def ran(store: Store, capability: str, version: int, days_ago: float, *, well: bool = True) -> None:
    """Record a run of so many days before `NOW`."""
    micros = int((NOW - days_ago * DAY) * 1000) - EPOCH_MICROS
    run_id = f"{micros << TAG_BITS | next(_tags):016x}"
    error = None if well else {"code": "trap", "message": "It trapped."}
    store.runs.record(RunRecord(run_id, capability, version, b"1", b"1", error, b"", 1, 1, 0.1, 0))
