"""From a C callback of Wasmtime to a Python function: arguments out of their slots, the result back into them.

Of a callback that raises, ctypes prints the exception and returns what happened to be on the stack, which Wasmtime
takes for a trap or for none: the process crashes, or the guest goes on with its argument as the result. So no exception
may leave a callback, not even one from outside (a signal's, or another thread's). Python raises those on entering a
function, after a call and on jumping back: so a callback's `try` covers its entry, and its handler calls nothing.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar, cast

from tacit.sandbox.bindings import FUNCTION_CALLBACK, SLOT_SIZE
from tacit.sandbox.memory import OutOfBounds

_KEPT_SLOTS = 64
_PARAMETERS = {"i": "I12x", "I": "q8x"}
_RESULTS = {"i": "<i", "I": "<q"}
_CALLS_UNCHECKED = 256
"""Calls of one host function between two looks at the time: a guest may make them in a line, without a branch or a call
of its own, where Wasmtime would look; and each costs the host more than the guest's energy tells."""

_F = TypeVar("_F", bound=Callable[..., Any])


def guarded_entry(function: _F) -> _F:
    """Return a function whose first `try` reaches back to its beginning.

    Its handler then also has the exceptions that Python raises on entering the function. The statement can't say so:
    what enters a function is an instruction before the first statement. The table of handlers is CPython's, as its
    `Objects/exception_handling_notes.txt` has it: entries of start, length, handler and depth.
    """
    python = cast("FunctionType", function)
    table = python.__code__.co_exceptiontable
    start, position = _read_number(table, 0)
    _, position = _read_number(table, position)
    entry = bytearray((*_number(0), *_number(start), *table[position : _end_of_entry(table)]))
    entry[0] |= _FIRST
    python.__code__ = python.__code__.replace(co_exceptiontable=bytes(entry) + table)
    return function


_FIRST, _MORE = 0x80, 0x40
"""The flags of a byte of the table: an entry begins; the number goes on. The other six bits are the number's."""


def _read_number(table: bytes, position: int) -> tuple[int, int]:
    value = table[position] & 0x3F
    while table[position] & _MORE:
        position += 1
        value = value << 6 | table[position] & 0x3F
    return value, position + 1


def _number(value: int) -> bytes:
    encoded = [value & 0x3F]
    while value := value >> 6:
        encoded.insert(0, value & 0x3F | _MORE)
    return bytes(encoded)


def _end_of_entry(table: bytes) -> int:
    return next((at for at in range(1, len(table)) if table[at] & _FIRST), len(table))


class Stop:
    """Why callbacks stopped a run, and the answer that tells Wasmtime so, which it frees.

    `make` makes that answer: beforehand, as a handler may call nothing, and again when one was given.
    """

    __slots__ = ("_make", "answer", "reason")

    def __init__(self, make: Callable[[], int]) -> None:
        self._make = make
        self.renew()

    def renew(self) -> None:
        """Be ready for the next run. In this order: an answer that was given must never be given again."""
        self.answer = self._make()
        self.reason: BaseException | None = None


def trampoline(
    signature: str,
    function: Callable[..., int],
    stop: Stop,
    check_time: Callable[[], None],
    fault: int | None = None,
) -> Any:
    """Return the C callback of a host function.

    i32 parameters arrive unsigned, i64 ones signed. An exception is kept in `stop`, whose answer is a trap;
    `OutOfBounds` becomes the result `fault` where one is given. `check_time` raises when the run has to end.
    """
    parameters, results = signature.split(">")
    unpack = struct.Struct("<" + "".join(_PARAMETERS[letter] for letter in parameters)).unpack_from
    pack = struct.Struct(_RESULTS[results or "i"]).pack_into
    slots = ctypes.c_ubyte * (SLOT_SIZE * max(len(parameters), len(results), 1))
    kept: dict[int, Any] = {}
    unchecked = 0

    @guarded_entry
    def callback(_environment: int, _caller: int, where: int, _count: int) -> int | None:
        nonlocal unchecked
        try:
            unchecked += 1
            if unchecked >= _CALLS_UNCHECKED:
                unchecked = 0
                check_time()
            buffer = kept.get(where)
            if buffer is None:
                if len(kept) >= _KEPT_SLOTS:
                    kept.clear()
                buffer = kept[where] = slots.from_address(where)
            try:
                pack(buffer, 0, function(*unpack(buffer)))
            except OutOfBounds:
                if fault is None:
                    raise
                pack(buffer, 0, fault)
        except BaseException as error:  # an exception must not cross C; it is raised after the call
            stop.reason = error
            return stop.answer
        return None

    return FUNCTION_CALLBACK(callback)
