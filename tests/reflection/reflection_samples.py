"""Attempts made by hand, a small module that traps on purpose, and a capability with a bug to be mended."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import wasmtime
from authors import played, write
from scripted_llm import Author, Says, call

from tacit.app import App
from tacit.catalog import Closure, Version
from tacit.errors import TacitError
from tacit.models import Effect, Expectation, Manifest, MutateRequest, Permissions, Status, TestCase
from tacit.sandbox import Allowance, Cancellation, Execution, HostCall, effects_of
from tacit.schemas.validator import compile_schema
from tacit.service.attempt import Attempt, Budget, Frame
from tacit.service.prepared import Prepared

OpenApp = Callable[..., App]

ECHO = """
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $left i32)
    (local.set $left (i32.const 1000000))
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 100))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (if (i32.eq (i32.load8_u (i32.const 64)) (i32.const 48)) (then (unreachable)))
    (if (i32.eq (i32.load8_u (i32.const 64)) (i32.const 57)) (then (loop $on (br $on))))
    (if (i32.eq (i32.load8_u (i32.const 64)) (i32.const 53)) (then (loop $next
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $next (local.get $left)))))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
"""
"""Gives its input back: at once, after a million turns where it begins with 5, never where it begins with 9.

Where it begins with 0, it traps.
"""

STEADY = ECHO.replace("i32.const 48", "i32.const 300").replace("i32.const 57", "i32.const 300")
"""The same, which neither traps nor loops."""

TRAPS = 0
ALL_TRAP = (0, 0.5, 0.25)
SLOW = 5
LOOPS = 9


def add_echo(app: App, *, note: str = "as it came", parent: str | None = None, source: str = ECHO) -> Version:
    """Register a version of `echo_back`; another `note` makes another version."""
    wasm = bytes(wasmtime.wat2wasm(source))
    manifest = Manifest(id="echo_back", summary=f"Give a number back {note}.", parent=parent)
    test = TestCase(name="one", input=1, expect=Expectation(output=1))
    return app.catalog.register(
        manifest, {"main.wat": source}, wasm, (test,), effects=effects_of(wasm), author="test", toolchain="wat"
    )


CALLS_ECHO = """
(module
  (import "host" "capability_call" (func $call (param i32 i32 i32 i32) (result i64)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "echo_back")
  (data (i32.const 120) "0")
  (data (i32.const 130) "{\\"error\\":{\\"code\\":\\"callee\\",\\"message\\":\\"It failed.\\"}}")
  (func (export "_start")
    (drop (call $call (i32.const 100) (i32.const 9) (i32.const 120) (i32.const 1)))
    (i32.store (i32.const 0) (i32.const 130))
    (i32.store (i32.const 4) (i32.const 50))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
"""
"""Calls `echo_back` on what that traps on, and reports an error of its own."""


def add_caller(app: App) -> Version:
    """Register `call_echo`, which may call `echo_back` where the operator grants it."""
    wasm = bytes(wasmtime.wat2wasm(CALLS_ECHO))
    permissions = Permissions(call=("echo_back",))
    manifest = Manifest(id="call_echo", summary="Call another capability and fail.", permissions=permissions)
    return app.catalog.register(
        manifest, {"main.wat": CALLS_ECHO}, wasm, (), effects=effects_of(wasm), author="test", toolchain="wat"
    )


def fail(app: App, data: Any = TRAPS, **options: Any) -> TacitError:
    """Run `echo_back` on what it fails on, and return the error."""
    try:
        app.service.run("echo_back", data, **options)
    except TacitError as error:
        return error
    raise AssertionError("the run went well")


def fail_widely(app: App, sessions: Sequence[str | None] = ("one", "two")) -> list[TacitError]:
    """Run `echo_back` on several inputs that it fails on, in these sessions by turns, and return the errors."""
    turns = zip(ALL_TRAP, itertools.cycle(sessions), strict=False)
    return [fail(app, data, session=session) for data, session in turns]


def in_a_row(app: App, number: int = 1) -> int:
    """Return on how many inputs in a row that version of `echo_back` has failed."""
    return app.catalog.store.health.get("echo_back", number).failing


def version(tests: tuple[TestCase, ...] = ()) -> Version:
    """Return a pure version that is offered, with these tests."""
    return Version(
        id="calculate_share",
        version=1,
        status=Status.ACTIVE,
        capability_status=Status.ACTIVE,
        successor=None,
        manifest=Manifest(id="calculate_share", summary="Calculate a part's share of a total in percent."),
        effects=frozenset(),
        source={"main.rs": ""},
        tests=tests,
        digest="0" * 64,
        content_hash="0" * 64,
        parent=None,
        author="test",
        toolchain="none",
        created=0,
    )


def attempt(
    failure: TacitError | None,
    *,
    depth: int = 0,
    energy: int = 100,
    calls: Sequence[HostCall] = (),
    tests: tuple[TestCase, ...] = (),
    effects: frozenset[Effect] = frozenset(),
    text: bytes = b"null",
) -> Attempt:
    """Return an attempt that ended with `failure`, or well, and was allowed `energy` of the 100 units there are."""
    anything: dict[str, Any] = {}
    prepared = Prepared(
        replace(version(tests), effects=effects),
        compile_schema(anything),
        compile_schema(anything),
        Permissions(),
        Allowance(Permissions()),
        Closure(effects, (), boundless=False, pure=not effects, key="0" * 64),
    )
    path = ("calculate_share",) * (depth + 1)
    frame = Frame("0" * 16, None, path, None, Budget(energy, 0.0), 100, None, Cancellation())
    return Attempt(prepared, text, frame, Execution(b"", None, "", 1, 0.1, failure), list(calls), energy, 0)


SHARE_BUGGY = """
use capability_common::{run, Error};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input { part: i64, total: i64 }

#[derive(Serialize)]
struct Output { percent: i64 }

fn share(input: Input) -> Result<Output, Error> {
    Ok(Output { percent: input.part * 100 / input.total })
}

fn main() { run(share) }
"""
SHARE_MENDED = SHARE_BUGGY.replace(
    "    Ok(Output",
    "    if input.total == 0 {\n        return Ok(Output { percent: 0 });\n    }\n    Ok(Output",
)
SHARE_FLATTERING = SHARE_MENDED.replace("input.part * 100 / input.total", "input.part * 100 / input.total / 5 * 5")
"""Mended, and otherwise wrong: it passes the tests, and rounds what recorded runs did not round."""

SHARE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"part": {"type": "integer"}, "total": {"type": "integer"}},
    "required": ["part", "total"],
    "additionalProperties": False,
}
SHARE_TESTS: list[dict[str, Any]] = [
    {"name": "a half", "input": {"part": 1, "total": 2}, "expect": {"output": {"percent": 50}}},
    {"name": "a quarter", "input": {"part": 1, "total": 4}, "expect": {"output": {"percent": 25}}},
]
ZERO_TEST: dict[str, Any] = {
    "name": "nothing has no shares",
    "input": {"part": 1, "total": 0},
    "expect": {"output": {"percent": 0}},
}
CAUSE = "The division by `total` panics where the total is zero, which the input schema allows."


def share(**changes: Any) -> MutateRequest:
    """Return a request that makes `calculate_share`, which fails where the total is zero."""
    arguments: dict[str, Any] = {
        "task": "calculate a share in percent",
        "id": "calculate_share",
        "summary": "Calculate a part's share of a total in whole percent; of a total of zero it is 0.",
        "source": SHARE_BUGGY,
        "input_schema": SHARE_SCHEMA,
        "output_schema": {
            "type": "object",
            "properties": {"percent": {"type": "integer"}},
            "required": ["percent"],
            "additionalProperties": False,
        },
        "tests": SHARE_TESTS,
        "examples": ["What percent of 80 is 20?"],
    }
    return MutateRequest.model_validate({**arguments, **changes})


def share_manifest() -> Manifest:
    """Return the manifest of `calculate_share`."""
    asked = share()
    return Manifest(
        id="calculate_share",
        summary=asked.summary,
        input_schema=asked.input_schema or {},
        output_schema=asked.output_schema or {},
        examples=asked.examples,
    )


def add_share(app: App, module: bytes, examples: tuple[str, ...] = ("What percent of 80 is 20?",)) -> Version:
    """Register `calculate_share` with its bug, and let it go well once."""
    made = app.catalog.register(
        share_manifest().model_copy(update={"examples": examples}),
        {"main.rs": SHARE_BUGGY},
        module,
        share().tests,
        effects=frozenset(),
        author="test",
        toolchain="test",
    )
    app.service.run("calculate_share", {"part": 1, "total": 3})
    return made


def diagnose(test: dict[str, Any] = ZERO_TEST, cause: str = CAUSE, **further: Any) -> Says:
    """Hand in a diagnosis."""
    return call("submit_diagnosis", cause=cause, test=test, **further)


def mend(source: str = SHARE_MENDED) -> list[Says]:
    """Write a source, test it, and complete."""
    return [write(source), call("test"), call("complete")]


def repairer(diagnosis: Sequence[Says] = (), mending: Sequence[Says] = ()) -> Author:
    """Return an author that finds and mends the bug of `calculate_share`, or plays other parts."""
    return played(diagnosis=diagnosis or [diagnose()], implementation=mending or mend())
