"""Compiling an author's source to WebAssembly: one confined call of rustc against the prebuilt crates.

The compiler is as hostile as its input: `include_str!` reads files, `env!` the environment, `#[path]` shows
files in error messages, and macros or constants can run for ever. So it sees the toolchain, the SDK and the source,
hardly an environment and one folder to write to, within limits of time, memory and output. What the module then
imports is judged elsewhere.

The linker takes an argument such as `@main.rs` for a file of further arguments, one of which loads a shared object
into it; and `#[link(name = "@main.rs")]` is an argument of the author's. So whatever the author fills, sources and
objects, lies in folders whose name nobody can know when the source is written.
"""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tacit.building.protocol import MAX_MODULE_BYTES
from tacit.errors import BuilderFailed, BuildRefused
from tacit_builder.toolchain.confinement import GIB, Confinement, Job, Limits
from tacit_builder.toolchain.diagnostics import last_words, readable_errors
from tacit_builder.toolchain.installed import Mount, Toolchain
from tacit_builder.toolchain.processes import Finished, run_job
from tacit_builder.toolchain.sdk import Sdk
from tacit_builder.toolchain.source import ROOT, checked_source, write_source

_MEMORY_BYTES = 3 * GIB
_MOST_OUTPUT = 4 << 20
_MODULE = "module.wasm"
_MEND = "Mend the source and hand it in again."
# Relative to where rustc starts, in bubblewrap's root as in the real folder: `env!("TMPDIR")` tells nothing.
_SOURCE, _OUT = "source", "out"
FLAGS = (
    "-Copt-level=s",
    "-Coverflow-checks=on",  # a whole number that overflows ends the run instead of wrapping around
    "-Cstrip=symbols",
    "-Ccodegen-units=4",  # as many threads, so that memory does not grow with the machine's cores
    "-Awarnings",
    "--crate-type=bin",
    "--crate-name=capability",
    "--error-format=json",
)
_FATAL = (signal.SIGABRT, signal.SIGKILL, signal.SIGSEGV, signal.SIGXCPU, signal.SIGXFSZ, signal.SIGBUS)


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
) -> Compiled:
    """Compile the files of a capability, whose root is `main.rs`, within `seconds`.

    Raises `BuildRefused` at the stage `compile` with rustc's errors in `details.diagnostics`.
    """
    files = checked_source(source)
    with tempfile.TemporaryDirectory(prefix="tacit-compile-") as made:
        work = Path(made).resolve()
        secret = secrets.token_hex(16)
        write_source(files, work / _SOURCE / secret)
        (work / _OUT / secret).mkdir(parents=True)
        job = _job(toolchain, sdk, confinement, work, secret, seconds)
        start = time.perf_counter()
        done = run_job(
            confinement.command(job),
            job.environment,
            seconds=seconds,
            most_bytes=_MOST_OUTPUT,
        )
        spent = time.perf_counter() - start
        if done.ending == "exited" and done.code == 0:
            return Compiled(_read(work / _OUT / secret / _MODULE), spent)
    folders = [f"{_SOURCE}/{secret}", f"{_OUT}/{secret}", *(confinement.place(mount) for mount in job.readable)]
    raise _failure(done, seconds, {f"{folder}/": "" for folder in folders} | {str(work): ""})


def _job(toolchain: Toolchain, sdk: Sdk, confinement: Confinement, work: Path, secret: str, seconds: float) -> Job:
    rooted = confinement.rooted
    source, output = Mount(work / _SOURCE, f"/{_SOURCE}"), Mount(work / _OUT, f"/{_OUT}")
    command = [*toolchain.rustc(rooted=rooted), "--target", "wasm32-wasip1", "--edition", "2021", *FLAGS]
    command += [f"--remap-path-prefix={_SOURCE}/{secret}=src", *sdk.arguments(confinement.place(sdk.mount))]
    command += [f"{_SOURCE}/{secret}/{ROOT}", "-o", f"{_OUT}/{secret}/{_MODULE}"]
    return Job(
        tuple(command),
        str(Path(confinement.place(source)).parent),
        (*toolchain.mounts(rooted=rooted), sdk.mount, source),
        (output,),
        {**toolchain.environment(rooted=rooted), "TMPDIR": _OUT},
        Limits(_MEMORY_BYTES, 8 * MAX_MODULE_BYTES, max(1, int(2 * seconds))),
    )


def _read(module: Path) -> bytes:
    """Return the module's bytes; the compiler may have been made to leave anything at its path."""
    try:
        descriptor = os.open(module, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise BuildRefused("compile", "The compiler left no module.", hint=_MEND) from error
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(descriptor).st_size
        if size > MAX_MODULE_BYTES:
            raise BuildRefused(
                "compile",
                f"The module has {size} bytes; the limit is {MAX_MODULE_BYTES}.",
                hint="Use smaller static data, or fewer crates.",
            )
        return file.read(MAX_MODULE_BYTES)


def _failure(done: Finished, seconds: float, hidden: Mapping[str, str]) -> BuildRefused | BuilderFailed:
    """Say why there is no module."""
    errors = readable_errors(done.output, hidden)
    if done.ending == "timed_out":
        said = f"Compiling took more than {seconds:g} seconds."
    elif done.ending == "flooded":
        said = "The compiler reported more errors than anyone can read."
    elif _exhausted(done):
        said = "The compiler ran out of memory, stack or processor time."
    elif errors:
        said = "The source does not compile."
    else:
        said = last_words(done.output, hidden) or f"it ended with code {done.code}"
        return BuilderFailed(f"The compiler could not run: {said}.", hint="Run `tacit doctor`.")
    return BuildRefused("compile", said, hint=_MEND, details={"diagnostics": errors})


def _exhausted(done: Finished) -> bool:
    """Whether rustc died of its limits; a shell reports a signal as 128 and its number."""
    died = any(done.code in (-number, 128 + number) for number in _FATAL)
    return died or b"memory allocation of" in done.output
