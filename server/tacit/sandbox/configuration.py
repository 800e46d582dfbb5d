"""How Wasmtime is set up: deterministic, metered, interruptible, and pooled.

Whatever could give another result on another machine is off or canonical: threads, relaxed SIMD, NaN bits. What a
WASI preview 1 command does not need (GC, exceptions, 64-bit memories …) is off as well, since less to compile is
less to attack.
"""

from __future__ import annotations

import hashlib
import mmap
import platform
import sys
from typing import Protocol

import wasmtime

from tacit.errors import InvalidSettings
from tacit.sandbox.bindings import WASMTIME_VERSION, ffi


class EngineLimits(Protocol):
    """The limits of `config.Limits` that an engine and its compiled code depend on."""

    @property
    def memory_bytes(self) -> int:
        """Most memory of a guest."""
        ...

    @property
    def stack_bytes(self) -> int:
        """Most stack of a guest."""
        ...


MAX_TABLE_ELEMENTS = 100_000
"""Most function pointers of one module; a Rust module has a few hundred."""
_REVISION = 1
"""Goes up with every change here or in `growth.py`, so that no code compiled before it is loaded."""

_FEATURES = {
    "threads": False,
    "memory64": False,
    "multi_memory": False,
    "custom_page_sizes": False,
    "gc": False,
    "function_references": False,
    "exceptions": False,
    "tail_call": False,
    "stack_switching": False,
    "wide_arithmetic": False,
    "compact_imports": False,
    "component_model": False,
    "multi_value": True,
    "bulk_memory": True,
    "reference_types": True,
    "simd": True,
    "relaxed_simd": True,
    "relaxed_simd_deterministic": True,
}
_MEMORY_RESERVATION = 4 << 30
"""Address space of a memory: all that 32 bits can name, so that compiled code needs no bounds checks."""
_MEMORY_GUARD = 32 << 20


def open_engine(limits: EngineLimits, slots: int) -> wasmtime.Engine:
    """Return an engine with a pool for `slots` instances at once.

    Each slot reserves 4 GiB of address space (never of memory): 72 slots take 0.3 of the 128 TiB there are.
    Raises `InvalidSettings` where a limit on address space (`ulimit -v`) does not leave that much.
    """
    _check_address_space(slots)
    config = wasmtime.Config()
    for feature, enabled in _FEATURES.items():
        getattr(ffi, f"wasmtime_config_wasm_{feature}_set")(config.ptr(), enabled)
    config.gc_support = False
    config.consume_fuel = True
    config.epoch_interruption = True
    config.cranelift_opt_level = "speed"
    ffi.wasmtime_config_cranelift_nan_canonicalization_set(config.ptr(), True)
    ffi.wasmtime_config_memory_may_move_set(config.ptr(), False)
    ffi.wasmtime_config_memory_reservation_set(config.ptr(), _MEMORY_RESERVATION)
    ffi.wasmtime_config_memory_guard_size_set(config.ptr(), _MEMORY_GUARD)
    # Stacks of async calls, which there are none of, still have to be larger than those of wasm.
    ffi.wasmtime_config_async_stack_size_set(config.ptr(), limits.stack_bytes + (1 << 20))
    config.max_wasm_stack = limits.stack_bytes
    _pool(config, limits, slots)
    return wasmtime.Engine(config)


def _check_address_space(slots: int) -> None:
    """Try to reserve what the pool will; Wasmtime would abort the process where it cannot."""
    size = slots * (_MEMORY_RESERVATION + _MEMORY_GUARD + MAX_TABLE_ELEMENTS * 8) + (1 << 30)
    try:
        if sys.platform != "win32":
            mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0).close()
    except OSError as error:
        raise InvalidSettings(
            f"The sandbox cannot reserve {size >> 30} GiB of address space for {slots} runs at once.",
            hint="Lift the limit on address space (`ulimit -v unlimited`), or set fewer workers or a lower call_depth.",
        ) from error


def _pool(config: wasmtime.Config, limits: EngineLimits, slots: int) -> None:
    settings = {
        "total_core_instances": slots,
        "total_memories": slots,
        "total_tables": slots,
        "total_component_instances": 0,
        "total_gc_heaps": 0,
        "total_stacks": 0,
        "max_memories_per_module": 1,
        "max_tables_per_module": 1,
        "max_memory_size": limits.memory_bytes,  # the limit itself: a store has this one memory and no other
        "table_elements": MAX_TABLE_ELEMENTS,
        "max_unused_warm_slots": slots,
        # Zeroing pages that were kept costs more than taking fresh ones.
        "linear_memory_keep_resident": 0,
        "table_keep_resident": 0,
    }
    pool = ffi.wasmtime_pooling_allocation_config_new()
    for name, value in settings.items():
        getattr(ffi, f"wasmtime_pooling_allocation_config_{name}_set")(pool, value)
    ffi.wasmtime_pooling_allocation_strategy_set(config.ptr(), pool)
    ffi.wasmtime_pooling_allocation_config_delete(pool)


def fingerprint(limits: EngineLimits) -> bytes:
    """Return 32 bytes that change with whatever compiled code depends on."""
    settings = (
        WASMTIME_VERSION,
        platform.system(),
        platform.machine(),
        _REVISION,
        sorted(_FEATURES.items()),
        _MEMORY_RESERVATION,
        _MEMORY_GUARD,
        limits.memory_bytes,
        limits.stack_bytes,
    )
    return hashlib.sha256(repr(settings).encode()).digest()
