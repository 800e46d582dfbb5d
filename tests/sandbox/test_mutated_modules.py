"""Modules that were damaged or made to do damage: only errors of Tacit come of them, and no long work."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from guests import ECHO, LIMITS, SmallWorld, digest_of, guest, module
from tacit.errors import BuildRefused, TacitError
from tacit.sandbox import Sandbox, effects_of
from tacit.sandbox.binary import MAX_ENTRIES, read_outline

ROUNDS = 3000
GROWING = guest("(drop (memory.grow (i32.const 3))) (call $print_errno (memory.grow (i32.const 1000)))")
WIDE = module("""(module
  (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
  (memory (export "memory") 1 9) (table 5 9 funcref) (global (mut i32) (i32.const 1)) (elem (i32.const 0) $f $f)
  (data (i32.const 5) "abc") (data "passive") (elem funcref (ref.func $f))
  (func $f (block (br_table 0 0 0 (i32.const 1))))
  (func (export "_start")
    (memory.init 1 (i32.const 0) (i32.const 0) (i32.const 1)) (drop (memory.grow (i32.const 1)))
    (v128.store (i32.const 0) (v128.const i32x4 1 2 3 4)) (call_indirect (i32.const 0)))
  (@custom "x" "abc"))""")
"""A section of each kind."""
NUMBERS = (b"\x00", b"\x7f", b"\xff\xff\xff\xff\x0f", b"\x80\x80\x80\x80\x10", b"\xa0\x8d\x06", b"\x80", b"\xff" * 10)
"""Counts and indices in LEB128 that are too small, too large, or none."""


def _flip(given: random.Random, wasm: bytearray, at: int) -> None:
    wasm[at] ^= 1 << given.randrange(8)


def _cut(given: random.Random, wasm: bytearray, at: int) -> None:
    del wasm[at : at + given.choice((1, 4, 100, len(wasm)))]


def _count(given: random.Random, wasm: bytearray, at: int) -> None:
    wasm[at : at + given.randrange(2)] = given.choice(NUMBERS)


def _repeat(given: random.Random, wasm: bytearray, at: int) -> None:
    start = given.randrange(len(wasm))
    wasm[at:at] = wasm[start : start + given.randrange(1, 60)]


def _repeat_section(given: random.Random, wasm: bytearray, _at: int) -> None:
    try:
        number, start, end = given.choice(read_outline(bytes(wasm)).sections)
    except (ValueError, IndexError):  # no sections are left, or none that can be read
        return
    wasm += bytes((number, *_unsigned(end - start))) + wasm[start:end]


def _recount_section(given: random.Random, wasm: bytearray, _at: int) -> None:
    try:
        _, start, _ = given.choice(read_outline(bytes(wasm)).sections)
    except (ValueError, IndexError):  # no sections are left, or none that can be read
        return
    wasm[start : start + 1] = given.choice(NUMBERS)


MUTATIONS: tuple[Callable[[random.Random, bytearray, int], None], ...] = (
    _flip, _cut, _count, _repeat, _repeat_section, _recount_section,
)  # fmt: skip


@pytest.mark.parametrize("base", [guest(ECHO), GROWING, WIDE], ids=["echo", "growing", "wide"])
def test_mutated_modules_end_in_errors_of_tacit(base: bytes) -> None:
    """Whether they are read, compiled or run."""
    given = random.Random(len(base))
    limits = LIMITS.model_copy(update={"energy": 100_000})
    with Sandbox(limits, workers=1) as sandbox:
        for _ in range(ROUNDS):
            wasm = bytearray(base)
            for _ in range(given.choice((1, 1, 2, 8))):
                if wasm:
                    given.choice(MUTATIONS)(given, wasm, given.randrange(len(wasm)))
            mutated = bytes(wasm)
            try:
                loaded = sandbox.load(digest_of(mutated), lambda: mutated)  # noqa: B023  # called at once
                sandbox.run(loaded, b'"abc"', SmallWorld())
            except TacitError:
                pass


def _unsigned(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*encoded, value))


def _section(number: int, content: bytes) -> bytes:
    return bytes((number,)) + _unsigned(len(content)) + content


MANY = MAX_ENTRIES + 1
CROWDED = {
    "sections": b"\0\0" * MANY,
    "types": _section(1, _unsigned(MANY) + b"\x60\0\0" * MANY),
    "parameters": _section(1, b"\1\x60" + _unsigned(MANY) + b"\x7f" * MANY + b"\0"),
    "imports": _section(1, b"\1\x60\0\0") + _section(2, _unsigned(MANY) + b"\0\0\0\0" * MANY),
    "functions": _section(1, b"\1\x60\0\0") + _section(3, _unsigned(MANY) + b"\0" * MANY),
    "memories": _section(5, _unsigned(MANY) + b"\0\0" * MANY),
    "exports": _section(7, _unsigned(MANY) + b"\0\0\0" * MANY),
}


@pytest.mark.parametrize("sections", CROWDED.values(), ids=CROWDED)
def test_crowded_modules_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch, sections: bytes) -> None:
    """A count is looked at before as many entries are: they would hold the server for seconds."""
    numbers: list[None] = []
    number = "tacit.sandbox.binary.Reader.number"
    original = read_outline.__globals__["Reader"].number
    monkeypatch.setattr(number, lambda reader: numbers.append(None) or original(reader))
    with pytest.raises(BuildRefused):
        effects_of(b"\0asm\1\0\0\0" + sections)
    assert len(numbers) < 2000
