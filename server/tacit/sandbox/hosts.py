"""The functions of module `host`: a guest's way to the world of its run.

A call answers the length of its result, which is kept until `result_read` fetches it, in one piece or several, or
a negative code with the message as the result. What the guest may reach is the world's to decide; here its
arguments are read within its memory and its limits. A wild pointer traps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tacit.config import Limits, raise_hint
from tacit.errors import TooManyHostCalls
from tacit.sandbox.memory import GuestMemory
from tacit.sandbox.world import FailureCode, HostFailure, World

MAX_NAME_BYTES = 8192
"""Longest URL, path or capability id that is looked at."""


class Fuel(Protocol):
    """The energy of the run under way."""

    def left(self) -> int:
        """Return what is left."""
        ...

    def spend(self, energy: int) -> None:
        """Use up energy for another capability; all that is left, where that is less."""
        ...

    def charge(self, energy: int) -> None:
        """Use up energy for work of the host, about one unit a byte; raises `EnergyExhausted` for more than is left."""
        ...


class Hosts:
    """The host functions of one worker and the state of its current run; `begin` starts another."""

    def __init__(self, memory: GuestMemory, fuel: Fuel, limits: Limits, check_time: Callable[[], None]) -> None:
        """`check_time` raises when the run has to end; it is called before anything is asked of the world."""
        self._memory = memory
        self._fuel = fuel
        self._limits = limits
        self._check_time = check_time
        self._world: World | None = None
        self.begin(None)

    def begin(self, world: World | None) -> None:
        """Forget the last run and answer from `world`."""
        self._world = world
        self._calls = 0
        self._result = b""
        self._read = 0

    def functions(self) -> dict[str, Callable[..., int]]:
        """Return the functions by name."""
        return {
            "http_get": self._http_get,
            "file_read": self._file_read,
            "file_write": self._file_write,
            "capability_call": self._capability_call,
            "current_time_millis": self._current_time_millis,
            "result_read": self._result_read,
        }

    def read_clock(self, now: int) -> int:
        """Return the time of day at which WASI's clock begins; asked once a run, so not among its host calls."""
        if self._world is None:
            raise RuntimeError("the clock was read outside a run")
        return self._world.clock_time_get(now)

    def _http_get(self, pointer: int, length: int) -> int:
        url = self._read_name(pointer, length)
        return self._answer(lambda world: _bounded(world.http_get(_name(url)), self._limits.http_bytes))

    def _file_read(self, pointer: int, length: int) -> int:
        path = self._read_name(pointer, length)
        return self._answer(lambda world: _bounded(world.file_read(_name(path)), self._limits.file_bytes))

    def _file_write(self, pointer: int, length: int, data: int, size: int) -> int:
        path = self._read_name(pointer, length)
        limit = self._limits.file_bytes
        content = self._read_data(data, size, limit)

        def write(world: World) -> bytes:
            world.file_write(_name(path), _bounded(content, limit))
            return b""

        return self._answer(write)

    def _capability_call(self, pointer: int, length: int, data: int, size: int) -> int:
        name = self._read_name(pointer, length)
        limit = self._limits.input_bytes
        sent = self._read_data(data, size, limit)

        def call(world: World) -> bytes:
            called = world.capability_call(_name(name), _bounded(sent, limit), self._fuel.left())
            self._fuel.spend(called.energy)
            if called.failure is not None:
                raise called.failure
            return _bounded(called.output, self._limits.stdout_bytes)

        return self._answer(call)

    def _current_time_millis(self) -> int:
        world = self._count()
        return world.current_time_millis()

    def _result_read(self, pointer: int, capacity: int) -> int:
        part = self._result[self._read : self._read + capacity]
        self._memory.write(pointer, part)
        self._read += len(part)
        return len(part)

    def _read_name(self, pointer: int, length: int) -> bytes:
        return self._memory.read(pointer, min(length, MAX_NAME_BYTES + 1))

    def _read_data(self, pointer: int, length: int, limit: int) -> bytes:
        """Return what a guest hands over, a byte more than the limit at most; it costs its bytes."""
        size = min(length, limit + 1)
        self._memory.require(pointer + size)
        self._fuel.charge(size)
        return self._memory.read(pointer, size)

    def _answer(self, call: Callable[[World], bytes]) -> int:
        world = self._count()
        self._read = 0
        try:
            self._result = call(world)
            code = len(self._result)
        except HostFailure as failure:
            self._result = failure.message.encode("utf-8", "replace")
            code = int(failure.code)
        self._fuel.charge(len(self._result))
        return code

    def _count(self) -> World:
        self._calls += 1
        limit = self._limits.host_calls
        if self._calls > limit or self._world is None:
            raise TooManyHostCalls(
                f"The capability called host functions more than {limit} times.",
                hint=f"Give it less to do: fewer files, fewer ids.{raise_hint('host_calls', limit)}",
                details={"limit": limit},
            )
        self._check_time()
        return self._world


def _name(raw: bytes) -> str:
    if len(raw) > MAX_NAME_BYTES:
        raise HostFailure(FailureCode.INVALID, f"a name of more than {MAX_NAME_BYTES} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise HostFailure(FailureCode.INVALID, "a name that is not UTF-8") from error


def _bounded(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise HostFailure(FailureCode.TOO_LARGE, f"more than {limit} bytes")
    return data
