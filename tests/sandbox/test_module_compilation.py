"""Compiling is bounded: what takes too long or too much memory is refused, once, and nothing of it stays."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from guests import ECHO, LIMITS, SmallWorld, digest_of, guest, module
from tacit.errors import BuildRefused, OperatorError
from tacit.sandbox import Sandbox, compiling
from tacit.sandbox.compiling import SMALL_BYTES, Compilers

LOOPS = guest("(loop)" * 40_000)
"""Some seconds of the processor and some hundred MiB: the time grows with the square of the size."""


def padded(wasm: bytes, size: int = SMALL_BYTES) -> bytes:
    """Return the same module with so large a custom section that it is compiled in a process of its own."""
    content = b"\x03pad" + bytes(size)
    length = bytes((len(content) & 0x7F | 0x80, len(content) >> 7 & 0x7F | 0x80, len(content) >> 14))
    return wasm + b"\0" + length + content


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the modules for which a process was started."""
    sizes: list[int] = []
    ask = Compilers._ask

    def counting(self: Compilers, wasm: bytes, seconds: int) -> Any:
        sizes.append(len(wasm))
        return ask(self, wasm, seconds)

    monkeypatch.setattr(Compilers, "_ask", counting)
    return sizes


@pytest.mark.parametrize(("bound", "value"), [("SECONDS", 1), ("MEMORY_BYTES", 96 << 20)])
def test_what_is_too_costly_is_refused_and_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, asked: list[int], bound: str, value: int
) -> None:
    """By processor time, or by memory; the error says at which stage, and what to do."""
    monkeypatch.setattr(compiling, "SECONDS_PER_MIB", 0)
    monkeypatch.setattr(compiling, bound, value)
    with Sandbox(LIMITS, workers=1) as sandbox:
        for _ in range(3):
            with pytest.raises(BuildRefused) as refused:
                sandbox.load(digest_of(LOOPS), lambda: LOOPS)
            assert refused.value.stage == "compile"
            assert "split" in refused.value.hint
    assert asked == [len(LOOPS)]


def test_a_module_is_the_same_wherever_it_was_compiled(asked: list[int]) -> None:
    """Output and energy do not tell; and what is refused as malformed is refused alike."""
    small, large = guest(ECHO), padded(guest(ECHO))
    idle = module('(module (memory (export "memory") 1) (func (export "_start") nop nop))')
    broken = idle.replace(b"\x01\x01\x0b", b"\x6a\x01\x0b")  # it adds what is not there
    with Sandbox(LIMITS, workers=1) as sandbox:
        here = sandbox.run(sandbox.load(digest_of(small), lambda: small), b'"x"', SmallWorld())
        apart = sandbox.run(sandbox.load(digest_of(large), lambda: large), b'"x"', SmallWorld())
        assert (here.output, here.energy) == (apart.output, apart.energy) == (b'"x"', here.energy)
        assert asked == [len(large)]
        for wasm in (broken, padded(broken)):
            with pytest.raises(BuildRefused) as refused:
                sandbox.load(digest_of(wasm), lambda: wasm)  # noqa: B023  # called at once
            assert refused.value.stage == "imports"


def test_compiled_code_is_kept_from_a_process_as_from_here(tmp_path: Path, asked: list[int]) -> None:
    """The next server starts no process for it."""
    wasm = padded(guest(ECHO))
    for _ in range(2):
        with Sandbox(LIMITS, tmp_path / "compiled", workers=1) as sandbox:
            sandbox.load(digest_of(wasm), lambda: wasm)
    assert asked == [len(wasm)]


def test_closing_ends_what_compiles() -> None:
    """Whoever waits for it is told, and the process is gone."""
    raised: list[BaseException] = []
    sandbox = Sandbox(LIMITS, workers=1)

    def load() -> None:
        try:
            sandbox.load(digest_of(LOOPS), lambda: LOOPS)
        except OperatorError as error:
            raised.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    compilers = sandbox._modules._compilers
    while not compilers._running:
        time.sleep(0.01)
    (process,) = compilers._running
    sandbox.close()
    thread.join()
    assert len(raised) == 1
    assert process.poll() is not None


def test_a_machine_that_starts_no_process_says_so_and_forgets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is not the module's fault: the next time it is compiled."""
    wasm = padded(guest(ECHO))
    with Sandbox(LIMITS, workers=1) as sandbox:
        with monkeypatch.context() as patched:
            patched.setattr(sys, "executable", "/nowhere/python")
            with pytest.raises(OperatorError, match="could not be compiled"):
                sandbox.load(digest_of(wasm), lambda: wasm)
        assert sandbox.run(sandbox.load(digest_of(wasm), lambda: wasm), b"1", SmallWorld()).value == 1


_SERVER = """
import sys, threading, time
from tacit.config import Limits
from tacit.sandbox.compiling import Compilers
compilers = Compilers(Limits())
wasm = sys.stdin.buffer.read()
threading.Thread(target=compilers.compile_apart, args=(wasm,), daemon=True).start()
while not compilers._running:
    time.sleep(0.01)
print(next(iter(compilers._running)).pid, flush=True)
time.sleep(600)
"""


def test_a_killed_server_leaves_nothing_that_compiles() -> None:
    """Its process ends by itself, long before it would have run out of its time."""
    server = subprocess.Popen([sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    with server:
        server.stdin.write(guest("(loop)" * 80_000))
        server.stdin.close()
        compiler = int(server.stdout.readline())
        server.send_signal(signal.SIGKILL)
    while _runs(compiler):
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
