"""Compiling an author's source to WebAssembly: one confined call of rustc against the prebuilt crates.

The compiler is as hostile as its input: `include_str!` reads files, `env!` the environment, `#[path]` shows
files in error messages, and macros or constants can run for ever. So it sees the toolchain, the SDK and the source,
an empty environment and one folder to write to, within limits of time, memory and output. What the module then
imports is judged elsewhere.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tacit.errors import BuilderFailed, BuildRefused, RunCancelled
from tacit.sandbox.cancellation import Cancellation
from tacit_builder.toolchain.confinement import GIB, Confinement, Job, Limits
from tacit_builder.toolchain.diagnostics import readable_diagnostics
from tacit_builder.toolchain.installed import Mount, Toolchain
from tacit_builder.toolchain.processes import Finished, run_job
from tacit_builder.toolchain.sdk import Sdk
from tacit_builder.toolchain.source import ROOT, checked_source, write_source

MOST_MODULE_BYTES = 32 << 20
_MEMORY_BYTES = 4 * GIB
_MOST_OUTPUT = 4 << 20
_CODEGEN = ("-Copt-level=s", "-Cstrip=symbols", "-Cdebuginfo=0")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A WebAssembly module, and the seconds that rustc took."""

    wasm: bytes
    seconds: float


def compile_source(
    toolchain: Toolchain,
    sdk: Sdk,
    source: Mapping[str, str],
    *,
    confinement: Confinement,
    seconds: float,
    cancellation: Cancellation | None = None,
) -> Compiled:
    """Compile the files of a capability, whose root is `main.rs`, within `seconds`.

    Raises `BuildRefused` at the stage `compile` with rustc's errors in `details.diagnostics`, or `RunCancelled`.
    """
    files = checked_source(source)
    with tempfile.TemporaryDirectory(prefix="tacit-compile-") as made:
        work = Path(made)
        write_source(files, work / "source")
        (work / "out").mkdir()
        job = _job(toolchain, sdk, confinement, work, seconds)
        start = time.perf_counter()
        done = run_job(
            confinement.command(job),
            job.environment,
            seconds=seconds,
            most_bytes=_MOST_OUTPUT,
            cancellation=cancellation,
        )
        spent = time.perf_counter() - start
        module = work / "out" / "module.wasm"
        if done.ending == "exited" and done.code == 0 and module.is_file() and not module.is_symlink():
            return Compiled(_read(module), spent)
        raise _failure(done, seconds)


def _job(toolchain: Toolchain, sdk: Sdk, confinement: Confinement, work: Path, seconds: float) -> Job:
    source, output = Mount(work / "source", "/source"), Mount(work / "out", "/out")
    out = confinement.place(output)
    command = [*toolchain.rustc(rooted=confinement.rooted), "--target", "wasm32-wasip1", "--edition", "2021"]
    command += [*_CODEGEN, "--crate-type", "bin", "--crate-name", "capability", "--error-format", "json"]
    command += [f"--remap-path-prefix={confinement.place(source)}=src", *sdk.arguments(confinement.place(sdk.mount))]
    command += [ROOT, "-o", f"{out}/module.wasm"]
    return Job(
        tuple(command),
        confinement.place(source),
        (*toolchain.mounts(rooted=confinement.rooted), sdk.mount, source),
        (output,),
        {**toolchain.environment(rooted=confinement.rooted), "PATH": "/usr/bin:/bin", "TMPDIR": out},
        Limits(_MEMORY_BYTES, 8 * MOST_MODULE_BYTES, max(1, int(2 * seconds))),
    )


def _read(module: Path) -> bytes:
    size = module.stat().st_size
    if size > MOST_MODULE_BYTES:
        raise BuildRefused(
            "compile", f"The module has {size} bytes, more than the {MOST_MODULE_BYTES} that are allowed."
        )
    return module.read_bytes()


def _failure(done: Finished, seconds: float) -> BuildRefused | RunCancelled | BuilderFailed:
    """Say why there is no module."""
    shown = readable_diagnostics(done.output)
    details = {"diagnostics": shown}
    hint = "Mend the source and hand it in again."
    if done.ending == "cancelled":
        return RunCancelled("The build was cancelled.")
    if done.ending == "timed_out":
        return BuildRefused("compile", f"Compiling took more than {seconds:g} seconds.", hint=hint, details=details)
    if done.ending == "flooded":
        return BuildRefused("compile", "The compiler printed far too much.", hint=hint, details=details)
    if done.code in (1, 101) and b'"$message_type"' in done.output:
        return BuildRefused("compile", "The source does not compile.", hint=hint, details=details)
    if _exhausted(done):
        return BuildRefused("compile", "The compiler needed more than its limits.", hint=hint, details=details)
    return BuilderFailed(f"The compiler could not run: {shown[-500:] or done.code}", hint="Run `tacit doctor`.")


def _exhausted(done: Finished) -> bool:
    """Whether rustc died of its limits, of memory or the stack; a shell reports a signal as 128 and its number."""
    fatal = (signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV, signal.SIGXCPU, signal.SIGXFSZ, signal.SIGBUS)
    return any(done.code in (-number, 128 + number) for number in fatal) or b"memory allocation" in done.output
