"""What guests do wrong on purpose: each ends with an error of its own, and the sandbox runs on (see `sandbox`)."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from guests import ECHO, LIMITS, LOOP, Run, SmallWorld, digest_of, guest, module, printing, run_with_energy
from tacit.config import MIB
from tacit.errors import BuildRefused, CapabilityFailed, GuestExited, GuestTrapped, MemoryExhausted
from tacit.sandbox import Cancellation, Execution, Sandbox

WILD = "0xffffff00"
OVERFLOWING_STACK = "(func $deeper (param i64) (call $deeper (i64.add (local.get 0) (i64.const 1))))"


def code(execution: Execution) -> str:
    return execution.failure.code if execution.failure else "none"


def test_a_loop_uses_up_its_energy(run: Run) -> None:
    """An endless loop ends with energy_exhausted, and exactly its energy is used."""
    execution = run(guest(LOOP), energy=1_000_000)
    assert code(execution) == "energy_exhausted"
    assert abs(execution.energy - 1_000_000) < 100


def test_a_loop_with_energy_left_meets_the_wall_time() -> None:
    """An endless loop that has energy enough ends with timeout."""
    assert code(run_with_energy(guest(LOOP), SmallWorld(), wall_seconds=0.03)) == "timeout"


def test_a_run_without_time_left_times_out(run: Run) -> None:
    """A wall time of nothing still ends as timeout, not as no limit."""
    assert code(run(guest(LOOP), wall_seconds=0.0)) == "timeout"


def test_a_timeout_says_how_long_the_guest_computed() -> None:
    """An endless loop computed for its time; a guest that waited for the world did not."""
    waited: list[bytes] = []

    def called(_: str, data: bytes) -> bytes:
        threading.Event().wait(1.2)
        waited.append(data)
        return b"null"

    def computed(body: str) -> float:
        failure = run_with_energy(guest(body), SmallWorld(called=called), wall_seconds=1.0).failure
        assert failure is not None
        assert failure.details["limit_seconds"] == LIMITS.wall_seconds
        return float(failure.details["computed_seconds"])

    assert computed(LOOP) > 0
    assert computed(f"(drop (call $call (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0))) {LOOP}") < 0.5
    assert len(waited) == 1


def test_a_loop_is_cancelled_from_another_thread() -> None:
    """Cancelling stops a guest that loops."""
    cancellation = Cancellation()
    world = SmallWorld(called=lambda *_: threading.Timer(0.01, cancellation.cancel).start() or b"")
    looping = f"(drop (call $call (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0))) {LOOP}"
    assert code(run_with_energy(guest(looping), world, cancellation=cancellation)) == "cancelled"


def test_a_loop_of_host_functions_is_cancelled(run: Run) -> None:
    """Cancelling stops a guest that does nothing but call WASI."""
    cancellation = Cancellation()
    cancellation.cancel()
    looping = "(loop $again (drop (call $random (i32.const 2048) (i32.const 1))) (br $again))"
    assert code(run(guest(looping), cancellation=cancellation)) == "cancelled"


def test_sleeping_an_hour_takes_no_time(run: Run) -> None:
    """poll_oneoff moves the virtual clock on and returns at once."""
    body = """
      (i64.store (i32.const 2048) (i64.const 7))
      (i32.store (i32.const 2064) (i32.const 1))
      (i64.store (i32.const 2072) (i64.const 3600000000000))
      (drop (call $poll (i32.const 2048) (i32.const 3000) (i32.const 1) (i32.const 4000)))
      (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 4008)))
      (call $print_number (i64.load (i32.const 4008)))
    """
    execution = run(guest(body), wall_seconds=5.0)
    assert execution.value == 3_600_000_000_000 + 1000


def test_a_start_section_is_refused(sandbox: Sandbox) -> None:
    """A start function, which would run before the limits apply, keeps a module from being loaded."""
    wasm = module("""(module (memory (export "memory") 1) (func $s (loop $l (br $l))) (start $s)
                       (func (export "_start")))""")
    with pytest.raises(BuildRefused, match="start section") as refused:
        sandbox.load(digest_of(wasm), lambda: wasm)
    assert refused.value.stage == "imports"


def test_a_refused_growth_that_ends_in_a_trap(run: Run) -> None:
    """A guest that traps after it was refused memory ends with memory_exhausted."""
    grab = "(if (i32.eq (memory.grow (i32.const 30000)) (i32.const -1)) (then (unreachable)))"
    execution = run(guest(grab))
    assert isinstance(execution.failure, MemoryExhausted)
    assert execution.failure.details["limit"] == LIMITS.memory_bytes


def test_a_refused_growth_that_ends_in_an_exit_code(run: Run) -> None:
    """A guest that exits with a code after it was refused memory ends with memory_exhausted."""
    grab = "(if (i32.eq (memory.grow (i32.const 30000)) (i32.const -1)) (then (call $exit (i32.const 2))))"
    assert code(run(guest(grab))) == "memory_exhausted"


def test_growing_without_end_costs_no_more_than_the_limit(run: Run) -> None:
    """A guest that grows and fills its memory until it is refused stays within its limit."""
    body = """
      (local $end i32)
      (loop $again
        (local.set $end (i32.mul (memory.size) (i32.const 65536)))
        (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (call $print_errno (memory.size)) (return)))
        (memory.fill (local.get $end) (i32.const 1) (i32.const 65536))
        (br $again))
    """
    assert run(guest(body)).value == LIMITS.memory_bytes // 65536


def test_a_refused_growth_that_is_handled_is_no_failure(run: Run) -> None:
    """A guest that copes with being refused memory ends well."""
    assert run(guest("(drop (memory.grow (i32.const 30000))) (call $print_errno (i32.const 1))")).value == 1


def test_a_trap_without_refused_growth_is_a_trap(run: Run) -> None:
    """A guest whose growth was granted and that traps ends with trap, which names it."""
    execution = run(guest("(drop (memory.grow (i32.const 1))) (unreachable)"))
    assert isinstance(execution.failure, GuestTrapped)
    assert execution.failure.details["trap"] == "unreachable"


def test_a_module_larger_than_its_limit_is_not_loaded(sandbox: Sandbox) -> None:
    """A module that begins with more memory than the limit is refused with memory_exhausted."""
    wasm = guest(ECHO, pages=LIMITS.memory_bytes // 65536 + 1)
    with pytest.raises(MemoryExhausted):
        sandbox.load(digest_of(wasm), lambda: wasm)


def test_reading_beyond_the_memory_traps(run: Run) -> None:
    """An access outside the memory is a trap of that name."""
    execution = run(guest(f"(drop (i32.load (i32.const {WILD})))"))
    assert execution.failure is not None
    assert execution.failure.details["trap"] == "memory_out_of_bounds"


def test_endless_recursion_overflows_the_stack(run: Run) -> None:
    """Recursion without an end is stack_overflow."""
    assert code(run(guest("(call $deeper (i64.const 0))", extra=OVERFLOWING_STACK))) == "stack_overflow"


def test_endless_recursion_on_a_thread_with_a_small_stack() -> None:
    """A thread whose own stack is smaller than the guest's limit survives a guest that overflows it."""
    wasm = guest("(call $deeper (i64.const 0))", extra=OVERFLOWING_STACK)
    found: list[str] = []
    with Sandbox(LIMITS.model_copy(update={"stack_bytes": 4 * MIB}), workers=1) as sandbox:
        program = sandbox.load(digest_of(wasm), lambda: wasm)
        before = threading.stack_size(256 * 1024)
        try:
            thread = threading.Thread(target=lambda: found.append(code(sandbox.run(program, b"", SmallWorld()))))
            thread.start()
            thread.join()  # the run sets the size and puts back what it found: ours, so it must not come after us
        finally:
            threading.stack_size(before)
    assert found == ["stack_overflow"]


def test_a_flood_of_stdout_is_stopped(run: Run) -> None:
    """Printing without end is output_too_large, and no more than the limit was kept."""
    execution = run(guest("(loop $again (call $print (i32.const 1024) (i32.const 1000)) (br $again))"))
    assert code(execution) == "output_too_large"
    assert len(execution.output) <= LIMITS.stdout_bytes


@pytest.mark.parametrize(("extra", "expected"), [(0, "invalid_output"), (1, "output_too_large")])
def test_the_stdout_limit_is_exact(run: Run, extra: int, expected: str) -> None:
    """As many bytes as the limit may be printed, and not one more."""
    body = f"(call $print (i32.const 0) (i32.const {LIMITS.stdout_bytes + extra}))"
    assert code(run(guest(body, pages=2))) == expected


def test_a_flood_of_stderr_is_stopped(run: Run) -> None:
    """Logging without end is log_too_large."""
    flood = "(loop $again (call $put (i32.const 2) (i32.const 1024) (i32.const 1000)) (br $again))"
    assert code(run(guest(flood))) == "log_too_large"


def test_one_giant_write_is_refused_before_it_is_copied(run: Run) -> None:
    """Many buffers that name the same bytes over and over count in full."""
    body = f"""
      (local $at i32)
      (loop $fill
        (i32.store (i32.add (i32.const 8192) (local.get $at)) (i32.const 0))
        (i32.store (i32.add (i32.const 8196) (local.get $at)) (i32.const {65536 * 2}))
        (br_if $fill (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 8192))))
      (drop (call $fd_write (i32.const 1) (i32.const 8192) (i32.const 1024) (i32.const 8)))
    """
    assert code(run(guest(body, pages=2))) == "output_too_large"


def test_too_many_buffers_are_refused(run: Run) -> None:
    """A write of a million buffers, which would keep the host busy, answers EINVAL."""
    body = "(call $print_errno (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1000000) (i32.const 8)))"
    assert run(guest(body)).value == 28


def test_an_exit_code_is_a_failure(run: Run) -> None:
    """Exiting with a code and no error object is nonzero_exit, which names the code."""
    execution = run(guest("(call $print_errno (i32.const 1)) (call $exit (i32.const 3))"))
    assert isinstance(execution.failure, GuestExited)
    assert execution.failure.details["exit_code"] == 3


def test_exit_code_zero_is_none(run: Run) -> None:
    """Exiting with code 0 is ending well."""
    assert run(guest("(call $print_errno (i32.const 1)) (call $exit (i32.const 0)) (unreachable)")).value == 1


@pytest.mark.parametrize("exit_code", [0, 1])
def test_an_error_object_is_a_failure_whatever_the_exit_code(run: Run, exit_code: int) -> None:
    """An object that is only an error is capability_error, with the guest's own code and message."""
    text = '{"error":{"code":"no_such_employee","message":"E999 is unknown"}}'
    escaped = text.replace('"', '\\"')
    body = f"(call $print (i32.const 1024) (i32.const {len(text)})) (call $exit (i32.const {exit_code}))"
    execution = run(guest(body, data=escaped))
    assert isinstance(execution.failure, CapabilityFailed)
    assert execution.failure.details == {"code": "no_such_employee", "message": "E999 is unknown"}


def test_an_object_with_more_than_an_error_is_an_output(run: Run) -> None:
    """An error beside other keys is an output like any other."""
    assert run(printing('{"error":{"code":"x"},"rows":1}')).value == {"error": {"code": "x"}, "rows": 1}


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_printing_nothing_is_no_output(run: Run, text: str) -> None:
    """A guest that prints nothing but space ends with no_output."""
    assert code(run(printing(text))) == "no_output"


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        '{"a": 1',
        "{} {}",
        "NaN",
        "-Infinity",
        "1e999",
        "[" + "9" * 400 + ".0]",
        "9" * 5000,
        '"\\ud800"',
        '"\udc80"',
        '"a\nb"',
        "{'a': 1}",
        "[1,]",
        "[" * 60_000,
        '{"a":' * 10_000,
    ],
    ids=lambda text: ascii(text[:12]),
)
def test_broken_json_is_invalid_output(run: Run, text: str) -> None:
    """What is not one strict JSON value of bounded depth is invalid_output."""
    assert code(run(printing(text))) == "invalid_output"


def test_a_nest_of_a_hundred_thousand_arrays(run: Run) -> None:
    """JSON nested 10⁵ deep is refused without recursing into it."""
    deep = "(memory.fill (i32.const 65536) (i32.const 0x5b) (i32.const 100000))"
    body = f"{deep} (call $print (i32.const 65536) (i32.const 50000))"
    assert code(run(guest(body, pages=3))) == "invalid_output"


def test_too_many_host_calls(run: Run) -> None:
    """One host call more than the limit is too_many_host_calls, and never reaches the world."""
    world = SmallWorld()
    assert code(run(guest("(loop $again (drop (call $now)) (br $again))"), world=world)) == "too_many_host_calls"
    assert len(world.asked) == LIMITS.host_calls


@pytest.mark.parametrize("pointer", ["0xffffffff", WILD, "65537", "-1"])
@pytest.mark.parametrize(
    "call",
    [
        "$fd_read (i32.const 0) (i32.const P) (i32.const 1) (i32.const 8)",
        "$fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const P)",
        "$fd_write (i32.const 1) (i32.const P) (i32.const 1) (i32.const 8)",
        "$fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const P)",
        "$clock (i32.const 0) (i64.const 0) (i32.const P)",
        "$random (i32.const P) (i32.const 8)",
        "$random (i32.const 8) (i32.const P)",
        "$poll (i32.const P) (i32.const 64) (i32.const 1) (i32.const 8)",
        "$poll (i32.const 64) (i32.const P) (i32.const 1) (i32.const 8)",
        "$poll (i32.const 64) (i32.const 640) (i32.const 1) (i32.const P)",
        "$environ_sizes (i32.const P) (i32.const 8)",
    ],
)
def test_wild_pointers_answer_efault(run: Run, call: str, pointer: str) -> None:
    """A WASI function that is given a pointer outside the memory answers EFAULT."""
    assert run(guest(f"(call $print_errno (call {call.replace('P', pointer)}))")).value == 21


@pytest.mark.parametrize(("pointer", "length"), [("0xffffffff", 2), ("65530", 10), ("0", -1), ("-1", -1)])
def test_wild_buffers_answer_efault(run: Run, pointer: str, length: int) -> None:
    """A buffer that lies partly outside the memory answers EFAULT, and nothing of it is printed."""
    body = f"""
      (i32.store (i32.const 64) (i32.const {pointer})) (i32.store (i32.const 68) (i32.const {length}))
      (call $print_errno (call $fd_write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 8)))
    """
    execution = run(guest(body))
    assert execution.output == b"21"


def test_input_does_not_reach_a_buffer_outside(run: Run) -> None:
    """Reading into a buffer outside the memory answers EFAULT."""
    body = """
      (i32.store (i32.const 64) (i32.const 65530)) (i32.store (i32.const 68) (i32.const 100))
      (call $print_errno (call $fd_read (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 8)))
    """
    assert run(guest(body), b"x" * 100).value == 21


def test_buffers_may_overlap_their_own_list(run: Run) -> None:
    """Reading into the list of buffers itself harms nobody but the guest; the list counts as it was before."""
    body = """
      (i32.store (i32.const 64) (i32.const 64)) (i32.store (i32.const 68) (i32.const 16))
      (i32.store (i32.const 72) (i32.const 64)) (i32.store (i32.const 76) (i32.const 16))
      (call $print_errno (call $fd_read (i32.const 0) (i32.const 64) (i32.const 2) (i32.const 8)))
    """
    assert run(guest(body), b"\xff" * 32).value == 0


@pytest.mark.parametrize(
    "call",
    [
        "(drop (call $http_get (i32.const P) (i32.const 8)))",
        "(drop (call $file_read (i32.const P) (i32.const 8)))",
        "(drop (call $file_write (i32.const 0) (i32.const 1) (i32.const P) (i32.const 8)))",
        "(drop (call $call (i32.const P) (i32.const 8) (i32.const 0) (i32.const 1)))",
        "(drop (call $call (i32.const 0) (i32.const 1) (i32.const P) (i32.const 8)))",
    ],
)
@pytest.mark.parametrize("pointer", ["0xffffffff", "65530", "-8"])
def test_wild_pointers_to_host_functions_trap(run: Run, call: str, pointer: str) -> None:
    """A host function that is given a pointer outside the memory traps, and the world is not asked."""
    world = SmallWorld()
    assert code(run(guest(call.replace("P", pointer)), world=world)) == "trap"
    assert world.asked == []


def test_a_result_is_not_written_outside(run: Run) -> None:
    """result_read to a pointer outside the memory traps."""
    body = """
      (drop (call $file_read (i32.const 1024) (i32.const 1)))
      (drop (call $result (i32.const 65530) (i32.const 100)))
    """
    assert code(run(guest(body, data="a"), world=SmallWorld(b"x" * 100))) == "trap"


def test_files_cannot_be_opened_through_wasi(run: Run, tmp_path: Path) -> None:
    """path_open answers ENOSYS, whatever folder it is given, and there is no preopened one."""
    body = """
      (call $print_errno (i32.add (i32.mul (call $prestat (i32.const 3) (i32.const 2048)) (i32.const 1000))
        (call $path_open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 11) (i32.const 0)
          (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 2048))))
    """
    assert run(guest(body, data="/etc/passwd")).value == 8052


def test_the_environment_is_empty(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither environment nor arguments of the server reach a guest."""
    monkeypatch.setenv("SECRET", "hunter2")
    body = """
      (drop (call $environ_sizes (i32.const 2048) (i32.const 2052)))
      (drop (call $args_sizes (i32.const 2056) (i32.const 2060)))
      (call $print_number (i64.or (i64.load (i32.const 2048)) (i64.load (i32.const 2056))))
    """
    assert run(guest(f"(i64.store (i32.const 2048) (i64.const -1)) {body}")).value == 0


def test_nothing_of_a_run_is_left_for_the_next(run: Run) -> None:
    """Memory and globals begin anew, whatever the run before wrote."""
    body = """
      (call $print_number (i64.add (global.get $seen) (i64.load (i32.const 4096))))
      (global.set $seen (i64.const 5)) (i64.store (i32.const 4096) (i64.const 5))
    """
    wasm = guest(body, extra="(global $seen (mut i64) (i64.const 0))")
    assert [run(wasm).value for _ in range(3)] == [0, 0, 0]
