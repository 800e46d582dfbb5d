"""What guests make the host do: it ends with the run's time, and takes no more memory than the limits say."""

from __future__ import annotations

import tracemalloc

import pytest

from guests import LIMITS, Run, SmallWorld, guest, printing
from tacit.errors import CapabilityFailed
from tacit.sandbox import Cancellation

WORK = {
    "random": "(call $random (i32.const 2048) (i32.const 8))",
    "reads": "(call $fd_read (i32.const 0) (i32.const 2048) (i32.const 3) (i32.const 8))",
    "writes": "(call $fd_write (i32.const 1) (i32.const 2048) (i32.const 3) (i32.const 8))",
    "polls": "(call $poll (i32.const 2048) (i32.const 8192) (i32.const 3) (i32.const 8))",
    "fetches": "(call $http_get (i32.const 0) (i32.const 1))",
    "files": "(call $file_read (i32.const 0) (i32.const 1))",
    "kept files": "(call $file_write (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))",
    "calls": "(call $call (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))",
    "clock": "(call $now)",
}
"""Calls that cost the host more than a look at the clock would, each made by a guest that has no loop."""


@pytest.mark.parametrize("call", WORK.values(), ids=WORK)
def test_a_straight_line_of_calls_meets_the_wall_time(run: Run, call: str) -> None:
    """Where Wasmtime has no reason to look at the time, the host functions do: none works after the deadline."""
    world = SmallWorld()
    execution = run(guest(f"(drop {call})"), world=world, wall_seconds=0.0)
    assert execution.failure is not None
    assert execution.failure.code == "timeout"
    assert world.asked == []


def test_a_straight_line_of_calls_is_cancelled(run: Run) -> None:
    """A guest without a loop is stopped at its next call."""
    cancellation = Cancellation()
    cancellation.cancel()
    execution = run(guest(f"(drop {WORK['random']})"), cancellation=cancellation)
    assert execution.failure is not None
    assert execution.failure.code == "cancelled"


EMPTY_WRITES = """
  (local $left i32) (local.set $left (i32.const 300))
  (loop $again
    (drop (call $fd_write (i32.const FD) (i32.const 8192) (i32.const 1024) (i32.const 8)))
    (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
"""
SMALL_WRITES = "(loop $again (call $put (i32.const FD) (i32.const 1024) (i32.const 2)) (br $again))"


@pytest.mark.parametrize("fd", [1, 2])
@pytest.mark.parametrize("body", [EMPTY_WRITES, SMALL_WRITES], ids=["empty", "small"])
def test_a_flood_of_small_writes_takes_no_more_than_their_bytes(run: Run, body: str, fd: int) -> None:
    """What is kept of stdout and stderr is bytes, not an object for each of the buffers that they came in."""
    wasm = guest(body.replace("FD", str(fd)))
    run(wasm, energy=1000)
    tracemalloc.start()
    try:
        run(wasm)
        assert tracemalloc.get_traced_memory()[1] < 4 * LIMITS.stdout_bytes
    finally:
        tracemalloc.stop()


def test_a_large_error_object_is_cut_to_its_code_and_message(run: Run) -> None:
    """What a callee's failure hands to its caller, once for each call, does not grow to the size of an output."""
    execution = run(printing('{"error":{"code":"x","message":"' + "y" * 3000 + '","more":"' + "z" * 30_000 + '"}}'))
    assert isinstance(execution.failure, CapabilityFailed)
    assert execution.failure.details == {"code": "x", "message": "y" * 2000}


CHEAP = {
    "yields": "(call $environ_sizes (i32.const 0) (i32.const 4))",
    "unknown functions": "(call $prestat (i32.const 5) (i32.const 0))",
    "monotonic clock": "(call $clock (i32.const 1) (i64.const 0) (i32.const 64))",
    "empty reads": "(call $fd_read (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 8))",
    "failing writes": "(call $fd_write (i32.const 1) (i32.const -1) (i32.const 1) (i32.const 8))",
    "results": "(call $result (i32.const 64) (i32.const 1))",
}
"""Calls that cost the host less than a look at the clock, or not much more."""


@pytest.mark.parametrize("call", CHEAP.values(), ids=CHEAP)
def test_a_straight_line_of_cheap_calls_meets_the_wall_time(run: Run, call: str) -> None:
    """A few hundred go by without a look at the time, not as many as fit into a module."""
    execution = run(guest(f"(drop {call})" * 300), wall_seconds=0.0)
    assert execution.failure is not None
    assert execution.failure.code == "timeout"


OUTSIDE = """
  (i32.store (i32.const 64) (i32.const 2048)) (i32.store (i32.const 68) (i32.const 60000))
  (i32.store (i32.const 72) (i32.const 60000)) (i32.store (i32.const 76) (i32.const 60000))
  (call $print_errno (call $CALL (i32.const FD) (i32.const LIST) (i32.const COUNT) (i32.const 8)))
"""


@pytest.mark.parametrize(
    ("call", "fd", "at", "count"),
    [("fd_write", 1, 64, 2), ("fd_read", 0, 64, 2), ("fd_read", 0, 72, 1)],
)
def test_nothing_is_copied_for_a_call_that_fails(run: Run, call: str, fd: int, at: int, count: int) -> None:
    """A buffer that lies outside is found before one that does not is copied, or looping guests copy for nothing."""
    body = OUTSIDE.replace("CALL", call).replace("FD", str(fd)).replace("LIST", str(at)).replace("COUNT", str(count))
    wasm, stdin = guest(body), b"x" * 200_000
    run(wasm, stdin)
    tracemalloc.start()
    try:
        assert run(wasm, stdin).output == b"21"
        assert tracemalloc.get_traced_memory()[1] < 30_000
    finally:
        tracemalloc.stop()


PAID = {
    "random": ("(call $random (i32.const 0) (i32.const 60000))", 8 * 60_000),
    "files": ("(call $file_read (i32.const 0) (i32.const 1))", 60_000),
    "pages": ("(call $http_get (i32.const 0) (i32.const 1))", 60_000),
    "kept files": ("(call $file_write (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 60000))", 60_000),
    "calls": ("(call $call (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 60000))", 120_000),
}
"""What the host moves for a guest, ten times, and about how much energy that is worth."""


@pytest.mark.parametrize(("call", "worth"), PAID.values(), ids=PAID)
def test_bytes_that_the_host_moves_cost_energy(run: Run, call: str, worth: int) -> None:
    """About what they cost a guest that moves them itself, but for the first 64 KiB."""
    world = SmallWorld(b"x" * 60_000)
    spent = run(guest(f"(drop {call})" * 10), world=world).energy
    assert 10 * worth - (1 << 16) <= spent <= 10 * worth + 1000


@pytest.mark.parametrize("call", [call for call, _ in PAID.values()], ids=PAID)
def test_a_straight_line_of_host_work_meets_the_energy(run: Run, call: str) -> None:
    """Where Wasmtime has no reason to look at the energy, the host does, before it works."""
    world = SmallWorld(b"x" * 60_000)
    execution = run(guest(f"(drop {call})" * 10), world=world, energy=200_000)
    assert execution.failure is not None
    assert execution.failure.code == "energy_exhausted"
    assert execution.energy == 200_000
    assert len(world.asked) <= 5


def test_small_work_of_the_host_is_free(run: Run) -> None:
    """The energy of what most guests do is what it was before the host's work was charged."""
    draw = "(drop (call $random (i32.const 64) (i32.const SIZE)))"
    assert run(guest(draw.replace("SIZE", "16"))).energy == run(guest(draw.replace("SIZE", "4096"))).energy
