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
