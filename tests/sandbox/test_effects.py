"""Effects read off imports, and which modules the sandbox refuses."""

from __future__ import annotations

import pytest

from guests import LIMITS, digest_of, module
from tacit.errors import BuildRefused, StoreDamaged
from tacit.models import Effect
from tacit.sandbox import Sandbox, effects_of

WASI = "wasi_snapshot_preview1"
COMMAND = '(memory (export "memory") 1) (func (export "_start"))'


def importing(name: str, kind: str, source: str = "host") -> bytes:
    return module(f'(module (import "{source}" "{name}" {kind}) {COMMAND})')


@pytest.mark.parametrize(
    ("wasm", "effect"),
    [
        (importing("http_get", "(func (param i32 i32) (result i64))"), Effect.NETWORK),
        (importing("file_read", "(func (param i32 i32) (result i64))"), Effect.READS),
        (importing("file_write", "(func (param i32 i32 i32 i32) (result i64))"), Effect.WRITES),
        (importing("capability_call", "(func (param i32 i32 i32 i32) (result i64))"), Effect.CALLS),
        (importing("current_time_millis", "(func (result i64))"), Effect.TIME),
        (importing("clock_time_get", "(func (param i32 i64 i32) (result i32))", WASI), Effect.TIME),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_import_is_an_effect(wasm: bytes, effect: Effect) -> None:
    """Each host function that reaches out gives its effect."""
    assert effects_of(wasm) == {effect}


@pytest.mark.parametrize(
    "wasm",
    [
        module(f"(module {COMMAND})"),
        importing("result_read", "(func (param i32 i32) (result i32))"),
        importing("random_get", "(func (param i32 i32) (result i32))", WASI),
        importing("fd_write", "(func (param i32 i32 i32 i32) (result i32))", WASI),
        importing("path_open", "(func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32))", WASI),
    ],
)
def test_other_imports_are_pure(wasm: bytes) -> None:
    """stdin, stdout, seeded random numbers and what answers ENOSYS are no effects."""
    assert effects_of(wasm) == frozenset()


REFUSED = {
    "another module": importing("abort", "(func)", "env"),
    "an unknown function": importing("shell", "(func (param i32 i32) (result i64))"),
    "an unknown WASI function": importing("thread_spawn", "(func (param i32) (result i32))", WASI),
    "another signature": importing("http_get", "(func (param i64 i64) (result i64))"),
    "another result": importing("fd_write", "(func (param i32 i32 i32 i32) (result i64))", WASI),
    "an imported memory": module('(module (import "host" "memory" (memory 1)) (func (export "_start")))'),
    "an imported global": importing("x", "(global i32)"),
    "an imported table": importing("x", "(table 1 funcref)"),
    "no _start": module('(module (memory (export "memory") 1))'),
    "_start with a parameter": module('(module (memory (export "memory") 1) (func (export "_start") (param i32)))'),
    "_start that is no function": module('(module (memory (export "memory") 1) (memory (export "_start") 1))'),
    "no memory": module('(module (func (export "_start")))'),
    "a memory of another name": module('(module (memory (export "heap") 1) (func (export "_start")))'),
    "two memories": module('(module (memory (export "memory") 1) (memory 1) (func (export "_start")))'),
    "a 64-bit memory": module('(module (memory (export "memory") i64 1) (func (export "_start")))'),
    "a shared memory": module('(module (memory (export "memory") 1 1 shared) (func (export "_start")))'),
    "the sandbox's own name": module(f'(module {COMMAND} (func (export "tacit:growth-refused")))'),
    "a start section": module(f"(module {COMMAND} (func $s) (start $s))"),
    "text": b"(module)",
    "nothing": b"",
    "a component": b"\0asm\x0d\0\x01\0",
    "half a module": module(f"(module {COMMAND})")[:-3],
    "a section twice": module(f"(module {COMMAND})") + b"\x07\x01\x00",
}


@pytest.mark.parametrize("wasm", REFUSED.values(), ids=REFUSED)
def test_a_module_is_refused(wasm: bytes) -> None:
    """What is no plain command of this sandbox is refused at stage imports."""
    with pytest.raises(BuildRefused) as refused:
        effects_of(wasm)
    assert refused.value.stage == "imports"


@pytest.mark.parametrize("wasm", REFUSED.values(), ids=REFUSED)
def test_a_refused_module_is_not_loaded(sandbox: Sandbox, wasm: bytes) -> None:
    """The sandbox refuses to load it as well, should it ever get that far."""
    with pytest.raises(BuildRefused):
        sandbox.load(digest_of(wasm), lambda: wasm)


@pytest.mark.parametrize(
    "body",
    [
        "(drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))",
        "(drop (ref.i31 (i32.const 1)))",
        "(return_call 0)",
        "(drop (i32.add (i64.const 1) (i32.const 1)))",
    ],
)
def test_code_that_is_off_or_invalid_is_not_loaded(sandbox: Sandbox, body: str) -> None:
    """Threads, GC, tail calls and invalid code are refused when compiled, in one line."""
    wasm = module(f'(module (memory (export "memory") 1) (func (export "_start") {body}))')
    with pytest.raises(BuildRefused) as refused:
        sandbox.load(digest_of(wasm), lambda: wasm)
    assert "\n" not in refused.value.message


def test_a_module_of_another_digest_is_damaged(sandbox: Sandbox) -> None:
    """Bytes that are not those of the digest are never compiled."""
    wasm = module(f"(module {COMMAND})")
    with pytest.raises(StoreDamaged):
        sandbox.load(digest_of(b"other"), lambda: wasm)


def test_the_limits_of_the_tests_fit_the_settings() -> None:
    """The small limits are ones that settings would take."""
    assert type(LIMITS).model_validate(LIMITS.model_dump()) == LIMITS
