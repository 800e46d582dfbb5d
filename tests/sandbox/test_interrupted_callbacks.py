"""Exceptions that come from outside, at any moment: no guest goes on as if its host function had answered."""

from __future__ import annotations

import ctypes
import dis
import operator
import sys
import threading
from functools import partial
from types import FrameType
from typing import Any

import pytest
import wasmtime

from guests import ECHO, LIMITS, Run, SmallWorld, digest_of, guest
from tacit.config import Limits
from tacit.sandbox import bindings
from tacit.sandbox.configuration import open_engine
from tacit.sandbox.modules import LoadedModules
from tacit.sandbox.trampolines import Stop, trampoline
from tacit.sandbox.worker import Request, Worker

ARGUMENT, ANSWER, TRAP = 5, 7, 4096
RAISING = ("RESUME", "PRECALL", "CALL", "JUMP_BACKWARD")
"""The instructions at which Python looks whether there is an exception from outside."""
REQUEST = Request(b"", SmallWorld(), LIMITS.energy, 0, b"", float("inf"), None)


class Interrupt(BaseException):
    """What comes from outside."""


def interrupted(call: Any) -> Any:
    """Return what a C callback gives into whose first instruction an exception comes.

    Another thread or a signal asks for it while a guest runs. Here both are called by C, so that no instruction of
    this function meets it before.
    """
    raising = partial(
        ctypes.pythonapi.PyThreadState_SetAsyncExc, ctypes.c_ulong(threading.get_ident()), ctypes.py_object(Interrupt)
    )
    return list(map(operator.call, [raising, call]))[1]


class Called:
    """One host function, called as Wasmtime does."""

    def __init__(self) -> None:
        self.stop = Stop(lambda: TRAP)
        self.slots = (ctypes.c_uint64 * 2)(ARGUMENT)
        self.callback = trampoline("i>i", self.function, self.stop, lambda: None)
        self.call = partial(self.callback, None, None, ctypes.addressof(self.slots), 1)

    def function(self, _argument: int) -> int:
        """Answer."""
        return ANSWER


def test_an_exception_on_entering_a_host_function_is_a_trap() -> None:
    """It comes before the function's first statement, and is kept for after the guest."""
    called = Called()
    assert interrupted(called.call) == TRAP
    assert isinstance(called.stop.reason, Interrupt)


def test_an_exception_on_entering_the_look_at_the_time_ends_the_run() -> None:
    """Wasmtime gets an error, and the worker has what it was."""
    worker = Worker(open_engine(LIMITS, 1), LIMITS)
    delta = ctypes.c_uint64()
    error = interrupted(partial(worker._on_epoch, None, None, ctypes.addressof(delta), None))
    assert error
    assert bindings.consume_error(error) == "stopped"


def test_wherever_an_exception_comes_a_guest_sees_a_trap_or_the_answer() -> None:
    """At no call of a callback, or of what it calls, is its argument left as the result of a call that went well."""
    outcomes = [_raising_at(call) for call in range(30)]
    assert outcomes.count("trap") > 5
    assert outcomes[-1] == "answer"
    assert set(outcomes) == {"trap", "answer"}


def _raising_at(call: int) -> str:
    """Return what a guest sees of a call at whose n-th instruction of those after which Python raises one it does."""
    called = Called()
    left = call

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal left
        if frame.f_code.co_name not in ("callback", "function"):
            return None
        frame.f_trace_opcodes = True
        name = dis.opname[frame.f_code.co_code[frame.f_lasti]]
        if event == "opcode" and name.startswith(RAISING):
            left -= 1
            if left < 0:
                sys.settrace(None)
                raise Interrupt
        return trace

    sys.settrace(trace)
    try:
        trap = called.call()
    finally:
        sys.settrace(None)
    if called.slots[0] == ANSWER:
        return "answer"
    return "trap" if trap == TRAP and called.stop.reason else "neither"


@pytest.mark.parametrize("which", ["host function", "look at the time"])
def test_a_handler_calls_nothing(monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    """While it stops a run, for whatever reason, an exception from outside would find a way out of the callback."""
    monkeypatch.setattr("tacit.sandbox.trampolines.FUNCTION_CALLBACK", lambda function: function)
    function: Any = Called().callback if which == "host function" else Worker._at_tick
    names = [instruction.opname for instruction in dis.get_instructions(function)]
    handler = names[len(names) - 1 - names[::-1].index("PUSH_EXC_INFO") :]
    assert "RETURN_VALUE" in handler
    assert not [name for name in handler if name.startswith(("CALL", "PRECALL", "JUMP_BACKWARD", "RESUME"))]


def test_a_run_that_is_left_before_it_is_judged_leaves_no_trap_to_the_next(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run of the worker ends as its own guest does."""

    def interrupt(*_: object) -> Any:
        raise Interrupt

    with monkeypatch.context() as patched:
        patched.setattr(Worker, "_ended", interrupt)
        with pytest.raises(Interrupt):
            run(guest("unreachable"))
    assert run(guest(ECHO), b"1").value == 1


@pytest.mark.parametrize("call", ["", "(drop (call $random (i32.const 2048) (i32.const 60000)))"], ids=["run", "call"])
def test_an_engine_that_counts_no_energy_runs_nothing(call: str) -> None:
    """What Wasmtime reports of energy is looked at: a guest would run without a limit."""
    config = wasmtime.Config()
    config.epoch_interruption = True
    engine = wasmtime.Engine(config)
    wasm = guest(call)
    loaded = LoadedModules(engine, Limits(), None).load(digest_of(wasm), lambda: wasm)
    with pytest.raises(RuntimeError, match="fuel"):
        Worker(engine, LIMITS).run(loaded, REQUEST)
