"""What a run gives: its input, output, clock, random numbers and host functions."""

from __future__ import annotations

import pytest

from guests import ECHO, LIMITS, LOOP, Run, SmallWorld, guest, printing
from tacit.errors import PermissionDenied
from tacit.sandbox.world import FailureCode, HostFailure

ASK_AND_PRINT = """
  (local $length i64) (local $copied i32)
  (local.set $length (CALL))
  (if (i64.lt_s (local.get $length) (i64.const 0))
    (then (call $print_number (local.get $length)) (return)))
  (local.set $copied (call $result (i32.const 8192) (i32.const 1000)))
  (call $print (i32.const 8192) (local.get $copied))
"""


def asking(call: str, data: str = "") -> bytes:
    return guest(ASK_AND_PRINT.replace("CALL", call), data=data)


@pytest.mark.parametrize("text", [b'{"a": [1, 2.5, null]}', b'"\xc3\xa9\xf0\x9f\x98\x80"', b" true\n", b"1e300"])
def test_input_comes_back_byte_for_byte(run: Run, text: bytes) -> None:
    """stdin holds the input as it is, and the output is what was printed, as it is."""
    assert run(guest(ECHO), text).output == text


def test_input_is_read_in_pieces(run: Run) -> None:
    """A guest that reads a little at a time gets all of its input, then nothing."""
    body = """
      (local $got i32)
      (loop $again
        (local.set $got (call $read (i32.const 2048) (i32.const 3)))
        (if (local.get $got) (then (call $print (i32.const 2048) (local.get $got)) (br $again))))
    """
    assert run(guest(body), b"[1,22,333]").value == [1, 22, 333]


def test_views_follow_a_memory_that_grows_between_calls(run: Run) -> None:
    """The host sees memory that the guest grew after its last host call."""
    body = """
      (drop (call $read (i32.const 2048) (i32.const 1)))
      (drop (memory.grow (i32.const 4)))
      (call $print (i32.const 200000) (call $read (i32.const 200000) (i32.const 100)))
    """
    assert run(guest(body), b"x[7]").value == [7]


def test_stderr_is_the_log(run: Run) -> None:
    """What goes to stderr is the log, whatever its bytes are, and no part of the output."""
    body = "(call $put (i32.const 2) (i32.const 1024) (i32.const 4)) (call $print_errno (i32.const 1))"
    execution = run(guest(body, data="hm\\ff!"))
    assert (execution.log, execution.value) == ("hm\ufffd!", 1)


def test_energy_is_what_was_used(run: Run) -> None:
    """The same run uses the same energy, and a longer one more."""
    count = "(local $i i32) (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (N))))"
    done = "(call $print_errno (i32.const 1))"
    short = guest(count.replace("(N)", "(i32.const 10)") + done)
    long = guest(count.replace("(N)", "(i32.const 1000)") + done)
    assert run(short).energy == run(short).energy < run(long).energy


def test_energy_cannot_be_raised_over_the_limit(run: Run) -> None:
    """More energy than the limit is the limit."""
    execution = run(guest(LOOP), energy=LIMITS.energy * 100)
    assert execution.failure is not None
    assert execution.failure.code == "energy_exhausted"
    assert execution.energy <= LIMITS.energy + 100


def test_the_clock_starts_at_the_given_time_and_ticks_virtually(run: Run) -> None:
    """The first look at the real-time clock sees `now_millis` and a microsecond, the next one a microsecond more."""
    body = """
      (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 2048)))
      (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 2048)))
      (call $print_number (i64.load (i32.const 2048)))
    """
    assert run(guest(body), now_millis=1_700_000_000_000).value == 1_700_000_000_000_002_000


def test_the_monotonic_clock_starts_at_nothing(run: Run) -> None:
    """The monotonic clock does not tell the time of day."""
    body = """
      (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 2048)))
      (call $print_number (i64.load (i32.const 2048)))
    """
    assert run(guest(body), now_millis=1_700_000_000_000).value == 1000


def test_an_unknown_clock_is_refused(run: Run) -> None:
    """Clocks of the process and the thread answer EINVAL."""
    assert run(guest("(call $print_errno (call $clock (i32.const 2) (i64.const 0) (i32.const 64)))")).value == 28


def test_waiting_until_a_time_of_day(run: Run) -> None:
    """An absolute wait on the real-time clock moves it to that time."""
    body = """
      (i32.store8 (i32.const 2056) (i32.const 0))
      (i64.store (i32.const 2072) (i64.const 5000000000)) (i32.store16 (i32.const 2088) (i32.const 1))
      (drop (call $poll (i32.const 2048) (i32.const 3000) (i32.const 1) (i32.const 4000)))
      (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 4008)))
      (call $print_number (i64.load (i32.const 4008)))
    """
    assert run(guest(body), now_millis=2000).value == 5_000_001_000


CLOCKS = {
    "read": "(call $clock (i32.const CLOCK) (i64.const 0) (i32.const 2048))",
    "waited for": """(i32.store (i32.const 2064) (i32.const CLOCK)) (i32.store16 (i32.const 2088) (i32.const FLAGS))
      (call $poll (i32.const 2048) (i32.const 3000) (i32.const 1) (i32.const 4000))""",
}


@pytest.mark.parametrize("use", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize(
    ("clock", "flags", "asked"),
    [(0, 1, [("clock_time_get",)]), (1, 1, []), (1, 0, [])],
    ids=["real", "monotonic", "relative"],
)
def test_only_the_time_of_day_is_asked_of_the_world(run: Run, use: str, clock: int, flags: int, asked: object) -> None:
    """Reading the real-time clock asks once a run, and so does comparing a time with it; the other tells nothing."""
    world = SmallWorld()
    once = use.replace("CLOCK", str(clock)).replace("FLAGS", str(flags))
    calls = f"(drop {once})" if once.startswith("(call") else once.replace("(call", "(drop (call") + ")"
    run(guest(calls * 2), world=world)
    assert world.asked == asked


RANDOM = """
  (drop (call $random (i32.const 2048) (i32.const 8)))
  (call $print_number (i64.shr_u (i64.load (i32.const 2048)) (i64.const 1)))
"""


def test_random_numbers_come_from_the_seed(run: Run) -> None:
    """The same seed gives the same numbers, another seed others."""
    wasm = guest(RANDOM)
    assert run(wasm, seed=b"a").value == run(wasm, seed=b"a").value != run(wasm, seed=b"b").value


def test_random_numbers_are_the_same_on_every_machine(run: Run) -> None:
    """The first number of a seed never changes, or old runs could not be replayed."""
    assert run(guest(RANDOM), seed=b"tacit").output == b"5777622242347486289"


def test_random_numbers_differ_from_draw_to_draw(run: Run) -> None:
    """Two draws of one run are not the same."""
    body = """
      (drop (call $random (i32.const 2048) (i32.const 8))) (drop (call $random (i32.const 2056) (i32.const 8)))
      (call $print_errno (i64.eq (i64.load (i32.const 2048)) (i64.load (i32.const 2056))))
    """
    assert run(guest(body)).value == 0


def test_nan_has_one_form(run: Run) -> None:
    """An operation on a NaN with payload gives the canonical one, as it does on every machine."""
    body = """
      (f32.store (i32.const 2048)
        (f32.add (f32.const nan:0x200001) (f32.reinterpret_i32 (i32.load (i32.const 2048)))))
      (call $print_errno (i32.load (i32.const 2048)))
    """
    assert run(guest(body)).value == 0x7FC00000


@pytest.mark.parametrize(
    ("call", "asked"),
    [
        ("call $http_get (i32.const 1024) (i32.const 3)", ("http_get", "é1")),
        ("call $file_read (i32.const 1024) (i32.const 3)", ("file_read", "é1")),
        (
            "call $call (i32.const 1024) (i32.const 3) (i32.const 1027) (i32.const 2)",
            ("capability_call", "é1", b"23"),
        ),
    ],
)
def test_host_functions_ask_the_world(run: Run, call: str, asked: tuple[object, ...]) -> None:
    """A host function hands its text and bytes to the world, and its answer to the guest."""
    world = SmallWorld(b'{"answer": 42}')
    assert run(asking(call, "\\c3\\a9123"), world=world).value == {"answer": 42}
    assert world.asked == [asked]


def test_file_write_hands_over_the_bytes(run: Run) -> None:
    """file_write gives the world a path and bytes, and answers that nothing is to be read."""
    world = SmallWorld()
    body = """(call $print_number
      (call $file_write (i32.const 1024) (i32.const 1) (i32.const 1025) (i32.const 2)))"""
    assert run(guest(body, data="a\\00\\ff"), world=world).value == 0
    assert world.asked == [("file_write", "a", b"\0\xff")]


def test_the_time_is_the_worlds(run: Run) -> None:
    """current_time_millis answers what the world says."""
    assert run(guest("(call $print_number (call $now))")).value == 1_700_000_000_123


def test_a_host_failure_is_the_guests_to_handle(run: Run) -> None:
    """A failure of the world is a negative code with its message as the result."""
    body = """
      (local $code i64)
      (local.set $code (call $file_read (i32.const 1024) (i32.const 9)))
      (i32.store8 (i32.const 4096) (i32.const 34))
      (call $print (i32.const 4096) (i32.const 1))
      (call $print_number (local.get $code))
      (call $print (i32.const 8192) (call $result (i32.const 8192) (i32.const 1000)))
      (call $print (i32.const 4096) (i32.const 1))
    """
    assert run(guest(body, data="missing/1")).value == "-2there is no missing/1"


def test_result_read_copies_no_more_than_the_capacity(run: Run) -> None:
    """A result longer than the guest's buffer stays within it, and the rest follows with the next call."""
    body = """
      (drop (call $file_read (i32.const 1024) (i32.const 1)))
      (drop (call $result (i32.const 2048) (i32.const 4)))
      (call $print (i32.const 2048) (i32.const 5))
      (call $print (i32.const 2048) (call $result (i32.const 2048) (i32.const 100)))
      (call $print_errno (call $result (i32.const 2048) (i32.const 100)))
    """
    wasm = guest(body, data="f" + "\\00" * 1023 + "----|")
    assert run(wasm, world=SmallWorld(b"123456789")).output == b"1234|567890"


def test_a_denial_ends_the_run(run: Run) -> None:
    """A TacitError of the world ends the run with it; the guest cannot go on."""

    def deny(*_: object) -> bytes:
        raise PermissionDenied("not granted", details={"function": "capability_call"})

    body = (
        "(drop (call $call (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))) (call $print_errno (i32.const 1))"
    )
    execution = run(guest(body), world=SmallWorld(called=deny))
    assert isinstance(execution.failure, PermissionDenied)
    assert execution.output == b""


def test_a_bug_of_the_world_is_raised(run: Run) -> None:
    """An exception that is no TacitError is raised as it is, after the guest was unwound."""

    def fail(*_: object) -> bytes:
        raise ZeroDivisionError

    wasm = guest("(drop (call $call (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)))")
    with pytest.raises(ZeroDivisionError):
        run(wasm, world=SmallWorld(called=fail))


@pytest.mark.parametrize(
    ("call", "size"),
    [
        ("call $http_get (i32.const 1024) (i32.const 1)", LIMITS.http_bytes),
        ("call $file_read (i32.const 1024) (i32.const 1)", LIMITS.file_bytes),
        ("call $call (i32.const 1024) (i32.const 1) (i32.const 0) (i32.const 1)", LIMITS.stdout_bytes),
    ],
)
def test_a_result_over_its_limit_is_too_large(run: Run, call: str, size: int) -> None:
    """A result may have as many bytes as its limit; one more is the failure too_large."""
    wasm = guest(f"(call $print_number ({call}))", data="a")
    assert run(wasm, world=SmallWorld(bytes(size))).value == size
    assert run(wasm, world=SmallWorld(bytes(size + 1))).value == FailureCode.TOO_LARGE


def test_writing_more_than_the_limit_is_too_large(run: Run) -> None:
    """A file over its limit never reaches the world."""
    world = SmallWorld()
    size = LIMITS.file_bytes + 1
    body = f"(call $print_number (call $file_write (i32.const 1024) (i32.const 1) (i32.const 0) (i32.const {size})))"
    assert run(guest(body, data="a", pages=2), world=world).value == FailureCode.TOO_LARGE
    assert world.asked == []


@pytest.mark.parametrize(("data", "length"), [("\\ff\\fe", 2), ("x", 10_000)])
def test_a_name_that_is_no_short_text_is_invalid(run: Run, data: str, length: int) -> None:
    """A path that is not UTF-8, or of many thousand bytes, is the failure invalid, and the world is not asked."""
    world = SmallWorld()
    body = f"(call $print_number (call $file_read (i32.const 1024) (i32.const {length})))"
    assert run(guest(body, data=data), world=world).value == FailureCode.INVALID
    assert world.asked == []


def test_a_message_with_odd_characters_reaches_the_guest(run: Run) -> None:
    """A failure's message is UTF-8 for the guest even where it holds a lone surrogate."""

    def fail(*_: object) -> bytes:
        raise HostFailure(FailureCode.FAILED, "odd \udc80")

    call = "call $call (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)"
    body = f"""
      (drop ({call})) (i32.store8 (i32.const 4096) (i32.const 34)) (call $print (i32.const 4096) (i32.const 1))
      (call $print (i32.const 8192) (call $result (i32.const 8192) (i32.const 1000)))
      (call $print (i32.const 4096) (i32.const 1))
    """
    assert run(guest(body), world=SmallWorld(called=fail)).value == "odd ?"


@pytest.mark.parametrize("depth", [1, 200])
def test_json_two_hundred_deep_is_read(run: Run, depth: int) -> None:
    """Nesting within the bound is read."""
    assert run(printing("[" * depth + "]" * depth)).failure is None
