"""The toolchain that set-up left in the cache: how its rustc, cargo and linkers are called, and what they read.

A toolchain is described by `toolchain.json` in its folder, so that finding it starts no process. Each program
can be called in two ways: `rooted`, inside bubblewrap, where the folder's files have fixed places, or hosted, by
their real paths.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from tacit.config import Settings
from tacit.errors import ToolchainMissing

DESCRIPTION = "toolchain.json"
LOADERS = {"x86_64-linux-gnu": "ld-linux-x86-64.so.2", "aarch64-linux-gnu": "ld-linux-aarch64.so.1"}
"""The name of the dynamic loader by Debian's name of the architecture."""

_LIBRARY_FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
_MACHINE = ("/usr", "/bin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache")


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of this machine and where bubblewrap shows it."""

    source: Path
    inside: str


class Toolchain(Protocol):
    """rustc and cargo with the standard library of wasm32-wasip1."""

    @property
    def name(self) -> str:
        """What doctor and a version's record show, such as `rustc 1.85.1 (Debian trixie)`."""
        ...

    @property
    def host(self) -> str:
        """The triple of this machine, which build scripts and procedural macros are compiled for."""
        ...

    def mounts(self, *, rooted: bool) -> tuple[Mount, ...]:
        """Return what its programs read and execute, with their places if `rooted`."""
        ...

    def rustc(self, *, rooted: bool) -> list[str]:
        """Return the command that compiles and links for wasm32-wasip1, to which arguments are added."""
        ...

    def cargo(self, *, rooted: bool) -> list[str]:
        """Return the command of cargo, to which arguments are added."""
        ...

    def environment(self, *, rooted: bool) -> dict[str, str]:
        """Return the variables that its programs need to start."""
        ...

    def cargo_environment(self, *, rooted: bool) -> dict[str, str]:
        """Return the variables that make cargo use this rustc and these linkers."""
        ...

    def cargo_mounts(self, *, rooted: bool) -> tuple[Mount, ...]:
        """Return what cargo reads and executes, with what links build scripts and procedural macros."""
        ...


@dataclass(frozen=True, slots=True)
class DebianToolchain:
    """A private folder of Debian packages: `root/` with them, `hosted/` with scripts that call their programs."""

    route: ClassVar[str] = "debian"
    name: str
    folder: Path
    version: str
    host: str
    triplet: str

    def write(self) -> None:
        """Describe the toolchain in its own folder."""
        _write(self.folder, self.route, asdict(self))

    def at(self, folder: Path) -> Self:
        """Return this toolchain, moved to `folder`."""
        return replace(self, folder=folder)

    def mounts(self, *, rooted: bool) -> tuple[Mount, ...]:
        """Return the packages as `/usr`; hosted, with the linker's script and this machine's shell, which runs it.

        Never the folder itself: its description names a path of this machine, and sources can include what they see.
        """
        if not rooted:
            return tuple(Mount(path, str(path)) for path in (*self._parts(), *_shell()))
        usr = self.folder / "root" / "usr"
        return (
            Mount(usr, "/usr"),
            Mount(usr / "bin", "/bin"),
            Mount(usr / "lib", "/lib"),
            Mount(usr / "lib64", "/lib64"),
        )

    def rustc(self, *, rooted: bool) -> list[str]:
        """Return the command of rustc with LLVM's linker."""
        if rooted:
            return ["/usr/bin/rustc", "-Clinker=/usr/bin/wasm-ld-19"]
        # Not by the script of `hosted/`: a shell puts its folder into the environment, where `env!` reads it.
        usr = self.folder / "root" / "usr"
        libraries = usr / "lib" / self.triplet
        started = [str(libraries / LOADERS[self.triplet]), "--library-path", str(libraries), str(usr / "bin" / "rustc")]
        return [*started, "--sysroot", str(usr), f"-Clinker={self.folder / 'hosted' / 'wasm-ld'}"]

    def cargo(self, *, rooted: bool) -> list[str]:
        """Return the command of cargo."""
        return ["/usr/bin/cargo"] if rooted else [str(self.folder / "hosted" / "cargo")]

    def environment(self, *, rooted: bool) -> dict[str, str]:  # noqa: ARG002  # none either way
        """Return no variables."""
        return {}

    def cargo_mounts(self, *, rooted: bool) -> tuple[Mount, ...]:
        """Return what `mounts` does, with the scripts that link build scripts and procedural macros."""
        if not rooted:
            return self.mounts(rooted=False)
        return (*self.mounts(rooted=True), *(Mount(part, f"/toolchain/{part.name}") for part in self._parts()))

    def cargo_environment(self, *, rooted: bool) -> dict[str, str]:
        """Return the variables that name rustc and both linkers, which are LLVM's."""
        hosted = "/toolchain/hosted" if rooted else str(self.folder / "hosted")
        return {
            "RUSTC": "/usr/bin/rustc" if rooted else f"{hosted}/rustc",
            _linker_variable(self.host): f"{hosted}/ld",
            _linker_variable("wasm32-wasip1"): "/usr/bin/wasm-ld-19" if rooted else f"{hosted}/wasm-ld",
        }

    def _parts(self) -> tuple[Path, Path]:
        """Return the folder of the packages and that of the scripts."""
        return self.folder / "root", self.folder / "hosted"


@dataclass(frozen=True, slots=True)
class RustupToolchain:
    """A toolchain of rustup's with its own linker; `libraries` are the shared objects of this machine it loads."""

    route: ClassVar[str] = "rustup"
    name: str
    folder: Path
    version: str
    host: str
    libraries: tuple[str, ...]

    def write(self, description: Path) -> None:
        """Describe the toolchain in the folder `description`; rustup's own folder is left alone."""
        _write(description, self.route, asdict(self))

    def mounts(self, *, rooted: bool) -> tuple[Mount, ...]:  # noqa: ARG002  # the same both ways
        """Return the toolchain's folder, and one mount for each shared object."""
        return (Mount(self.folder, "/toolchain"), *(Mount(Path(path), path) for path in self.libraries))

    def rustc(self, *, rooted: bool) -> list[str]:
        """Return the command of rustc, which finds its own linker."""
        return [self._program("rustc", rooted)]

    def cargo(self, *, rooted: bool) -> list[str]:
        """Return the command of cargo."""
        return [self._program("cargo", rooted)]

    def environment(self, *, rooted: bool) -> dict[str, str]:
        """Return where the loader finds rustc's own libraries, which it cannot work out without `/proc`."""
        return {"LD_LIBRARY_PATH": "/toolchain/lib"} if rooted else {}

    def cargo_mounts(self, *, rooted: bool) -> tuple[Mount, ...]:  # noqa: ARG002  # the same both ways
        """Return the toolchain's folder and this machine's programs and libraries, with its C compiler."""
        machine = (Mount(path, str(path)) for path in map(Path, _MACHINE) if path.exists())
        return (Mount(self.folder, "/toolchain"), *machine)

    def cargo_environment(self, *, rooted: bool) -> dict[str, str]:
        """Return the variable that names rustc; this machine's own C compiler links build scripts."""
        return {"RUSTC": self._program("rustc", rooted)}

    def _program(self, name: str, rooted: bool) -> str:
        return f"/toolchain/bin/{name}" if rooted else str(self.folder / "bin" / name)


def find_toolchain(settings: Settings) -> Toolchain:
    """Return the toolchain of the settings or of the cache; raises `ToolchainMissing`. Reads one small file."""
    folder = settings.toolchain or settings.cache / "toolchain"
    try:
        toolchain = read_toolchain(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToolchainMissing(f"There is no Rust toolchain in {folder}.", hint="Run `tacit setup`.") from error
    if not Path(toolchain.rustc(rooted=False)[0]).exists():
        raise ToolchainMissing(f"The Rust toolchain described in {folder} is gone.", hint="Run `tacit setup`.")
    return toolchain


def read_toolchain(folder: Path) -> Toolchain:
    """Return the toolchain described in `folder`; raises what reading a file and a mapping raises."""
    facts: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text())
    route = facts["route"]
    name, version, host = facts["name"], facts["version"], facts["host"]
    if route == DebianToolchain.route:
        return DebianToolchain(name, folder, version, host, facts["triplet"])
    return RustupToolchain(name, Path(facts["folder"]), version, host, tuple(facts["libraries"]))


def _write(folder: Path, route: str, facts: dict[str, Any]) -> None:
    described = {"route": route, **facts, "folder": str(facts["folder"])}
    (folder / DESCRIPTION).write_text(json.dumps(described, indent=2) + "\n")


def _linker_variable(target: str) -> str:
    return f"CARGO_TARGET_{target.upper().replace('-', '_')}_LINKER"


def _shell() -> tuple[Path, ...]:
    """Return /bin/sh, its loader and its libc, as this machine has them."""
    found = [Path("/bin/sh").resolve()]
    for folder in _LIBRARY_FOLDERS:
        for pattern in ("ld-linux*.so.*", "*-linux-gnu/ld-linux*.so.*", "*-linux-gnu/libc.so.6", "libc.so.6"):
            found += [path.resolve() for path in Path(folder).glob(pattern)]
    return tuple(dict.fromkeys(found))
