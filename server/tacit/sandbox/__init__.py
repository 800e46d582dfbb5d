"""Running guests: WebAssembly modules that nobody has to trust.

What it covers:
- isolation: each run has an instance and a memory of its own, and sees its stdin, a virtual clock, seeded random
  numbers and the host functions that its world answers; no files, sockets, environment or other run;
- limits: energy, wall time, memory, stack, stdout, stderr, the number of host calls and the size of what they
  carry; each ends the run with an error of its own, and a run can be cancelled from another thread; what the host does
  for a guest is energy too;
- compiling: a module of more than 16 KiB is compiled in a process with limits of its own;
- determinism: the same module, stdin, clock, seed and answers of the world give the same bytes on any machine;
- attacks on the host's functions: pointers outside the guest's memory answer EFAULT or trap, and host results are
  copied only as far as the guest has room;
- attacks on what is kept: compiled code is loaded only from a folder that is its owner's alone, and only if a
  checksum over it holds.

What it does not cover:
- flaws of Wasmtime or of the processor: guests run in the process of the server, with no further wall around them,
  and can measure nothing finer than their virtual clock, but share caches with everything else;
- what a world lets through: permissions and grants decide that, and a guest may use all that it was granted;
- the host's memory as a whole: `workers` runs, each with those that it calls, may fill their memories at once;
- a host function that blocks: it is the world that has to give up at the deadline, or when cancelled;
- processes forked from the server: a sandbox is closed in them.

The names below are imported when they are first used, so that a part which needs only the small ones
does not load Wasmtime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tacit.sandbox.cancellation import Cancellation
    from tacit.sandbox.composites import Composite
    from tacit.sandbox.effects import effects_of
    from tacit.sandbox.engine import Guest, Sandbox
    from tacit.sandbox.execution import Execution
    from tacit.sandbox.files.files_folder import FilesFolder
    from tacit.sandbox.files.transaction import Transaction
    from tacit.sandbox.grants import Allowance, missing_for, not_granted
    from tacit.sandbox.http.gateway import HttpGateway
    from tacit.sandbox.modules import LoadedModule
    from tacit.sandbox.verification import run_tests
    from tacit.sandbox.world import Called, FailureCode, HostFailure, World
    from tacit.sandbox.worlds.fixture import FixtureWorld
    from tacit.sandbox.worlds.lenient import LenientWorld
    from tacit.sandbox.worlds.live import LiveWorld
    from tacit.sandbox.worlds.recording import HostCall, RecordingWorld, ReplayWorld, decode_calls, encode_calls

_MODULES = {
    "Allowance": "grants",
    "Called": "world",
    "Cancellation": "cancellation",
    "Composite": "composites",
    "Execution": "execution",
    "FailureCode": "world",
    "FilesFolder": "files.files_folder",
    "FixtureWorld": "worlds.fixture",
    "Guest": "engine",
    "HostCall": "worlds.recording",
    "HostFailure": "world",
    "HttpGateway": "http.gateway",
    "LenientWorld": "worlds.lenient",
    "LiveWorld": "worlds.live",
    "LoadedModule": "modules",
    "RecordingWorld": "worlds.recording",
    "ReplayWorld": "worlds.recording",
    "Sandbox": "engine",
    "Transaction": "files.transaction",
    "World": "world",
    "decode_calls": "worlds.recording",
    "effects_of": "effects",
    "encode_calls": "worlds.recording",
    "missing_for": "grants",
    "not_granted": "grants",
    "run_tests": "verification",
}

__all__ = [
    "Allowance",
    "Called",
    "Cancellation",
    "Composite",
    "Execution",
    "FailureCode",
    "FilesFolder",
    "FixtureWorld",
    "Guest",
    "HostCall",
    "HostFailure",
    "HttpGateway",
    "LenientWorld",
    "LiveWorld",
    "LoadedModule",
    "RecordingWorld",
    "ReplayWorld",
    "Sandbox",
    "Transaction",
    "World",
    "decode_calls",
    "effects_of",
    "encode_calls",
    "missing_for",
    "not_granted",
    "run_tests",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value
