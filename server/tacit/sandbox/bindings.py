"""The part of Wasmtime's C API that a run needs, called through ctypes.

A run makes about thirteen calls into Wasmtime. Through the classes of wasmtime-py they cost three times as
much, because each passes several Python layers, and a host function there keeps its exception in a process
global. Compiling, linking and everything else off the hot path goes through wasmtime-py.

Functions of `_held` keep the GIL: they are short and cannot run guest code. Those of `_released` give it up.
Every pointer is a plain integer. The layout of the structs that are read here is checked at import, against the
one release of wasmtime-py that it was written for.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import c_bool, c_char_p, c_size_t, c_uint64, c_void_p
from importlib.metadata import version
from typing import Any

import wasmtime
from wasmtime import _ffi  # pyright: ignore[reportPrivateUsage]  # the C API; the version is pinned

ffi: Any = _ffi
"""The C API as wasmtime-py declares it, for what is not worth a declaration here."""

WASMTIME_VERSION = "50.0.1"
"""The release of wasmtime-py whose C structs and functions are used here."""

EXTERN_SIZE = 32
EXTERN_ITEM = 8
"""Where in a `wasmtime_extern_t` its function, memory or global begins."""
EXTERN_GLOBAL = 1
"""The first byte of a `wasmtime_extern_t` that holds a global."""
SLOT_SIZE = 16
"""Bytes of one `wasmtime_val_raw_t`: an argument or result of a host function."""
VALUE_ITEM = 8
"""Where in a `wasmtime_val_t` its number begins."""

FUNCTION_CALLBACK = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_void_p, c_void_p, c_size_t)
"""`(environment, caller, slots, slot count) -> trap or NULL`."""
EPOCH_CALLBACK = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)
"""`(context, data, ticks until the next one, kind) -> error or NULL`."""


def _check_layout() -> None:
    installed = version("wasmtime")
    if installed != WASMTIME_VERSION:
        raise ImportError(f"Tacit's sandbox needs wasmtime {WASMTIME_VERSION}, but {installed} is installed.")
    found = (
        ctypes.sizeof(ffi.wasmtime_extern_t),
        ffi.wasmtime_extern_t.of.offset,
        ctypes.sizeof(ffi.wasmtime_val_raw_t),
        ffi.wasmtime_val_t.of.offset,
        ctypes.sizeof(ffi.wasmtime_func_t),
        ctypes.sizeof(ffi.wasmtime_instance_t),
        ctypes.sizeof(ffi.wasm_byte_vec_t),
        ffi.WASMTIME_EXTERN_GLOBAL.value,
    )
    if found != (EXTERN_SIZE, EXTERN_ITEM, SLOT_SIZE, VALUE_ITEM, 16, 16, 16, EXTERN_GLOBAL):
        raise ImportError(f"Wasmtime's C structs have another layout than the sandbox was written for: {found}.")


_check_layout()

# Handles of our own, so that wasmtime-py's argument types stay as they are.
_with_gil = ctypes.PyDLL(str(ffi.filename))
_without_gil = ctypes.CDLL(str(ffi.filename))


def _declare(library: ctypes.CDLL, name: str, result: Any, arguments: tuple[Any, ...]) -> Callable[..., Any]:
    function = library[name]
    function.restype = result
    function.argtypes = arguments
    return function


def _held(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    return _declare(_with_gil, name, result, arguments)


def _released(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    return _declare(_without_gil, name, result, arguments)


store_new = _held("wasmtime_store_new", c_void_p, c_void_p, c_void_p, c_void_p)
store_context = _held("wasmtime_store_context", c_void_p, c_void_p)
store_on_epoch = _held("wasmtime_store_epoch_deadline_callback", None, c_void_p, c_void_p, c_void_p, c_void_p)
store_delete = _held("wasmtime_store_delete", None, c_void_p)
store_delete_released = _released("wasmtime_store_delete", None, c_void_p)
set_epoch_deadline = _held("wasmtime_context_set_epoch_deadline", None, c_void_p, c_uint64)
set_fuel = _held("wasmtime_context_set_fuel", c_void_p, c_void_p, c_uint64)
get_fuel = _held("wasmtime_context_get_fuel", c_void_p, c_void_p, c_void_p)

instantiate = _held("wasmtime_instance_pre_instantiate", c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)
instantiate_released = _released("wasmtime_instance_pre_instantiate", c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)
export_get = _held("wasmtime_instance_export_get", c_bool, c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)
function_call = _released("wasmtime_func_call_unchecked", c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p)
memory_data = _held("wasmtime_memory_data", c_void_p, c_void_p, c_void_p)
memory_size = _held("wasmtime_memory_data_size", c_size_t, c_void_p, c_void_p)
global_get = _held("wasmtime_global_get", None, c_void_p, c_void_p, c_void_p)
linker_define = _held(
    "wasmtime_linker_define_func_unchecked",
    c_void_p,
    c_void_p,
    c_char_p,
    c_size_t,
    c_char_p,
    c_size_t,
    c_void_p,
    c_void_p,
    c_void_p,
    c_void_p,
)

trap_new = _held("wasmtime_trap_new", c_void_p, c_char_p, c_size_t)
error_new = _held("wasmtime_error_new", c_void_p, c_char_p)
_trap_code = _held("wasmtime_trap_code", c_bool, c_void_p, c_void_p)
_trap_message = _held("wasm_trap_message", None, c_void_p, c_void_p)
_trap_delete = _held("wasm_trap_delete", None, c_void_p)
_error_message = _held("wasmtime_error_message", None, c_void_p, c_void_p)
_error_delete = _held("wasmtime_error_delete", None, c_void_p)
_bytes_delete = _held("wasm_byte_vec_delete", None, c_void_p)

_TRAP_NAMES: dict[int, str] = {code.value: code.name.lower() for code in wasmtime.TrapCode}


def address(managed: Any) -> int:
    """Return the address that an object of wasmtime-py wraps."""
    return ctypes.cast(managed.ptr(), c_void_p).value or 0


def refused(error: int) -> RuntimeError:
    """Free the error of a call that can't fail in an engine set up as ours, and return it as an exception."""
    return RuntimeError(f"Wasmtime refused what it always does: {consume_error(error)}")


def consume_trap(trap: int) -> tuple[str | None, str]:
    """Free a trap; return the name of its code (None where it has none) and the last line of its message."""
    code = ctypes.c_uint8()
    name = _TRAP_NAMES.get(code.value) if _trap_code(trap, ctypes.addressof(code)) else None
    message = _text(_trap_message, trap)
    _trap_delete(trap)
    return name, message


def consume_error(error: int) -> str:
    """Free an error and return the last line of its message."""
    message = _text(_error_message, error)
    _error_delete(error)
    return message


def _text(read: Callable[..., Any], source: int) -> str:
    vector = ffi.wasm_byte_vec_t()
    read(source, ctypes.addressof(vector))
    size = int(vector.size)
    text = ctypes.string_at(vector.data, size) if size else b""
    _bytes_delete(ctypes.addressof(vector))
    return text.rstrip(b"\0\n").rpartition(b"\n")[2].decode("utf-8", "replace")[:200].strip()
