"""Compiling a module to machine code, within bounds.

Cranelift cannot be interrupted, and the time it takes can grow with the square of a function's size: 250 KB of empty
loops in one function take it 20 s of the processor and 2 GB of memory. So only small modules are compiled in the
process that asks; any other in a process of its own, which the system stops at a limit of processor time and memory.

That process runs this module's `main`, no code of an author's, so its answer may be loaded as machine code.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import wasmtime

if sys.platform != "win32":
    import resource

from tacit.sandbox.binary import MalformedModule, read_outline
from tacit.sandbox.configuration import EngineLimits, open_engine
from tacit.sandbox.growth import show_refused_growth

SMALL_BYTES = 2 << 10
"""Largest module that is compiled in the process itself: eight times as much can take 10 s and 4 GB."""
SECONDS, SECONDS_PER_MIB = 10, 10
"""Processor time for a module: about twenty times what Rust's take, four times what interpreters in C do."""
MEMORY_BYTES = 1 << 30
_PATIENCE = 3
"""Times the processor time that a busy machine may take to give it."""
_AT_ONCE = 2
"""Processes at once; more modules wait, rather than have the memory of all."""
_MALFORMED = 2
"""The exit code of a process that found a module malformed, and said so on stderr."""
_ORPHAN_SECONDS = 0.5
_TURN_SECONDS = 60.0
_GRACE_SECONDS = 5
"""Between the signals that say and that enforce that the processor time is over: only the first one tells why."""
if sys.platform != "win32":
    _TOO_COSTLY = {-signal.SIGXCPU, -signal.SIGABRT}
else:
    _TOO_COSTLY = set[int]()
"""How a process ends for want of processor time, and of memory. Whoever else kills it says nothing about the module."""


class CompilationFailed(Exception):  # no error of Tacit; `modules` makes it one
    """The process could not compile at all; the text says why."""


class CompilationTooCostly(Exception):  # no error of Tacit; `modules` makes it one
    """The module takes more processor time or memory than it is worth; the text says how much it had."""


def compile_here(engine: wasmtime.Engine, wasm: bytes) -> wasmtime.Module:
    """Compile a module whose outline was checked; raises `MalformedModule`."""
    try:
        return wasmtime.Module(engine, show_refused_growth(wasm, read_outline(wasm)))
    except wasmtime.WasmtimeError as error:
        raise MalformedModule(str(error).strip().rpartition("\n")[2][:300]) from error


class Compilers:
    """The processes that compile; thread-safe."""

    def __init__(self, limits: EngineLimits) -> None:
        self._limits = limits
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def compile_apart(self, wasm: bytes) -> bytes:
        """Return a module's compiled code; raises `MalformedModule`, `CompilationTooCostly` or `CompilationFailed`."""
        seconds = SECONDS + SECONDS_PER_MIB * len(wasm) // (1 << 20)
        if not self._places.acquire(timeout=_TURN_SECONDS):
            raise CompilationFailed("other modules are being compiled")
        try:
            code, said, status = self._ask(wasm, seconds)
        finally:
            self._places.release()
        if status == 0:
            return code
        problem = said.decode("utf-8", "replace").strip().rpartition("\n")[2][:300]
        if status == _MALFORMED:
            raise MalformedModule(problem)
        if self._closed or status not in _TOO_COSTLY:
            raise CompilationFailed(problem or f"the process that compiles ended with {status}")
        raise CompilationTooCostly(f"{seconds} s of the processor or {MEMORY_BYTES >> 20} MiB of memory")

    def close(self) -> None:
        """End what runs; whoever waits for it gets `CompilationFailed`."""
        self._closed = True
        for process in list(self._running):
            process.kill()

    def _ask(self, wasm: bytes, seconds: int) -> tuple[bytes, bytes, int]:
        """Return what the process wrote to stdout and stderr, and its exit code, negative for a signal."""
        limits = (self._limits.memory_bytes, self._limits.stack_bytes, seconds, MEMORY_BYTES)
        command = [sys.executable, "-P", "-s", "-m", "tacit.sandbox.compiling", *map(str, limits)]
        # Nothing of the environment but where Python finds this very module and Wasmtime.
        environment = {"PYTHONPATH": os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path if entry)}
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, cwd="/")
        except OSError as error:
            raise CompilationFailed(f"the process that compiles does not start: {error.strerror}") from error
        self._running.add(process)
        try:
            if self._closed:
                process.kill()
            code, said = process.communicate(wasm, timeout=_PATIENCE * seconds)
            return code, said, process.returncode
        except subprocess.TimeoutExpired:
            return b"", b"", -1
        finally:
            self._running.discard(process)
            process.kill()
            process.communicate()


class _Limits(NamedTuple):
    memory_bytes: int
    stack_bytes: int


def main() -> None:
    """Compile the module on stdin to stdout, within the limits that the arguments name."""
    memory_bytes, stack_bytes, *most = map(int, sys.argv[1:])
    _limit(*most)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    engine = open_engine(_Limits(memory_bytes, stack_bytes), slots=1)
    try:
        module = compile_here(engine, sys.stdin.buffer.read())
    except MalformedModule as error:
        sys.stderr.write(str(error))
        sys.exit(_MALFORMED)
    sys.stdout.buffer.write(module.serialize())


def _limit(seconds: int, memory: int) -> None:
    """Let the system end this process where it takes too long or too much."""
    if sys.platform != "win32":
        wanted = ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_DATA, memory))
        for kind, value in wanted:
            _, most = resource.getrlimit(kind)
            limit = value if most == resource.RLIM_INFINITY else min(value, most)
            hard = limit + _GRACE_SECONDS if kind == resource.RLIMIT_CPU and most == resource.RLIM_INFINITY else limit
            resource.setrlimit(kind, (limit, hard))


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone: nobody waits for the code any more."""
    while os.getppid() == parent:
        time.sleep(_ORPHAN_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
