"""Programs in the sandbox: loaded by their source's digest, run within the limits of any guest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from guests import LIMITS, SmallWorld, digest_of, printing
from tacit.errors import (
    BuildRefused,
    InvalidInput,
    LogTooLarge,
    OutputTooLarge,
    RunCancelled,
    RunTimedOut,
    ServiceClosed,
    StoreDamaged,
    TooManyHostCalls,
    ValueTooLarge,
)
from tacit.models import Permissions, TestCase
from tacit.sandbox import Cancellation, Composite, Execution, Sandbox, run_tests

FOREVER = "again:\npush true\njump_if again"
CALL_THEN_LOOP = f"push 1\ncall other_one 1\n{FOREVER}"


def composite(sandbox: Sandbox, source: str) -> Composite:
    """Return the compiled program."""
    module = source.encode()
    made = sandbox.load(digest_of(module), lambda: module, "program")
    assert isinstance(made, Composite)
    return made


def ran(sandbox: Sandbox, source: str, stdin: bytes = b"1", world: SmallWorld | None = None) -> Execution:
    """Run a program."""
    return sandbox.run(composite(sandbox, source), stdin, world or SmallWorld())


def test_a_program_is_compiled_once(sandbox: Sandbox) -> None:
    """After that it is in memory, and ready."""
    source = b"push 1234"

    def unasked() -> bytes:
        raise AssertionError("the source was asked for again")

    assert not sandbox.holds(digest_of(source))
    made = sandbox.load(digest_of(source), lambda: source, "program")
    assert sandbox.load(digest_of(source), unasked, "program") is made
    assert sandbox.holds(digest_of(source))


def test_a_source_of_another_digest_is_damage(sandbox: Sandbox) -> None:
    """It is not run."""
    with pytest.raises(StoreDamaged):
        sandbox.load(digest_of(b"push 1"), lambda: b"push 2", "program")


@pytest.mark.parametrize(("source", "told"), [(b"push 1\nhop 2", "line 2: expected one of"), (b"\xff", "not UTF-8")])
def test_what_does_not_compile_is_refused(sandbox: Sandbox, source: bytes, told: str) -> None:
    """With the lines, at the stage at which compilers refuse."""
    with pytest.raises(BuildRefused) as caught:
        sandbox.load(digest_of(source), lambda: source, "program")
    assert caught.value.stage == "compile"
    assert told in f"{caught.value.message} {caught.value.details.get('diagnostics')}"


def test_the_source_is_no_module(sandbox: Sandbox) -> None:
    """The language decides what bytes are."""
    with pytest.raises(BuildRefused):
        sandbox.load(digest_of(b"push 1"), lambda: b"push 1")
    wasm = printing("1")
    with pytest.raises(BuildRefused):
        sandbox.load(digest_of(wasm), lambda: wasm, "program")


def test_input_and_output_are_json(sandbox: Sandbox) -> None:
    """Compact, with text as it is; a program that leaves nothing answers null."""
    assert ran(sandbox, "call input 0", '{"a": "é"}'.encode()).output == '{"a":"é"}'.encode()
    assert ran(sandbox, "return").output == b"null"
    assert isinstance(ran(sandbox, "push 1", b"{").failure, InvalidInput)


def test_references_come_and_go_as_json(sandbox: Sandbox) -> None:
    """As inputs, answers of callees and outputs."""
    reference = b'{"$reference":"task"}'
    ended = ran(
        sandbox, "call input 0\ncall type 1\npush 1\ncall other_one 1\ncall list 2", reference, SmallWorld(reference)
    )
    assert ended.value == ["reference", {"$reference": "task"}]


def test_a_callee_is_allowed_what_is_left(sandbox: Sandbox) -> None:
    """In fuel; what it used is the program's to pay, rounded up to a hundredth of a unit."""
    world = SmallWorld(b"2", spends=12_301)
    ended = sandbox.run(composite(sandbox, "push 1\ncall other_one 1\ncall other_one 1"), b"1", world, energy=100_050)
    assert world.asked == [("capability_call", "other_one", b"1"), ("capability_call", "other_one", b"2")]
    assert world.allowed == [100_000 - 11_000, 100_000 - 11_000 - 12_400 - 10_000]
    assert ended.energy == 11_000 + 2 * 12_400 + 10_000


@pytest.mark.parametrize("spends", [89_000, 89_001, 1 << 62])
def test_a_callee_cannot_make_it_use_more_than_its_limit(sandbox: Sandbox, spends: int) -> None:
    """Whatever the world says that it used."""
    world = SmallWorld(b"2", spends=spends)
    ended = sandbox.run(composite(sandbox, "push 1\ncall other_one 1"), b"1", world, energy=100_000)
    assert ended.energy == 100_000


@pytest.mark.parametrize(
    ("source", "answer", "kind"),
    [
        (f"push {'x' * 400}\n" + "store a\nload a\nload a\ncall concat 2\n" * 8, b"1", OutputTooLarge),
        (f"push {'x' * 500}\nstore a\n" + "observe a\npop\n" * 40, b"1", LogTooLarge),
        ("again:\npush 1\ncall other_one 1\njump_if again", b"1", TooManyHostCalls),
        (
            f"push {'x' * 400}\n" + "store a\nload a\nload a\ncall concat 2\n" * 8 + "call other_one 1",
            b"1",
            ValueTooLarge,
        ),
        ("push 1\ncall other_one 1", b"1" * 70_000, ValueTooLarge),
    ],
)
def test_the_limits_of_guests_hold(sandbox: Sandbox, source: str, answer: bytes, kind: type[Exception]) -> None:
    """For output, log, host calls, and what goes to callees and comes back."""
    assert isinstance(ran(sandbox, source, world=SmallWorld(answer)).failure, kind)


def test_observations_are_the_log(sandbox: Sandbox) -> None:
    """A line of JSON each, up to where the run failed; the world is told of them."""
    world = SmallWorld()
    ended = ran(sandbox, "call input 0\nstore given\nobserve given\npop\npop", b'"\xc3\xa9"', world)
    assert ended.failure is not None
    assert ended.log == '{"name": "given", "value": "\\u00e9", "address": 2}\n'
    assert world.asked == [("observe", "given", b'"\\u00e9"')]


def test_a_task_is_handed_to_the_world(sandbox: Sandbox) -> None:
    """Its answer is a value; without one there is a reference."""
    source = 'delegate agent "count them"'
    world = SmallWorld(b"[1]")
    assert ran(sandbox, source, world=world).value == [1]
    assert world.asked == [("delegate", "agent", "count them")]
    assert ran(sandbox, source).value == {"$reference": "agent:count them"}


def test_a_program_without_time_times_out(sandbox: Sandbox) -> None:
    """Before its first instruction, and while it loops."""
    for seconds in (0.0, 0.05):
        ended = sandbox.run(composite(sandbox, FOREVER), b"1", SmallWorld(), wall_seconds=seconds)
        assert isinstance(ended.failure, RunTimedOut)
        assert ended.failure.details["limit_seconds"] == LIMITS.wall_seconds


def started_world(started: threading.Event) -> SmallWorld:
    """Return a world that says when it is first called."""

    def called(capability: str, data: bytes) -> bytes:  # whatever it is called for
        started.set()
        return b"1"

    return SmallWorld(called=called)


def test_a_program_is_cancelled_from_another_thread() -> None:
    """While it loops."""
    started, cancellation = threading.Event(), Cancellation()
    with Sandbox(LIMITS.model_copy(update={"energy": 1 << 60}), workers=1) as sandbox, ThreadPoolExecutor(1) as pool:
        run: Callable[..., Execution] = sandbox.run
        program = composite(sandbox, CALL_THEN_LOOP)
        running = pool.submit(run, program, b"1", started_world(started), cancellation=cancellation)
        assert started.wait(20)
        cancellation.cancel()
        assert isinstance(running.result().failure, RunCancelled)


def test_closing_ends_what_runs() -> None:
    """And nothing is run afterwards."""
    started = threading.Event()
    sandbox = Sandbox(LIMITS.model_copy(update={"energy": 1 << 60}), workers=1)
    program = composite(sandbox, CALL_THEN_LOOP)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(sandbox.run, program, b"1", started_world(started))
        assert started.wait(20)
        sandbox.close()
        assert isinstance(running.result().failure, RunCancelled)
    with pytest.raises(ServiceClosed):
        sandbox.run(program, b"1", SmallWorld())


def test_a_bug_of_the_world_is_raised(sandbox: Sandbox) -> None:
    """As with guests: it is no failure of the program."""

    def broken(capability: str, data: bytes) -> bytes:
        raise ZeroDivisionError(capability, data)

    with pytest.raises(ZeroDivisionError):
        ran(sandbox, "push 1\ncall other_one 1", world=SmallWorld(called=broken))


def test_a_programs_tests_are_run(sandbox: Sandbox) -> None:
    """With the answers that they give for callees, and the log of one that fails in its message."""
    tests = [
        {"name": "calls", "input": 2, "calls": {"other_one": 5}, "expect": {"output": 10}},
        {"name": "fails", "input": "a", "calls": {"other_one": 5}, "expect": {"error": "wrong_type"}},
        {"name": "missing", "input": 2, "expect": {"error": "not_found"}},
        {"name": "differs", "input": "a", "calls": {"other_one": 5}, "expect": {"output": 10}},
    ]
    source = "call input 0\nstore given\nobserve given\ncall other_one 1\nload given\ncall multiply 2"
    program = composite(sandbox, source)
    tried = run_tests(
        sandbox, program, [TestCase.model_validate(test) for test in tests], Permissions(call=("other_one",))
    )
    results = [each.result for each in tried]
    assert [result.passed for result in results] == [True, True, True, False]
    assert 'log: {"name": "given", "value": "a", "address": 2}' in results[3].difference
