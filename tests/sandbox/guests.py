"""Guests as WebAssembly text, and the small world that they run in."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import wasmtime

from tacit.config import MIB, Limits
from tacit.sandbox import Cancellation, Execution, Sandbox, World
from tacit.sandbox.world import Called, FailureCode, HostFailure

LIMITS = Limits(
    energy=200_000_000,
    wall_seconds=20.0,
    memory_bytes=4 * MIB,
    stack_bytes=128 * 1024,
    stdout_bytes=64 * 1024,
    stderr_bytes=16 * 1024,
    input_bytes=64 * 1024,
    file_bytes=64 * 1024,
    http_bytes=64 * 1024,
    host_calls=10,
    call_depth=3,
)
"""Small ones, so that every limit is reached soon."""

ENDLESS = LIMITS.model_copy(update={"energy": 1 << 60})
"""The same with energy for a loop that something else has to end: `LIMITS` has enough for a tenth of a second."""

IMPORTS = """
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "host" "http_get" (func $http_get (param i32 i32) (result i64)))
  (import "host" "file_read" (func $file_read (param i32 i32) (result i64)))
  (import "host" "file_write" (func $file_write (param i32 i32 i32 i32) (result i64)))
  (import "host" "capability_call" (func $call (param i32 i32 i32 i32) (result i64)))
  (import "host" "current_time_millis" (func $now (result i64)))
  (import "host" "result_read" (func $result (param i32 i32) (result i32)))
"""

LIBRARY = """
  (func $put (param $fd i32) (param $pointer i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $pointer))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $print (param $pointer i32) (param $length i32)
    (call $put (i32.const 1) (local.get $pointer) (local.get $length)))
  (func $print_number (param $value i64)
    (local $at i32) (local $negative i32)
    (if (i64.lt_s (local.get $value) (i64.const 0))
      (then (local.set $negative (i32.const 1)) (local.set $value (i64.sub (i64.const 0) (local.get $value)))))
    (local.set $at (i32.const 64))
    (loop $digits
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 48)
        (i32.wrap_i64 (i64.rem_u (local.get $value) (i64.const 10)))))
      (br_if $digits (i64.ne (i64.const 0)
        (local.tee $value (i64.div_u (local.get $value) (i64.const 10))))))
    (if (local.get $negative)
      (then (local.set $at (i32.sub (local.get $at) (i32.const 1))) (i32.store8 (local.get $at) (i32.const 45))))
    (call $print (local.get $at) (i32.sub (i32.const 64) (local.get $at))))
  (func $print_errno (param $value i32) (call $print_number (i64.extend_i32_u (local.get $value))))
  (func $read (param $pointer i32) (param $capacity i32) (result i32)
    (i32.store (i32.const 0) (local.get $pointer))
    (i32.store (i32.const 4) (local.get $capacity))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.load (i32.const 8)))
"""

ECHO = "(call $print (i32.const 1024) (call $read (i32.const 1024) (i32.const 60000)))"
"""Print stdin."""
LOOP = "(loop $again (br $again))"
"""Never end."""


@functools.cache
def guest(body: str, *, data: str = "", extra: str = "", pages: int = 1) -> bytes:
    """Return a command that runs `body`; `data` lies at address 1024, addresses under 64 are the library's."""
    return module(f"""
      (module {IMPORTS}
        (memory (export "memory") {pages})
        (data (i32.const 1024) "{data}")
        {LIBRARY} {extra}
        (func (export "_start") {body}))
    """)


@functools.cache
def module(text: str) -> bytes:
    """Return any module, assembled from its text."""
    return bytes(wasmtime.wat2wasm(text))


def printing(text: str) -> bytes:
    """Return a command that prints `text`."""
    escaped = "".join(f"\\{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))
    return guest(f"(call $print (i32.const 1024) (i32.const {len(escaped) // 3}))", data=escaped)


def digest_of(wasm: bytes) -> str:
    """Return what a module is known by."""
    return hashlib.sha256(wasm).hexdigest()


@dataclass
class SmallWorld:
    """Answers from what it was given and keeps what it was asked."""

    answer: bytes = b""
    called: Callable[[str, bytes], bytes] | None = None
    asked: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])
    spends: int = 0
    allowed: list[int] = field(default_factory=list[int])

    def http_get(self, url: str) -> bytes:
        """Return the answer."""
        self.asked.append(("http_get", url))
        return self.answer

    def file_read(self, path: str) -> bytes:
        """Return the answer, or fail for a path that begins with `missing`."""
        self.asked.append(("file_read", path))
        if path.startswith("missing"):
            raise HostFailure(FailureCode.NOT_FOUND, f"there is no {path}")
        return self.answer

    def file_write(self, path: str, data: bytes) -> None:
        """Keep what was written."""
        self.asked.append(("file_write", path, data))

    def capability_call(self, capability: str, data: bytes, energy: int) -> Called:
        """Return the answer, or what `called` gives, for `spends` energy; keep what was allowed in `allowed`."""
        self.asked.append(("capability_call", capability, data))
        self.allowed.append(energy)
        return Called(self.called(capability, data) if self.called else self.answer, self.spends)

    def delegate(self, agent: str, task: str) -> bytes | None:
        """Return the answer."""
        self.asked.append(("delegate", agent, task))
        return self.answer or None

    def observe(self, name: str, data: bytes) -> None:
        """Keep what was observed."""
        self.asked.append(("observe", name, data))

    def current_time_millis(self) -> int:
        """Return a fixed time."""
        self.asked.append(("current_time_millis",))
        return 1_700_000_000_123

    def clock_time_get(self, now: int) -> int:
        """Return the run's start."""
        self.asked.append(("clock_time_get",))
        return now


class Run(Protocol):
    """The fixture `run`: runs a guest in the shared sandbox."""

    def __call__(
        self,
        wasm: bytes,
        stdin: bytes = b"",
        world: World | None = None,
        *,
        energy: int | None = None,
        now_millis: int = 0,
        seed: bytes = b"",
        cancellation: Cancellation | None = None,
        wall_seconds: float | None = None,
    ) -> Execution: ...


def run_with_energy(wasm: bytes, world: SmallWorld, **options: Any) -> Execution:
    """Run a guest that does not end for want of energy."""
    with Sandbox(ENDLESS, workers=1) as sandbox:
        return sandbox.run(sandbox.load(digest_of(wasm), lambda: wasm), b"", world, **options)
