"""Guests that the benchmarks run: the same echo for the sandbox, for bare Wasmtime and for Extism."""

from __future__ import annotations

import wasmtime

WASI_ECHO = """
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 65536))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
"""

EXTISM_ECHO = """
(module
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (memory (export "memory") 2)
  (func (export "echo") (result i32)
    (local $length i64) (local $place i64) (local $at i64)
    (local.set $length (call $input_length))
    (local.set $place (call $alloc (local.get $length)))
    (block $end
      (loop $next
        (br_if $end (i64.ge_u (local.get $at) (local.get $length)))
        (call $store_u8 (i64.add (local.get $place) (local.get $at)) (call $input_load_u8 (local.get $at)))
        (local.set $at (i64.add (local.get $at) (i64.const 1)))
        (br $next)))
    (call $output_set (local.get $place) (local.get $length))
    (i32.const 0)))
"""


def wasm(text: str) -> bytes:
    """Return the module that a WebAssembly text describes."""
    return bytes(wasmtime.wat2wasm(text))
