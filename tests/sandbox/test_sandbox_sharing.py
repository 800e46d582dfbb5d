"""Many runs in one sandbox: at once, one inside another, one after another, and after its end."""

from __future__ import annotations

import _thread
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from guests import ECHO, ENDLESS, LIMITS, LOOP, SmallWorld, digest_of, guest, printing
from tacit.errors import ServiceClosed
from tacit.sandbox import Cancellation, Execution, LoadedModule, Sandbox, modules
from tacit.sandbox.modules import KEPT_MODULES

CALL = """
  (local $length i64)
  (local.set $length (call $call (i32.const 1024) (i32.const 1) (i32.const 2048)
    (call $read (i32.const 2048) (i32.const 1000))))
  (call $print (i32.const 8192) (call $result (i32.const 8192) (i32.wrap_i64 (local.get $length))))
"""
CALL_AND_LOOP = guest(f"(drop (call $call (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0))) {LOOP}")


def load(sandbox: Sandbox, wasm: bytes) -> LoadedModule:
    return sandbox.load(digest_of(wasm), lambda: wasm)


def test_sixteen_threads_get_their_own_outputs(sandbox: Sandbox) -> None:
    """More threads than workers, each with inputs of its own, get the outputs that belong to them."""
    loaded = load(sandbox, guest(ECHO))

    def work(number: int) -> bool:
        texts = [b"[%d, %d]" % (number, turn) for turn in range(100)]
        return all(sandbox.run(loaded, text, SmallWorld()).output == text for text in texts)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(16)))


def test_a_long_run_does_not_hold_up_others() -> None:
    """While one guest loops on its thread, another thread runs one to its end."""
    cancellation = Cancellation()
    started = threading.Event()
    world = SmallWorld(called=lambda *_: started.set() or b"")
    with Sandbox(ENDLESS, workers=2) as sandbox, ThreadPoolExecutor(1) as pool:
        future = pool.submit(sandbox.run, load(sandbox, CALL_AND_LOOP), b"", world, cancellation=cancellation)
        started.wait()
        assert sandbox.run(load(sandbox, guest(ECHO)), b"1", SmallWorld()).value == 1
        assert not future.done()
        cancellation.cancel()
        failure = future.result().failure
    assert failure is not None
    assert failure.code == "cancelled"


def test_an_interrupt_of_the_user_stops_a_guest(sandbox: Sandbox) -> None:
    """Ctrl-C on the thread that runs a guest unwinds the guest and is raised."""
    world = SmallWorld(called=lambda *_: threading.Thread(target=_thread.interrupt_main).start() or b"")
    loaded = load(sandbox, CALL_AND_LOOP)
    with pytest.raises(KeyboardInterrupt):
        sandbox.run(loaded, b"", world)


def nested(sandbox: Sandbox, loaded: LoadedModule, levels: int) -> Execution:
    """Run a module whose calls run it again, `levels` deep, the last one answered by the world."""

    def call(_: str, data: bytes) -> bytes:
        inner = nested(sandbox, loaded, levels - 1)
        return inner.output if inner.failure is None else b'"%s"' % inner.failure.code.encode()

    world = SmallWorld(b'"bottom"', called=call if levels else None)
    return sandbox.run(loaded, b"1", world)


def test_runs_nest_as_deep_as_allowed(sandbox: Sandbox) -> None:
    """A world may run other modules on the same thread, as deep as the call depth."""
    assert nested(sandbox, load(sandbox, guest(CALL, data="a")), LIMITS.call_depth).value == "bottom"


def test_runs_do_not_nest_deeper(sandbox: Sandbox) -> None:
    """One level more is a failure of that innermost run."""
    execution = nested(sandbox, load(sandbox, guest(CALL, data="a")), LIMITS.call_depth + 1)
    assert execution.value == "too_many_host_calls"


def test_nested_runs_need_no_turn_of_their_own() -> None:
    """With one worker a run that calls others still ends: they do not wait for their caller's place."""
    with Sandbox(LIMITS, workers=1) as sandbox:
        assert nested(sandbox, load(sandbox, guest(CALL, data="a")), 2).value == "bottom"


def test_a_nested_run_leaves_its_caller_alone(sandbox: Sandbox) -> None:
    """A run inside another one that fails changes neither the memory nor the result of its caller."""
    inner = load(sandbox, guest("(unreachable)"))

    def call(_: str, data: bytes) -> bytes:
        failed = sandbox.run(inner, data, SmallWorld())
        return b'"%s"' % (failed.failure.code if failed.failure else "none").encode()

    outer = load(sandbox, guest(CALL, data="a"))
    assert sandbox.run(outer, b"1", SmallWorld(called=call)).value == "trap"


def test_waiting_for_a_turn_can_be_cancelled() -> None:
    """A run that waits for a free worker is cancelled without ever starting."""
    with Sandbox(LIMITS, workers=1) as sandbox, ThreadPoolExecutor(1) as pool:
        loaded = load(sandbox, guest(CALL, data="a"))
        entered, leave = threading.Event(), threading.Event()

        def hold(*_: object) -> bytes:
            entered.set()
            leave.wait()
            return b"1"

        first = pool.submit(sandbox.run, loaded, b"", SmallWorld(called=hold))
        entered.wait()
        cancellation = Cancellation()
        cancellation.cancel()
        world = SmallWorld()
        failure = sandbox.run(loaded, b"", world, cancellation=cancellation).failure
        leave.set()
        assert first.result().value == 1
    assert failure is not None
    assert (failure.code, world.asked) == ("cancelled", [])


def test_waiting_for_a_turn_ends_with_the_wall_time() -> None:
    """A run that waits for a free worker gives up when its wall time is over."""
    with Sandbox(LIMITS, workers=1) as sandbox, ThreadPoolExecutor(1) as pool:
        loaded = load(sandbox, guest(CALL, data="a"))
        entered, leave = threading.Event(), threading.Event()

        def hold(*_: object) -> bytes:
            entered.set()
            leave.wait()
            return b"1"

        first = pool.submit(sandbox.run, loaded, b"", SmallWorld(called=hold))
        entered.wait()
        failure = sandbox.run(loaded, b"", SmallWorld(), wall_seconds=0.02).failure
        leave.set()
        first.result()
    assert failure is not None
    assert failure.code == "timeout"


def test_a_module_that_was_forgotten_still_runs(sandbox: Sandbox) -> None:
    """A module stays valid while it is referenced, after so many others were loaded that it is kept no more."""
    wasm = guest(ECHO)
    loaded = load(sandbox, wasm)
    for number in range(KEPT_MODULES + 1):
        load(sandbox, b"%b\x00\x09\x04fill%b" % (wasm, number.to_bytes(4, "little")))
    assert load(sandbox, wasm) is not loaded
    assert sandbox.run(loaded, b"[5]", SmallWorld()).value == [5]


def test_large_modules_are_forgotten_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kept modules' code has a size limit together; the last one stays, however large it is."""
    first, last = guest(ECHO), printing('"another"')
    with Sandbox(LIMITS, workers=1) as sandbox:
        loaded = load(sandbox, first)
        monkeypatch.setattr(modules, "KEPT_BYTES", loaded.size)
        kept = load(sandbox, last)
        assert load(sandbox, last) is kept
        assert load(sandbox, first) is not loaded


def test_a_module_is_kept(sandbox: Sandbox) -> None:
    """Loading a module again gives the same one without asking for its bytes."""
    wasm = printing("1")
    loaded = load(sandbox, wasm)

    def unasked() -> bytes:
        raise AssertionError

    assert sandbox.load(digest_of(wasm), unasked) is loaded


def test_threads_that_load_one_module_compile_it_once(sandbox: Sandbox) -> None:
    """Of several threads that load the same module at once, one compiles and the others wait for it."""
    wasm = printing('"compiled once"')
    asked: list[int] = []
    barrier = threading.Barrier(8)

    def bytes_of() -> bytes:
        asked.append(1)
        return wasm

    def work(_: int) -> LoadedModule:
        barrier.wait()
        return sandbox.load(digest_of(wasm), bytes_of)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(work, range(8)))) == 1
    assert len(asked) == 1


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads Linux's /proc")  # noqa: PTH110
def test_three_thousand_runs_leave_no_memory_behind(sandbox: Sandbox) -> None:
    """Runs that fill their memory, fail or print do not make the process grow."""
    fills = "(drop (memory.grow (i32.const 4))) (memory.fill (i32.const 0) (i32.const 7) (i32.const 300000))"
    several = [load(sandbox, guest(fills)), load(sandbox, guest("(unreachable)")), load(sandbox, guest(ECHO))]

    def thousand_runs() -> None:
        for turn in range(1000):
            sandbox.run(several[turn % 3], b"[1]", SmallWorld())

    thousand_runs()
    before = resident_bytes()
    thousand_runs()
    thousand_runs()
    assert resident_bytes() - before < 4 << 20


def test_a_closed_sandbox_refuses_to_run_and_to_load() -> None:
    """After close both say that the sandbox is closed, and closing again is harmless."""
    sandbox = Sandbox(LIMITS, workers=1)
    wasm = guest(ECHO)
    loaded = load(sandbox, wasm)
    sandbox.close()
    sandbox.close()
    with pytest.raises(ServiceClosed):
        sandbox.run(loaded, b"1", SmallWorld())
    with pytest.raises(ServiceClosed):
        load(sandbox, wasm)


def test_closing_cancels_what_runs() -> None:
    """close stops a guest that loops, and returns when it is gone."""
    sandbox = Sandbox(ENDLESS, workers=1)
    started = threading.Event()
    world = SmallWorld(called=lambda *_: started.set() or b"")
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(sandbox.run, load(sandbox, CALL_AND_LOOP), b"", world)
        started.wait()
        sandbox.close()
        assert future.done()
        failure = future.result().failure
    assert failure is not None
    assert failure.code == "cancelled"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_cannot_run(sandbox: Sandbox) -> None:
    """A child that was forked is refused, since nothing there would stop a guest that loops."""
    loaded = load(sandbox, guest(ECHO))
    child = os.fork()
    if child == 0:
        try:
            sandbox.run(loaded, b"1", SmallWorld())
        except ServiceClosed:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space of a Linux process")
def test_too_little_address_space_is_an_error_not_an_abort() -> None:
    """Where the pool cannot be reserved the sandbox says so and what to do; the process lives on."""
    program = """
import resource
from tacit.config import Limits
from tacit.errors import InvalidSettings
from tacit.sandbox import Sandbox
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
try:
    Sandbox(Limits())
except InvalidSettings as error:
    print(error.hint)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ulimit -v" in ended.stdout
