"""Keeping a compiler away from the machine it runs on: bubblewrap, else Landlock, else a refusal.

Bubblewrap gives a job its own root with nothing but what it names, no network and no processes but its own; a
compiler has no `/proc` either. Landlock, where there is no bubblewrap, lets it open nothing but what it names and,
from Linux 6.7 on, no TCP connection; it can still ask whether a file exists. Both get an empty environment and the
limits of `Limits`. Neither guards against a fault of the kernel's, and neither bounds the sum of what a job writes.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from tacit.config import Settings
from tacit.errors import ConfinementMissing
from tacit_builder.toolchain import landlock
from tacit_builder.toolchain.installed import Mount

GIB = 1 << 30
_NULL = Path("/dev/null")
_ULIMIT = 'ulimit -c 0; ulimit -v "$1"; ulimit -f "$2"; ulimit -t "$3"; shift 3; exec "$@"'
_PROBE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """What each process of a job may use: bytes of address space, bytes of one file, seconds of processor time."""

    memory_bytes: int = 4 * GIB
    file_bytes: int = GIB // 4
    processor_seconds: int = 240


@dataclass(frozen=True, slots=True)
class Job:
    """A command and all that it may see; paths in `command`, `folder` and `environment` come from `place`."""

    command: tuple[str, ...]
    folder: str
    readable: tuple[Mount, ...]
    writable: tuple[Mount, ...]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    limits: Limits = Limits()
    runs_output: bool = False
    """Whether it executes what it wrote, as cargo does with build scripts; linkers for these want a `/proc`."""


class Confinement(Protocol):
    """A way to run a job."""

    @property
    def name(self) -> str:
        """The setting's word for it: `bubblewrap`, `landlock` or `none`."""
        ...

    @property
    def rooted(self) -> bool:
        """Whether a job sees its files at the fixed places of its mounts, not at their real paths."""
        ...

    def place(self, mount: Mount) -> str:
        """Return the path under which a job sees the mount."""
        ...

    def command(self, job: Job) -> list[str]:
        """Return the command that runs the job; it must be started with the job's environment and nothing else."""
        ...


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """Confinement by the program bubblewrap, at the path `program`."""

    program: str
    name: str = "bubblewrap"
    rooted: bool = True

    def place(self, mount: Mount) -> str:
        """Return where the mount is inside."""
        return mount.inside

    def command(self, job: Job) -> list[str]:
        """Return the limits, bubblewrap with every mount, and the job's command."""
        limits = job.limits
        sizes = (limits.memory_bytes >> 10, limits.file_bytes >> 9, limits.processor_seconds)
        arguments = ["/bin/sh", "-c", _ULIMIT, "sh", *map(str, sizes), self.program]
        arguments += ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]
        for mount in job.readable:
            arguments += ["--ro-bind", str(mount.source), mount.inside]
        for mount in job.writable:
            arguments += ["--bind", str(mount.source), mount.inside]
        if job.runs_output:
            arguments += ["--proc", "/proc"]
        arguments += ["--dev-bind", str(_NULL), str(_NULL), "--remount-ro", "/", "--chdir", job.folder]
        for name, value in job.environment.items():
            arguments += ["--setenv", name, value]
        return [*arguments, "--", *job.command]


@dataclass(frozen=True, slots=True)
class Landlock:
    """Confinement by the kernel's Landlock, entered by a launcher that then becomes the job."""

    name: str = "landlock"
    rooted: bool = False
    confines: bool = True

    def place(self, mount: Mount) -> str:
        """Return the real path."""
        return str(mount.source)

    def command(self, job: Job) -> list[str]:
        """Return the launcher with what the job may open, and the job's command."""
        rules = {
            "confines": self.confines,
            "readable": [str(mount.source) for mount in job.readable],
            "writable": [*(str(mount.source) for mount in job.writable), str(_NULL)],
            "folder": job.folder,
            "runs_output": job.runs_output,
            "environment": dict(job.environment),
            **asdict(job.limits),
        }
        return [sys.executable, "-I", "-S", landlock.__file__, json.dumps(rules), *job.command]


def unconfined() -> Confinement:
    """Return the launcher of Landlock without Landlock: the limits alone. Only for who asked for it by setting."""
    return Landlock(name="none", confines=False)


def find_confinement(settings: Settings) -> Confinement:
    """Return what the settings ask for, if it works here; raises `ConfinementMissing` with what to do."""
    if settings.confinement == "none":
        return unconfined()
    if settings.confinement in ("auto", "bubblewrap"):
        program = bubblewrap_program(settings)
        if program and works(program):
            return Bubblewrap(program)
    if settings.confinement in ("auto", "landlock") and landlock.abi() > 0:
        return Landlock()
    wanted = {"auto": "Neither bubblewrap nor Landlock", "bubblewrap": "No bubblewrap", "landlock": "No Landlock"}
    raise ConfinementMissing(
        f"{wanted[settings.confinement]} can confine the compiler on this machine.",
        hint="Run `tacit setup`, or install bubblewrap; TACIT_CONFINEMENT=none compiles without confinement.",
    )


def bubblewrap_program(settings: Settings) -> str | None:
    """Return the path of the machine's bubblewrap, else of the one that set-up unpacked, else None."""
    private = settings.cache / "bubblewrap" / "usr" / "bin" / "bwrap"
    return shutil.which("bwrap") or (str(private) if private.exists() else None)


@functools.cache
def works(program: str) -> bool:
    """Whether bubblewrap may make its namespaces here, which many containers forbid; takes some milliseconds."""
    command = [program, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--", "/bin/true"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
