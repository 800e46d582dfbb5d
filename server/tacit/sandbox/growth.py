"""Making a refused `memory.grow` visible, so that running out of memory is told from any other trap.

A guest learns of the refusal by a -1 and mostly aborts, with a trap like any other's; Wasmtime's C API reports
nothing to the host. So each `memory.grow` of a module becomes a call of a function that is added to it, which grows
the memory and notes a refusal in an added global, exported under a name of our own. It costs a call per growth.

Instructions are only stepped over. In a function that holds one this module does not know (Wasmtime will refuse
most of those, as they belong to proposals that are off) nothing is replaced, so that its refusals go unnoticed.
"""

from __future__ import annotations

import re

from tacit.sandbox.binary import (
    CODE_SECTION,
    EXPORT_SECTION,
    FUNCTION_SECTION,
    GLOBAL,
    GLOBAL_SECTION,
    TYPE_SECTION,
    Outline,
    Reader,
)

REFUSED_EXPORT = b"tacit:growth-refused"
"""The name of the exported i32 that is 1 once a growth was refused."""

_GROW = 0x40
_BRANCH_TABLE = 0x0E
_NUMBER = rb"[\x80-\xff]*+[\x00-\x7f]"
_PLAIN_STEPS = (
    rb"[\x00\x01\x05\x0b\x0f\x1a\x1b\x45-\xc4\xd1]",  # without operands
    rb"[\x02-\x04\x0c\x0d\x10\x20-\x26\x3f\x41\x42\xd0\xd2]" + _NUMBER,
    rb"[\x11\x28-\x3e]" + _NUMBER * 2,  # indirect calls; loads and stores
    rb"\x1c\x01[\x40-\x7f]",  # select with a type
    rb"\x43.{4}|\x44.{8}",  # floats
    rb"\xfc(?:[\x00-\x07]|[\x09\x0b\x0d\x0f\x10\x11]" + _NUMBER + rb"|[\x08\x0a\x0c\x0e]" + _NUMBER * 2 + rb")",
    rb"\xfd(?:[\x00-\x0b\x5c\x5d]" + _NUMBER * 2,  # vectors: loads and stores
    rb"[\x0c\x0d].{16}",  # a constant, a shuffle
    rb"[\x15-\x22].",  # a lane
    rb"[\x54-\x5b]" + _NUMBER * 2 + rb".",  # a lane in memory
    rb"[\x0e-\x14\x23-\x53\x5e-\x7f]|[\x80-\xff]\x01|[\x80-\x93]\x02)",
)
_steps = re.compile(rb"(?:" + rb"|".join(_PLAIN_STEPS) + rb")*+", re.DOTALL)
"""Any run of instructions but `memory.grow` and `br_table`, whose length depends on their operands."""


def show_refused_growth(wasm: bytes, outline: Outline) -> bytes:
    """Return the module with `REFUSED_EXPORT` added, or as it is if it never grows its memory."""
    sections = {number: wasm[start:end] for number, start, end in outline.sections if number}
    if CODE_SECTION not in sections:
        return wasm
    code = _with_calls(sections[CODE_SECTION], _unsigned(len(outline.functions)), outline.global_count)
    if code is None:
        return wasm
    added = {
        TYPE_SECTION: b"\x60\x01\x7f\x01\x7f",
        FUNCTION_SECTION: _unsigned(len(outline.types)),
        GLOBAL_SECTION: b"\x7f\x01\x41\x00\x0b",
        EXPORT_SECTION: _sized(REFUSED_EXPORT) + bytes([GLOBAL]) + _unsigned(outline.global_count),
    }
    parts = [wasm[:8]]
    pending = GLOBAL_SECTION not in sections
    for number, start, end in outline.sections:
        if pending and number >= EXPORT_SECTION:
            parts.append(bytes([GLOBAL_SECTION]) + _sized(b"\x01" + added[GLOBAL_SECTION]))
            pending = False
        content = wasm[start:end]
        if number in added:
            content = _appended(content, added[number])
        elif number == CODE_SECTION:
            content = code
        parts.append(bytes([number]) + _sized(content))
    return b"".join(parts)


def _with_calls(section: bytes, function: bytes, refused: int) -> bytes | None:
    """Return the code section with its growths replaced and the new function added; None if there are none."""
    reader = Reader(section)
    bodies: list[bytes] = []
    changed = False
    for _ in range(reader.number()):
        body = reader.take(reader.number())
        replaced = _replaced(body, b"\x10" + function)
        changed = changed or replaced is not None
        bodies.append(_sized(body if replaced is None else replaced))
    if not changed:
        return None
    bodies.append(_sized(_growing(_unsigned(refused))))
    return _unsigned(len(bodies)) + b"".join(bodies)


def _replaced(body: bytes, call: bytes) -> bytes | None:
    """Return a function's body with its growths replaced; None if it has none, or something unknown."""
    if b"\x40\x00" not in body:
        return None
    reader = Reader(body)
    for _ in range(reader.number()):
        reader.number()
        reader.byte()
    parts: list[bytes] = []
    kept = 0
    while (position := _steps.match(body, reader.position).end()) < len(body):  # pyright: ignore[reportOptionalMemberAccess]  # may match nothing, never fails
        if body[position] == _GROW and body[position + 1 : position + 2] == b"\0":
            parts += body[kept:position], call
            kept = reader.position = position + 2
        elif body[position] == _BRANCH_TABLE:
            reader.position = position + 1
            for _ in range(reader.number() + 1):
                reader.number()
        else:
            return None
    return b"".join([*parts, body[kept:]]) if parts else None


def _growing(refused: bytes) -> bytes:
    """Return the body of `(param $pages i32) (result i32)`: grow, and set the global if that gave -1."""
    # One local $before; local.get $pages, memory.grow, local.tee $before, i32.const -1, i32.eq, if,
    # i32.const 1, global.set $refused, end, local.get $before, end.
    return b"\x01\x01\x7f\x20\x00\x40\x00\x22\x01\x41\x7f\x46\x04\x40\x41\x01\x24" + refused + b"\x0b\x20\x01\x0b"


def _appended(content: bytes, entry: bytes) -> bytes:
    reader = Reader(content)
    count = reader.number()
    return _unsigned(count + 1) + content[reader.position :] + entry


def _sized(content: bytes) -> bytes:
    return _unsigned(len(content)) + content


def _unsigned(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
