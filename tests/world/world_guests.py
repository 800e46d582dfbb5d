"""Small real guests, written in WebAssembly text: each makes some host calls and prints what it got as JSON."""

from __future__ import annotations

from functools import cache

import wasmtime

_START = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "host" "result_read" (func $result_read (param i32 i32) (result i32)))
  {imports}
  (memory (export "memory") 4)
  (data (i32.const 1000) "{subject}")
  (data (i32.const 3000) "{data}")
  (global $code (mut i64) (i64.const 0))
  (func $print (param $from i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $print_code (param $code i64)
    (i32.store8 (i32.const 100) (i32.const 45))
    (i32.store8 (i32.const 101) (i32.sub (i32.const 48) (i32.wrap_i64 (local.get $code))))
    (call $print (i32.const 100) (i32.const 2)))
  (func $print_result (param $length i64)
    (if (i64.lt_s (local.get $length) (i64.const 0))
      (then (call $print_code (local.get $length)) (return)))
    (call $print (i32.const 5000) (call $result_read (i32.const 5000) (i32.const 100000))))
  (func (export "_start") (local $length i64) {body}))
"""

_ASKS = '(import "host" "{0}" (func ${0} (param i32 i32) (result i64)))'
_GIVES = '(import "host" "{0}" (func ${0} (param i32 i32 i32 i32) (result i64)))'


def _escaped(text: str) -> str:
    return "".join(f"\\{byte:02x}" for byte in text.encode())


@cache
def _compile(imports: str, body: str, subject: str, data: str = "") -> bytes:
    text = _START.format(imports=imports, body=body, subject=_escaped(subject), data=_escaped(data))
    return bytes(wasmtime.wat2wasm(text))


def asks(function: str, subject: str) -> bytes:
    """A guest that calls `http_get` or `file_read` and prints the result, or the negative code."""
    length = len(subject.encode())
    body = f"(call $print_result (call ${function} (i32.const 1000) (i32.const {length})))"
    return _compile(_ASKS.format(function), body, subject)


def gives(function: str, subject: str, data: str) -> bytes:
    """A guest that calls `file_write` or `capability_call` and prints the result (of a write the data), or the code."""
    size = len(data.encode())
    arguments = f"(i32.const 1000) (i32.const {len(subject.encode())}) (i32.const 3000) (i32.const {size})"
    show = "(call $print_result (local.get $length))"
    if function == "file_write":
        show = f"""(if (i64.eqz (local.get $length))
          (then (call $print (i32.const 3000) (i32.const {size}))) (else {show}))"""
    body = f"(local.set $length (call ${function} {arguments})) {show}"
    return _compile(_GIVES.format(function), body, subject, data)


def grows(path: str) -> bytes:
    """A guest that reads a file, writes it back one digit longer, and prints what it wrote."""
    size = len(path.encode())
    body = f"""
      (local.set $length (call $file_read (i32.const 1000) (i32.const {size})))
      (drop (call $result_read (i32.const 5000) (i32.const 100000)))
      (i32.store8 (i32.add (i32.const 5000) (i32.wrap_i64 (local.get $length))) (i32.const 49))
      (drop (call $file_write (i32.const 1000) (i32.const {size}) (i32.const 5000)
        (i32.add (i32.wrap_i64 (local.get $length)) (i32.const 1))))
      (call $print (i32.const 5000) (i32.add (i32.wrap_i64 (local.get $length)) (i32.const 1)))"""
    return _compile(_ASKS.format("file_read") + _GIVES.format("file_write"), body, path)


def writes_then_traps(path: str) -> bytes:
    """A guest that writes a file and then traps."""
    size = len(path.encode())
    body = f"""(drop (call $file_write (i32.const 1000) (i32.const {size}) (i32.const 1000) (i32.const 1)))
      unreachable"""
    return _compile(_GIVES.format("file_write"), body, path)


def tells_time() -> bytes:
    """A guest that reads the clock and prints 1 for the time 42, else 0."""
    body = """
      (i32.store8 (i32.const 100) (i32.add (i32.const 48) (i64.eq (call $now) (i64.const 42))))
      (call $print (i32.const 100) (i32.const 1))"""
    return _compile('(import "host" "current_time_millis" (func $now (result i64)))', body, "")


def echoes() -> bytes:
    """A guest that prints its input."""
    body = """
      (i32.store (i32.const 0) (i32.const 5000))
      (i32.store (i32.const 4) (i32.const 100000))
      (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (call $print (i32.const 5000) (i32.load (i32.const 8)))"""
    return _compile("", body, "")
