"""One run at a time: a worker owns the buffers, the callbacks and the linked modules that its runs need.

Each run gets a store and an instance of its own, so nothing of it is left for the next. The callbacks are closures
of the worker: a host function finds its run without a look-up, and what it raises is kept here, turned into a trap
that unwinds the guest, and judged after the call.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any, NamedTuple

import wasmtime

from tacit.config import LESS, Limits, raise_hint
from tacit.errors import RunCancelled, RunTimedOut, TacitError
from tacit.sandbox import bindings
from tacit.sandbox.cancellation import Cancellation
from tacit.sandbox.execution import Execution, memory_failure, read_output, trap_failure
from tacit.sandbox.growth import REFUSED_EXPORT
from tacit.sandbox.hosts import Hosts
from tacit.sandbox.memory import GuestMemory, OutOfBounds
from tacit.sandbox.modules import LoadedModule
from tacit.sandbox.signatures import SIGNATURES
from tacit.sandbox.trampolines import Stop, guarded_entry, trampoline
from tacit.sandbox.wasi import EFAULT, GuestExit, Wasi
from tacit.sandbox.world import World

_LONG_RUN = 0.001
"""Seconds after which a run may have so many pages to give back that others should get the GIL meanwhile."""
_LARGE_MODULE = 4 << 20
_CHARGED_BLOCK = 1 << 16
"""Energy that the host's work has to come to before it is charged."""
_FINAL_TRAPS = {"out_of_fuel", "stack_overflow"}


class Request(NamedTuple):  # a dataclass would cost a microsecond of 40
    """What a run is given; `deadline` is on the monotonic clock."""

    stdin: bytes
    world: World
    energy: int
    now_millis: int
    seed: bytes
    deadline: float
    cancellation: Cancellation | None


class _Buffers:
    """Places that Wasmtime writes to, as addresses in one aligned block."""

    __slots__ = ("_block", "export", "fuel", "instance", "memory", "memory_export", "start", "trap", "value")

    def __init__(self) -> None:
        self._block = ctypes.create_string_buffer(256)
        base = ctypes.addressof(self._block)
        base += -base % 16
        self.instance = base
        self.trap = base + 16
        self.fuel = base + 24
        self.export = base + 32
        self.memory_export = base + 64
        self.value = base + 96
        self.start = self.export + bindings.EXTERN_ITEM
        self.memory = self.memory_export + bindings.EXTERN_ITEM


class _StoreFuel:
    """The fuel of the store that a worker's memory is attached to.

    The host's own work costs whole blocks of energy, which is one unit a byte copied, as in a guest's `memory.copy`:
    what a small run has the host do is free, and no fuel is asked for.
    """

    def __init__(self, memory: GuestMemory, fuel: ctypes.c_uint64) -> None:
        self._memory = memory
        self._fuel = fuel
        self._address = ctypes.addressof(fuel)
        self.owed = 0
        """Energy that the host's work is worth and that was not charged yet; a run begins with none."""

    def charge(self, energy: int) -> None:
        """Take fuel for work of the host; raises `EnergyExhausted` where less is left, before the work is done."""
        self.owed += energy
        if self.owed >= _CHARGED_BLOCK:
            due = self.owed - self.owed % _CHARGED_BLOCK
            self.owed -= due
            left = self.left()
            self.spend(due)
            if due > left:
                raise trap_failure("out_of_fuel", "", "")

    def left(self) -> int:
        """Return the fuel that is left."""
        if error := bindings.get_fuel(self._memory.context, self._address):
            raise bindings.refused(error)
        return self._fuel.value

    def spend(self, energy: int) -> None:
        """Take fuel away, at most all of it."""
        if error := bindings.set_fuel(self._memory.context, max(self.left() - energy, 0)):
            raise bindings.refused(error)


class Worker:
    """Runs modules one after another; not thread-safe, but not bound to a thread."""

    def __init__(self, engine: wasmtime.Engine, limits: Limits) -> None:
        self._engine = engine
        self._engine_address = bindings.address(engine)
        self._limits = limits
        self._buffers = _Buffers()
        self._trap = ctypes.c_void_p.from_address(self._buffers.trap)
        self._fuel = ctypes.c_uint64.from_address(self._buffers.fuel)
        self._memory = GuestMemory()
        self._store_fuel = _StoreFuel(self._memory, self._fuel)
        self._hosts = Hosts(self._memory, self._store_fuel, limits, self._check_time)
        output = (limits.stdout_bytes, limits.stderr_bytes)
        self._wasi = Wasi(self._memory, *output, self._check_time, self._store_fuel.charge, self._hosts.read_clock)
        self._on_epoch = bindings.EPOCH_CALLBACK(self._at_tick)
        self._on_epoch_address = ctypes.cast(self._on_epoch, ctypes.c_void_p).value
        self._callbacks: dict[tuple[str, str], Any] = {}
        self._stop = Stop(lambda: bindings.trap_new(b"stopped", 7))
        self._late = Stop(lambda: bindings.error_new(b"stopped"))
        self._deadline = 0.0
        self._cancellation: Cancellation | None = None
        self._computing_since: float | None = None
        self.closing = False

    def run(self, loaded: LoadedModule, request: Request) -> Execution:
        """Run a module to its end in an instance of its own.

        What the guest or the world did wrong is the execution's failure; only an exception that is no TacitError
        (a bug of the world, an interrupt of the user) is raised.
        """
        started = time.perf_counter()
        linked = loaded.linked.get(self) or self.link(loaded)
        self._wasi.begin(request.stdin, request.now_millis, request.seed)
        self._hosts.begin(request.world)
        self._store_fuel.owed = 0
        self._deadline, self._cancellation = request.deadline, request.cancellation
        if self._stop.reason or self._late.reason:  # an interrupt left the last run before it was judged
            self._stopped_by()
        self._computing_since = None
        failure: TacitError | None = None
        exit_code = 0
        store = bindings.store_new(self._engine_address, None, None)
        try:
            context = self._prepare(store, request.energy)
            error = self._enter(context, loaded, linked)
            if error or self._trap.value:
                exit_code, failure = self._ended(context, error)
            if unread := bindings.get_fuel(context, self._buffers.fuel):
                raise bindings.refused(unread)
        except BaseException:
            if self._trap.value:  # the next run would take it for its own
                self._consume_trap()
            raise
        finally:
            self._memory.detach()
            self._hosts.begin(None)
            self._cancellation = None
            long = time.perf_counter() - started > _LONG_RUN
            (bindings.store_delete_released if long else bindings.store_delete)(store)
        return self._execution(request.energy, started, exit_code, failure)

    def rehearse(self, loaded: LoadedModule) -> None:
        """Link a module and make one instance of it, which runs nothing, so that its first run finds all in place."""
        linked = self.link(loaded)
        store = bindings.store_new(self._engine_address, None, None)
        context = bindings.store_context(store)
        error = bindings.instantiate_released(linked, context, self._buffers.instance, self._buffers.trap)
        if error:
            bindings.consume_error(error)
        if self._trap.value:
            self._consume_trap()
        bindings.store_delete_released(store)
        read_output(b'{"key":"text"}', 0, "")  # the parser makes its cache of strings with the first one

    def _prepare(self, store: int, energy: int) -> int:
        context = bindings.store_context(store)
        bindings.store_on_epoch(store, self._on_epoch_address, None, None)
        bindings.set_epoch_deadline(context, 1)
        if error := bindings.set_fuel(context, energy):
            raise bindings.refused(error)
        return context

    def _enter(self, context: int, loaded: LoadedModule, linked: int) -> int | None:
        """Instantiate and call `_start`; a trap is left in its buffer, and another error's address returned."""
        buffers = self._buffers
        # Instantiating runs no guest code (start sections are refused); only a large module takes its time.
        instantiate = bindings.instantiate_released if loaded.size > _LARGE_MODULE else bindings.instantiate
        error = instantiate(linked, context, buffers.instance, buffers.trap)
        if not (error or self._trap.value):
            found = bindings.export_get(context, buffers.instance, b"memory", 6, buffers.memory_export)
            if not (found and bindings.export_get(context, buffers.instance, b"_start", 6, buffers.export)):
                raise RuntimeError("a module that was checked has neither memory nor _start")
            self._memory.attach(context, buffers.memory)
            error = bindings.function_call(context, buffers.start, buffers.value, 1, buffers.trap)
        return error

    def _ended(self, context: int, error: int | None) -> tuple[int, TacitError | None]:
        """Judge why the guest did not return: its exit code, and the failure unless it exited by itself."""
        name, message = None, bindings.consume_error(error) if error else ""
        if self._trap.value:
            name, message = self._consume_trap()
        stopped = self._stopped_by()
        refused = self._growth_refused(context)
        log = self._wasi.stderr.decode("utf-8", "replace")
        if isinstance(stopped, GuestExit):
            if stopped.code and refused:
                return stopped.code, memory_failure(self._limits.memory_bytes, log)
            return stopped.code, None
        if stopped is not None:
            return 0, _of_the_host(stopped, log)
        if refused and name not in _FINAL_TRAPS:
            return 0, memory_failure(self._limits.memory_bytes, log)
        return 0, trap_failure(name, message, log)

    def _stopped_by(self) -> BaseException | None:
        """Return what a callback raised in the last run, and make ready for the next."""
        reason = None
        for stop in (self._stop, self._late):
            if stop.reason is not None:
                reason = stop.reason
                stop.renew()
        return reason

    def _consume_trap(self) -> tuple[str | None, str]:
        trap, self._trap.value = self._trap.value or 0, None
        return bindings.consume_trap(trap)

    def _execution(self, energy: int, started: float, exit_code: int, failure: TacitError | None) -> Execution:
        output = self._wasi.stdout
        log = self._wasi.stderr.decode("utf-8", "replace")
        value = None
        if failure is None:
            value, failure = read_output(output, exit_code, log)
        return Execution(output, value, log, energy - self._fuel.value, time.perf_counter() - started, failure)

    def _growth_refused(self, context: int) -> bool:
        """Return whether the flag that `growth` added says so; only modules that grow have it."""
        buffers = self._buffers
        if not self._memory.size:
            return False
        found = bindings.export_get(context, buffers.instance, REFUSED_EXPORT, len(REFUSED_EXPORT), buffers.export)
        # Reading anything but a global as one would abort the process.
        if not found or ctypes.c_uint8.from_address(buffers.export).value != bindings.EXTERN_GLOBAL:
            return False
        bindings.global_get(context, buffers.export + bindings.EXTERN_ITEM, buffers.value)
        return ctypes.c_int32.from_address(buffers.value + bindings.VALUE_ITEM).value != 0

    @guarded_entry
    def _at_tick(self, _context: int, _data: int, delta: int, _kind: int) -> int | None:
        """Check the time; called at a tick when the guest next begins a function or the round of a loop."""
        try:
            if self._computing_since is None:  # at the first tick: short runs need not pay for the question
                self._computing_since = time.thread_time()
            self._check_time()
            ctypes.c_uint64.from_address(delta).value = 1
        except BaseException as error:  # must not cross C; raised or judged after the call
            self._late.reason = error
            return self._late.answer
        return None

    def _check_time(self) -> None:
        """Raise what ends the run when it was cancelled or its time is up."""
        if self.closing or (self._cancellation is not None and self._cancellation.cancelled):
            raise RunCancelled("The run was cancelled.")
        if time.monotonic() >= self._deadline:
            raise self._timed_out()

    def _timed_out(self) -> RunTimedOut:
        """Return the error with what tells a guest that computes from one that waits for the world or the machine."""
        since = self._computing_since
        computed = 0.0 if since is None else round(time.thread_time() - since, 3)
        details = {"computed_seconds": computed, "limit_seconds": self._limits.wall_seconds}
        hint = LESS + raise_hint("wall_seconds", self._limits.wall_seconds)
        return RunTimedOut("The run took longer than its wall time.", hint=hint, details=details)

    def link(self, loaded: LoadedModule) -> int:
        """Link a module to this worker's functions, once for as long as it lives; return the address."""
        linker = wasmtime.Linker(self._engine)
        defined: set[tuple[str, str]] = set()
        for item in loaded.module.imports:
            name = (item.module, item.name or "")
            if name not in defined:
                defined.add(name)
                self._define(linker, *name)
        instance_pre = linker.instantiate_pre(loaded.module)
        loaded.kept.append(instance_pre)
        loaded.linked[self] = bindings.address(instance_pre)
        return loaded.linked[self]

    def _define(self, linker: wasmtime.Linker, module: str, name: str) -> None:
        signature = SIGNATURES[module, name]
        callback = self._callbacks.get((module, name))
        if callback is None:
            callback = self._callbacks[module, name] = self._callback(module, name, signature)
        kind = _function_type(signature)
        error = bindings.linker_define(
            bindings.address(linker),
            module.encode(),
            len(module),
            name.encode(),
            len(name),
            bindings.address(kind),
            ctypes.cast(callback, ctypes.c_void_p),
            None,
            None,
        )
        if error:
            raise RuntimeError(f"Wasmtime refused {module}.{name}: {bindings.consume_error(error)}")

    def _callback(self, module: str, name: str, signature: str) -> Any:
        if module == "host":
            return trampoline(signature, self._hosts.functions()[name], self._stop, self._check_time)
        function = self._wasi.functions().get(name, self._wasi.unknown)
        return trampoline(signature, function, self._stop, self._check_time, EFAULT)


def _of_the_host(stopped: BaseException, log: str) -> TacitError:
    if isinstance(stopped, TacitError):
        return stopped
    if isinstance(stopped, OutOfBounds):
        return trap_failure("memory_out_of_bounds", "", log)
    raise stopped


def _function_type(signature: str) -> wasmtime.FuncType:
    types = {"i": wasmtime.ValType.i32, "I": wasmtime.ValType.i64}
    parameters, results = signature.split(">")
    return wasmtime.FuncType([types[letter]() for letter in parameters], [types[letter]() for letter in results])
