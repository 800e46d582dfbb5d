"""Refused memory growth is noticed whatever instructions stand around it, and nothing else changes."""

from __future__ import annotations

import pytest

from guests import Run, guest, module, printing
from tacit.sandbox.binary import read_outline
from tacit.sandbox.growth import show_refused_growth

EXTRA = """
  (table $t 4 funcref) (elem (i32.const 0) func $nothing) (elem $e func $nothing) (data $d "abc")
  (type $plain (func)) (global $g (mut i32) (i32.const 0)) (func $nothing)
"""
REFUSED = "(if (i32.eq (memory.grow (i32.const 30000)) (i32.const -1)) (then (unreachable)))"

STEPS = [
    "(nop)",
    "(block (result i32) (i32.const 1)) (drop)",
    "(block (param) (loop (br_if 1 (i32.const 1)) (br 1)))",
    "(block (block (block (br_table 0 1 2 1 0 (i32.const 1)))))",
    "(if (i32.const 0) (then (return)) (else (nop)))",
    "(call $nothing)",
    "(call_indirect (type $plain) (i32.const 0))",
    "(drop (select (i32.const 8192) (i32.const 1) (i32.const 0)))",
    "(drop (select (result i64) (i64.const 8192) (i64.const 1) (i32.const 0)))",
    "(global.set $g (global.get $g))",
    "(drop (i32.const 0x2000))",
    "(drop (i64.const 0x2000))",
    "(drop (i64.const -9223372036854775808))",
    "(drop (f32.const 2))",
    "(drop (f64.const 32.0001220703125))",
    "(i32.store offset=8192 align=1 (i32.const 0) (i32.load offset=64 (i32.const 0)))",
    "(f64.store (i32.const 64) (f64.sqrt (f64.load (i32.const 64))))",
    "(drop (memory.size))",
    "(drop (i32.extend8_s (i32.wrap_i64 (i64.const 1))))",
    "(drop (i32.trunc_sat_f64_u (f64.const 1)))",
    "(drop (ref.is_null (ref.null func)))",
    "(drop (ref.func $nothing))",
    "(drop (table.get $t (i32.const 0)))",
    "(table.set $t (i32.const 1) (ref.null func))",
    "(memory.copy (i32.const 64) (i32.const 128) (i32.const 1))",
    "(memory.fill (i32.const 64) (i32.const 0) (i32.const 1))",
    "(memory.init $d (i32.const 64) (i32.const 0) (i32.const 1)) (data.drop $d)",
    "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop $e)",
    "(table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 1))",
    "(table.fill $t (i32.const 0) (ref.null func) (i32.const 1))",
    "(drop (table.grow $t (ref.null func) (i32.const 1))) (drop (table.size $t))",
    "(drop (v128.const i64x2 0x0040004000400040 0x0040004000400040))",
    "(drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 0 (v128.load (i32.const 8)) (i8x16.splat (i32.const 1))))",
    "(v128.store offset=64 (i32.const 0) (v128.load32_splat (i32.const 64)))",
    "(drop (v128.load64_zero (i32.const 64))) (drop (v128.load8x8_s (i32.const 64)))",
    "(drop (i32x4.extract_lane 1 (i32x4.replace_lane 3 (v128.load (i32.const 64)) (i32.const 1))))",
    "(v128.store16_lane 3 (i32.const 64) (v128.load8_lane 1 (i32.const 64) (v128.load (i32.const 64))))",
    "(drop (i8x16.swizzle (i32x4.splat (i32.const 1)) (f64x2.splat (f64.const 1))))",
    "(drop (i64x2.mul (f64x2.pmax (v128.load (i32.const 64)) (v128.load (i32.const 64))) (v128.load (i32.const 64))))",
    "(drop (i32x4.relaxed_trunc_f32x4_s (i8x16.relaxed_swizzle (v128.load (i32.const 64)) (v128.load (i32.const 9)))))",
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[:40])
def test_growth_is_noticed_after(run: Run, step: str) -> None:
    """A refused growth after this instruction, in the same function, is noticed."""
    execution = run(guest(f"{step} {REFUSED}", extra=EXTRA))
    assert execution.failure is not None
    assert execution.failure.code == "memory_exhausted"


def test_bytes_that_look_like_a_growth_stay(run: Run) -> None:
    """Constants that contain the two bytes of memory.grow keep their value."""
    body = f"(local.set $x (i64.const 0x2000)) {REFUSED.replace('30000', '1')} (call $print_number (local.get $x))"
    assert run(guest(f"(local $x i64) {body}")).value == 0x2000


def test_a_growth_still_answers_the_size_before(run: Run) -> None:
    """memory.grow gives what it gave: the pages before, or -1."""
    body = """
      (drop (memory.grow (i32.const 2)))
      (call $print_errno (i32.add (i32.mul (memory.grow (i32.const 1)) (i32.const 100))
        (i32.sub (i32.const 0) (memory.grow (i32.const 30000)))))
    """
    assert run(guest(body)).value == 301


def test_a_module_that_never_grows_is_left_alone() -> None:
    """Without memory.grow the module is the same, byte for byte."""
    wasm = printing("1")
    assert show_refused_growth(wasm, read_outline(wasm)) == wasm


def test_a_module_with_globals_gets_one_more(run: Run) -> None:
    """The flag is a global after those that the module has, which keep their values."""
    body = f"{REFUSED.replace('30000', '1')} (call $print_errno (global.get $g))"
    assert run(guest(body, extra="(global $f i64 (i64.const 1)) (global $g i32 (i32.const 77))")).value == 77


def test_an_unknown_instruction_leaves_its_function_alone() -> None:
    """A function with an instruction that cannot be stepped over is not touched."""
    wasm = module(f"""(module (memory (export "memory") 1)
      (func (export "_start") (drop (ref.i31 (i32.const 1))) {REFUSED}))""")
    assert show_refused_growth(wasm, read_outline(wasm)) == wasm
