"""WASI preview 1 as a capability sees it, answered from memory.

It has stdin, stdout and stderr, a clock, a random source, and nothing else: no files, sockets, arguments or
environment; every other function answers ENOSYS. The clock is virtual and the random source is seeded, so the
same run gives the same bytes: each look at the clock takes a microsecond, and sleeping moves it on at once. The time
of day is the world's to tell; the monotonic clock starts at zero and tells nothing, so it asks nobody.
(Wasmtime's own WASI would block in `poll_oneoff`, which no epoch deadline interrupts, and caps no output.)
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

from tacit.config import raise_hint
from tacit.errors import LogTooLarge, OutputTooLarge
from tacit.sandbox.memory import GuestMemory

SUCCESS, EBADF, EFAULT, EINVAL, ENOSYS, ESPIPE = 0, 8, 21, 28, 52, 70
MAX_VECTORS = 1024
"""Most buffers of one read or write, and most events of one poll, so that no call keeps the host busy for long."""
_FEW_VECTORS = 2
"""Calls with more than this many do so much that the time is looked at first; a guest may make them one after another
without a branch or a call of its own, where Wasmtime would look."""

_REALTIME, _MONOTONIC = 0, 1
_TICK = 1000
_RANDOM_BLOCK = 1 << 16
_RANDOM_ENERGY = 8
"""Energy of a random byte; hashing takes that many times as long as copying."""
_CHARACTER_DEVICE = 2
_RIGHT_TO_READ, _RIGHT_TO_WRITE = 1 << 1, 1 << 6
_EVENT_CLOCK = 0
_ABSOLUTE = 1

_vector = struct.Struct("<II").unpack_from
_pack_size = struct.Struct("<I").pack_into
_subscription = struct.Struct("<QB7xI4xQQH").unpack_from
"""userdata, kind, clock, timeout in ns, precision, flags; the clock's fields mean nothing for other kinds."""
_event = struct.Struct("<QHB21x").pack


class GuestExit(Exception):  # how a guest ends, not an error
    """The guest called `proc_exit`."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Wasi:
    """The WASI functions of one worker and the state of its current run; `begin` starts another."""

    def __init__(
        self,
        memory: GuestMemory,
        stdout_limit: int,
        stderr_limit: int,
        check_time: Callable[[], None],
        charge: Callable[[int], None],
        read_clock: Callable[[int], int],
    ) -> None:
        """`check_time` raises when the run has to end; it is called before whatever takes the host long.

        `charge` takes energy for work of the host; `read_clock` asks the world for the time of day, in milliseconds,
        and is given the run's start.
        """
        self._memory = memory
        self._check_time = check_time
        self._charge = charge
        self._read_clock = read_clock
        self._limits = (stdout_limit, stderr_limit)
        self.begin(b"", 0, b"")

    def begin(self, stdin: bytes, now_millis: int, seed: bytes) -> None:
        """Forget the last run; `seed` is where the random numbers come from."""
        self._stdin = stdin
        self._position = 0
        self._written = (bytearray(), bytearray())
        self._now_millis = now_millis
        self._began: int | None = None
        self._elapsed = 0
        self._seed = seed
        self._draws = 0

    @property
    def stdout(self) -> bytes:
        """What the guest wrote to stdout so far."""
        return bytes(self._written[0])

    @property
    def stderr(self) -> bytes:
        """What the guest wrote to stderr so far."""
        return bytes(self._written[1])

    def functions(self) -> dict[str, Callable[..., int]]:
        """Return the functions that do something, by name; each returns an errno."""
        return {
            "args_get": self._nothing,
            "args_sizes_get": self._no_strings,
            "environ_get": self._nothing,
            "environ_sizes_get": self._no_strings,
            "clock_res_get": self._clock_res_get,
            "clock_time_get": self._clock_time_get,
            "fd_close": self._fd_close,
            "fd_fdstat_get": self._fd_fdstat_get,
            "fd_prestat_get": self._no_such_file,
            "fd_prestat_dir_name": self._no_such_file,
            "fd_read": self._fd_read,
            "fd_seek": self._not_seekable,
            "fd_tell": self._not_seekable,
            "fd_write": self._fd_write,
            "poll_oneoff": self._poll_oneoff,
            "proc_exit": self._proc_exit,
            "random_get": self._random_get,
            "sched_yield": self._nothing,
        }

    def unknown(self, *_arguments: int) -> int:
        """Answer for every function that is not among `functions`."""
        return ENOSYS

    def _nothing(self, *_arguments: int) -> int:
        return SUCCESS

    def _no_such_file(self, *_arguments: int) -> int:
        return EBADF

    def _no_strings(self, count: int, size: int) -> int:
        self._memory.write(count, bytes(4))
        self._memory.write(size, bytes(4))
        return SUCCESS

    def _not_seekable(self, fd: int, *_arguments: int) -> int:
        return ESPIPE if fd <= 2 else EBADF

    def _fd_close(self, fd: int) -> int:
        return SUCCESS if fd <= 2 else EBADF

    def _fd_fdstat_get(self, fd: int, result: int) -> int:
        if fd > 2:
            return EBADF
        rights = _RIGHT_TO_READ if fd == 0 else _RIGHT_TO_WRITE
        self._memory.write(result, struct.pack("<BxH4xQQ", _CHARACTER_DEVICE, 0, rights, 0))
        return SUCCESS

    def _fd_read(self, fd: int, vectors: int, count: int, result: int) -> int:
        if fd != 0:
            return EBADF
        if count > _FEW_VECTORS:
            if count > MAX_VECTORS:
                return EINVAL
            self._check_time()
        memory, stdin = self._memory, self._stdin
        memory.require(max(vectors + 8 * count, result + 4))
        first = position = self._position
        left = len(stdin) - position
        spans: list[tuple[int, int]] = []  # all are checked before any is copied, as in `_fd_write`
        for at in range(vectors, vectors + 8 * count, 8):
            pointer, length = _vector(memory.view, at)
            length = min(length, left)
            if not length:
                continue
            left -= length
            end = pointer + length
            if end > memory.size:
                memory.require(end)
            spans.append((pointer, end))
        for pointer, end in spans:
            size = end - pointer
            memory.view[pointer:end] = stdin[position : position + size]
            position += size
        _pack_size(memory.view, result, position - first)
        self._position = position
        return SUCCESS

    def _fd_write(self, fd: int, vectors: int, count: int, result: int) -> int:
        if not 1 <= fd <= 2:
            return EBADF
        if count > _FEW_VECTORS:
            if count > MAX_VECTORS:
                return EINVAL
            self._check_time()
        memory, written = self._memory, self._written[fd - 1]
        memory.require(max(vectors + 8 * count, result + 4))
        room = self._limits[fd - 1] - len(written)
        parts: list[memoryview] = []
        size = 0
        # Nothing is copied before all buffers are known to be the guest's: it could have a large one copied again and
        # again, for the price of a call that fails.
        for at in range(vectors, vectors + 8 * count, 8):
            pointer, length = _vector(memory.view, at)
            end = pointer + length
            if end > memory.size:
                memory.require(end)
            size += length
            if size > room:
                raise self._too_much(fd)
            parts.append(memory.view[pointer:end])
        for part in parts:
            written += part
        _pack_size(memory.view, result, size)
        return SUCCESS

    def _too_much(self, fd: int) -> OutputTooLarge | LogTooLarge:
        limit = self._limits[fd - 1]
        kind, name = ((OutputTooLarge, "stdout"), (LogTooLarge, "stderr"))[fd - 1]
        return kind(
            f"The capability wrote more than {limit} bytes to {name}.",
            hint=f"Ask it for less: a part, a filter, fewer results.{raise_hint(f'{name}_bytes', limit)}",
            details={"limit": limit},
        )

    def _clock_res_get(self, clock: int, result: int) -> int:
        if clock > _MONOTONIC:
            return EINVAL
        self._memory.write(result, struct.pack("<Q", _TICK))
        return SUCCESS

    def _clock_time_get(self, clock: int, _precision: int, result: int) -> int:
        if clock > _MONOTONIC:
            return EINVAL
        self._elapsed += _TICK
        self._memory.write(result, struct.pack("<Q", self._now(clock) & 0xFFFF_FFFF_FFFF_FFFF))
        return SUCCESS

    def _now(self, clock: int) -> int:
        if clock != _REALTIME:
            return self._elapsed
        if self._began is None:  # once a run: what the world answers it cannot change meanwhile
            self._began = self._read_clock(self._now_millis) * 1_000_000
        return self._elapsed + self._began

    def _random_get(self, pointer: int, length: int) -> int:
        memory = self._memory
        memory.require(pointer + length)
        for start in range(0, length, _RANDOM_BLOCK):
            self._check_time()
            size = min(_RANDOM_BLOCK, length - start)
            self._charge(_RANDOM_ENERGY * size)
            drawn = hashlib.shake_128(self._draws.to_bytes(8, "little") + self._seed)
            self._draws += 1
            memory.write(pointer + start, drawn.digest(size))
        return SUCCESS

    def _poll_oneoff(self, subscriptions: int, events: int, count: int, result: int) -> int:
        """Answer what is ready; otherwise move the clock to the first of the times waited for."""
        if not 0 < count <= MAX_VECTORS:
            return EINVAL
        if count > _FEW_VECTORS:
            self._check_time()
        memory = self._memory
        memory.require(max(subscriptions + 48 * count, events + 32 * count, result + 4))
        ready: list[bytes] = []
        waits: list[tuple[int, bytes]] = []
        for index in range(count):
            userdata, kind, clock, timeout, _, flags = _subscription(memory.view, subscriptions + 48 * index)
            if kind != _EVENT_CLOCK:
                ready.append(_event(userdata, SUCCESS, kind))
            elif clock > _MONOTONIC:
                ready.append(_event(userdata, EINVAL, kind))
            else:
                wait = max(timeout - self._now(clock), 0) if flags & _ABSOLUTE else timeout
                waits.append((wait, _event(userdata, SUCCESS, kind)))
        if not ready:
            wait, first = min(waits, key=lambda waited: waited[0])
            self._elapsed += wait
            ready.append(first)
        memory.write(events, b"".join(ready))
        _pack_size(memory.view, result, len(ready))
        return SUCCESS

    def _proc_exit(self, code: int) -> int:
        raise GuestExit(code)
