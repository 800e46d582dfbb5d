"""A guest's linear memory, read and written by the host within its bounds."""

from __future__ import annotations

import ctypes

from tacit.sandbox.bindings import memory_data, memory_size

_KEPT_VIEWS = 64


class OutOfBounds(Exception):  # becomes EFAULT or a trap, never an error of Tacit
    """The guest named bytes outside its memory."""


class GuestMemory:
    """The memory of the instance that a worker runs; detached between runs.

    `view` covers the first `size` bytes. A guest may have grown its memory since, so an access beyond `size` looks
    again before it is refused; memories neither move nor shrink while they are attached, so a view stays right.
    `context` is the address of its store's context, 0 while detached.
    """

    __slots__ = ("_memory", "_views", "context", "size", "view")

    def __init__(self) -> None:
        self.context = 0
        self._memory = 0
        self._views: dict[tuple[int, int], memoryview] = {}
        self.view = memoryview(b"")
        self.size = 0

    def attach(self, context: int, memory: int) -> None:
        """Turn to the memory at `memory` (a `wasmtime_memory_t`) of the store with that context."""
        self.context = context
        self._memory = memory
        self._look()

    def detach(self) -> None:
        """Forget the memory; every access is out of bounds until the next `attach`."""
        self.context = 0
        self.view = memoryview(b"")
        self.size = 0

    def require(self, end: int) -> None:
        """Raise `OutOfBounds` unless the memory has at least `end` bytes."""
        if end > self.size:
            if self.context:
                self._look()
            if end > self.size:
                raise OutOfBounds

    def read(self, pointer: int, length: int) -> bytes:
        """Return a copy of `length` bytes at `pointer`."""
        end = pointer + length
        if end > self.size:
            self.require(end)
        return self.view[pointer:end].tobytes()

    def write(self, pointer: int, data: bytes | memoryview) -> None:
        """Copy `data` to `pointer`."""
        end = pointer + len(data)
        if end > self.size:
            self.require(end)
        self.view[pointer:end] = data

    def _look(self) -> None:
        size = memory_size(self.context, self._memory)
        if size == self.size:
            return
        key = (memory_data(self.context, self._memory) or 0, size)
        view = self._views.get(key)
        if view is None:
            if len(self._views) >= _KEPT_VIEWS:
                self._views.clear()
            view = self._views[key] = memoryview((ctypes.c_ubyte * size).from_address(key[0])).cast("B")
        self.view = view
        self.size = size
