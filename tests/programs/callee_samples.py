"""Capabilities for programs to call and to be called by: small real guests and programs, kept past the builder."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import wasmtime

from tacit.app import App
from tacit.catalog import Version
from tacit.models import Effect, Expectation, Manifest, TestCase
from tacit.programs.builtins import BUILTINS
from tacit.programs.compiler import compile_source
from tacit.sandbox import effects_of

_GUEST = """(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  {imports}
  (memory (export "memory") 4)
  (data (i32.const 1000) "{subject}")
  (func $print (param $from i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start") (local $size i32) (local $length i64) (local $left i32)
    (i32.store (i32.const 0) (i32.const 5000))
    (i32.store (i32.const 4) (i32.const 60000))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (local.set $size (i32.load (i32.const 8)))
    {body}))
"""
_GIVES = """(import "host" "{0}" (func $give (param i32 i32 i32 i32) (result i64)))
  (import "host" "result_read" (func $result_read (param i32 i32) (result i32)))"""
_GIVE = "(local.set $length (call $give (i32.const 1000) (i32.const {0}) (i32.const 5000) (local.get $size)))"


@cache
def echoes(rounds: int = 0) -> bytes:
    """A guest that prints its input, after so many rounds of a loop."""
    body = f"""
      (local.set $left (i32.const {rounds}))
      (loop $again
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $again (i32.gt_s (local.get $left) (i32.const 0))))
      (call $print (i32.const 5000) (local.get $size))"""
    return _compiled("", body, "")


@cache
def traps() -> bytes:
    """A guest that traps."""
    return _compiled("", "unreachable", "")


@cache
def calls(capability: str, *, times: int = 1) -> bytes:
    """A guest that calls a capability with its own input so often, and prints the last output, or the code."""
    give = _GIVE.format(len(capability))
    body = f"""{give * times}
      (if (i64.lt_s (local.get $length) (i64.const 0))
        (then
          (i32.store8 (i32.const 100) (i32.const 45))
          (i32.store8 (i32.const 101) (i32.sub (i32.const 48) (i32.wrap_i64 (local.get $length))))
          (call $print (i32.const 100) (i32.const 2)))
        (else (call $print (i32.const 5000) (call $result_read (i32.const 5000) (i32.const 60000)))))"""
    return _compiled(_GIVES.format("capability_call"), body, capability)


@cache
def writes(path: str) -> bytes:
    """A guest that writes its input to a file and prints it."""
    body = f"{_GIVE.format(len(path))} (call $print (i32.const 5000) (local.get $size))"
    return _compiled(_GIVES.format("file_write"), body, path)


def add_guest(app: App, capability: str, wasm: bytes, **permissions: Any) -> Version:
    """Register a guest with those permissions."""
    return _register(app, capability, wasm, permissions, effects_of(wasm), language="rust")


def add_program(app: App, capability: str, source: str, **schemas: Any) -> Version:
    """Register a program that may call what it calls; its effects are those of its callees as far as they are there."""
    callees = sorted(compile_source(source).calls - {*BUILTINS, "input"})
    known = [app.catalog.get(name).effects for name in callees if name in app.catalog.ids()]
    effects = {Effect.CALLS, *(each for some in known for each in some)} if callees else set[Effect]()
    return _register(app, capability, source.encode(), {"call": callees}, effects, language="program", **schemas)


def _register(
    app: App, capability: str, module: bytes, permissions: dict[str, Any], effects: Iterable[Effect], **fields: Any
) -> Version:
    given = {"id": capability, "summary": f"Does what {capability} does.", "permissions": permissions, **fields}
    source = {"main.program": module.decode()} if fields["language"] == "program" else {"main.wat": ""}
    test = TestCase(name="one", input=1, expect=Expectation(output=1))
    return app.catalog.register(
        Manifest.model_validate(given), source, module, (test,), effects=effects, author="caller", toolchain="none"
    )


def _compiled(imports: str, body: str, subject: str) -> bytes:
    return bytes(wasmtime.wat2wasm(_GUEST.format(imports=imports, body=body, subject=subject)))
