"""Compiled modules: kept in memory, loaded from disk, or compiled.

What took too long to compile is not tried again as long as the process lives, whoever asks for it.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import wasmtime

from tacit.config import Limits
from tacit.errors import BuildRefused, MemoryExhausted, OperatorError, StoreDamaged
from tacit.sandbox.binary import MalformedModule, Outline
from tacit.sandbox.compiled import CompiledFolder
from tacit.sandbox.compiling import (
    SMALL_BYTES,
    CompilationFailed,
    CompilationTooCostly,
    Compilers,
    compile_here,
)
from tacit.sandbox.effects import checked_outline

KEPT_MODULES = 128
"""Modules kept ready in memory; each holds its code and one file descriptor."""
KEPT_BYTES = 512 << 20
"""Bytes of compiled code that they may have together."""
KEPT_REFUSALS = 1024
"""Modules that are remembered as too costly to compile."""
_PAGE = 1 << 16


@dataclass(eq=False, slots=True)
class LoadedModule:
    """A module, compiled and ready to run; valid as long as it is referenced, whatever the sandbox forgets."""

    digest: str
    module: wasmtime.Module
    size: int
    """Bytes of its compiled code."""
    linked: dict[Any, int] = field(default_factory=dict[Any, int])
    """The address of its InstancePre for each worker that ran it."""
    kept: list[wasmtime.InstancePre] = field(default_factory=list[wasmtime.InstancePre])


class LoadedModules:
    """Loads modules by their digests; thread-safe, and compiles none twice at once."""

    def __init__(self, engine: wasmtime.Engine, limits: Limits, folder: CompiledFolder | None) -> None:
        self._engine = engine
        self._limits = limits
        self._folder = folder
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, LoadedModule] = OrderedDict()
        self._loading: dict[str, Future[LoadedModule]] = {}
        self._compilers = Compilers(limits)
        self._too_costly: OrderedDict[str, str] = OrderedDict()

    def load(self, digest: str, wasm: Callable[[], bytes]) -> LoadedModule:
        """Return the loaded module; `wasm` is asked for its bytes only if it has to be compiled.

        Raises `BuildRefused` for what the sandbox does not take, `MemoryExhausted` for a module that begins with
        more memory than the limit, `StoreDamaged` for bytes of another digest, `OperatorError` where this machine
        cannot compile.
        """
        with self._lock:
            loaded = self._kept.get(digest)
            if loaded is not None:
                self._kept.move_to_end(digest)
                return loaded
            promise = self._loading.get(digest)
            mine = promise is None
            if promise is None:
                promise = self._loading[digest] = Future[LoadedModule]()
        if mine:
            self._load(digest, wasm, promise)
        return promise.result()

    def holds(self, digest: str) -> bool:
        """Whether a module is in memory."""
        return digest in self._kept

    def clear(self) -> None:
        """Forget all modules, and end what compiles."""
        self._compilers.close()
        with self._lock:
            self._kept.clear()

    def _load(self, digest: str, wasm: Callable[[], bytes], promise: Future[LoadedModule]) -> None:
        try:
            loaded = self._read(digest) or self._compile(digest, wasm())
        except BaseException as error:  # raised to all who wait for it
            with self._lock:
                del self._loading[digest]
            promise.set_exception(error)
            return
        with self._lock:
            self._kept[digest] = loaded
            self._forget_oldest()
            del self._loading[digest]
        promise.set_result(loaded)

    def _forget_oldest(self) -> None:
        """Forget the modules that were used longest ago, never the last one, until the rest is within bounds."""
        size = sum(loaded.size for loaded in self._kept.values())
        while len(self._kept) > KEPT_MODULES or (size > KEPT_BYTES and len(self._kept) > 1):
            size -= self._kept.popitem(last=False)[1].size

    def _read(self, digest: str) -> LoadedModule | None:
        code = self._folder.read(digest) if self._folder else None
        if code is None:
            return None
        try:
            return LoadedModule(digest, wasmtime.Module.deserialize(self._engine, code), len(code))
        except wasmtime.WasmtimeError:
            return None

    def _compile(self, digest: str, wasm: bytes) -> LoadedModule:
        if hashlib.sha256(wasm).hexdigest() != digest:
            raise StoreDamaged(
                f"The module {digest[:12]}… is damaged in the store.", hint="Restore the data folder from a backup."
            )
        outline = checked_outline(wasm)
        self._check_memory(outline)
        try:
            module, code = self._compiled(digest, wasm)
        except MalformedModule as error:
            raise BuildRefused("imports", f"The module is not WebAssembly that the sandbox takes: {error}") from error
        except CompilationFailed as error:
            raise OperatorError(
                f"The module could not be compiled: {error}.", hint="Try again when the machine has more to spare."
            ) from error
        if self._folder:
            self._folder.write(digest, code)
        return LoadedModule(digest, module, len(code))

    def _compiled(self, digest: str, wasm: bytes) -> tuple[wasmtime.Module, bytes]:
        if len(wasm) <= SMALL_BYTES:
            module = compile_here(self._engine, wasm)
            return module, bytes(module.serialize())
        if known := self._too_costly.get(digest):
            raise _refused_as_costly(known)
        try:
            code = self._compilers.compile_apart(wasm)
        except CompilationTooCostly as error:
            with self._lock:
                self._too_costly[digest] = str(error)
                if len(self._too_costly) > KEPT_REFUSALS:
                    self._too_costly.popitem(last=False)
            raise _refused_as_costly(str(error)) from error
        try:
            return wasmtime.Module.deserialize(self._engine, code), code
        except wasmtime.WasmtimeError as error:
            raise CompilationFailed("its compiled code does not fit this process") from error

    def _check_memory(self, outline: Outline) -> None:
        needed, limit = outline.memory_pages[0] * _PAGE, self._limits.memory_bytes
        if needed > limit:
            raise MemoryExhausted(
                f"The module begins with {needed} bytes of memory; the limit is {limit}.",
                details={"limit": limit},
            )


def _refused_as_costly(had: str) -> BuildRefused:
    return BuildRefused(
        "compile",
        f"Compiling the module takes more than {had}.",
        hint="Make it smaller, or split its largest functions, above all those with very many loops or branches.",
    )
