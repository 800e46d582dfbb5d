"""From a C callback of Wasmtime to a Python function: arguments out of their slots, the result back into them."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import Any

from tacit.sandbox.bindings import FUNCTION_CALLBACK, SLOT_SIZE
from tacit.sandbox.memory import OutOfBounds

_KEPT_SLOTS = 64
_PARAMETERS = {"i": "I12x", "I": "q8x"}
_RESULTS = {"i": "<i", "I": "<q"}


def trampoline(
    signature: str, function: Callable[..., int], stop: Callable[[BaseException], int], fault: int | None = None
) -> Any:
    """Return the C callback of a host function.

    i32 parameters arrive unsigned, i64 ones signed. An exception is handed to `stop`, which keeps it and returns a
    trap; `OutOfBounds` becomes the result `fault` where one is given.
    """
    parameters, results = signature.split(">")
    unpack = struct.Struct("<" + "".join(_PARAMETERS[letter] for letter in parameters)).unpack_from
    pack = struct.Struct(_RESULTS[results or "i"]).pack_into
    slots = ctypes.c_ubyte * (SLOT_SIZE * max(len(parameters), len(results), 1))
    kept: dict[int, Any] = {}

    def callback(_environment: int, _caller: int, where: int, _count: int) -> int | None:
        try:
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
            return stop(error)
        return None

    return FUNCTION_CALLBACK(callback)
