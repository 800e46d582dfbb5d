"""Route 1: the machine's own Rust toolchain, as rustup installs it, with wasm32-wasip1 added where it is missing.

Taken only when it can do the whole job: new enough for the SDK's crates, with its own linker for WebAssembly, and
with a C compiler beside it that links build scripts. Otherwise the reason is given and set-up takes route 2.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tacit.errors import ToolchainMissing
from tacit_builder.toolchain import apt
from tacit_builder.toolchain.installed import RustupToolchain

OLDEST = (1, 85)
_TARGET = "wasm32-wasip1"
_SECONDS = 300.0
_LIBRARY = re.compile(r"^\s*(?:\S+ => )?(/\S+) \(0x")


def install(folder: Path, work: Path) -> RustupToolchain:
    """Describe the machine's toolchain in `folder`, which must not exist, checking it in the empty folder `work`.

    Raises `ToolchainMissing` with the reason why it cannot be used.
    """
    if not shutil.which("rustc"):
        raise ToolchainMissing("There is no rustc on this machine.")
    if not shutil.which("cc"):
        raise ToolchainMissing("The machine's Rust toolchain has no C compiler to link build scripts with.")
    facts = dict(line.split(": ", 1) for line in _output(["rustc", "-vV"]).splitlines() if ": " in line)
    version, host = facts.get("release", "0"), facts.get("host", "")
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST:
        raise ToolchainMissing(f"The machine's rustc {version} is older than {'.'.join(map(str, OLDEST))}.")
    root = Path(_output(["rustc", "--print", "sysroot"]).strip() or "/")
    linker = root / "lib" / "rustlib" / host / "bin" / "rust-lld"
    if not (linker.exists() and (root / "bin" / "cargo").exists()):
        raise ToolchainMissing("The machine's Rust toolchain is not rustup's: it has no linker of its own.")
    _add_target(root)
    libraries = _libraries([root / "bin" / "rustc", root / "bin" / "cargo", linker], root)
    toolchain = RustupToolchain(f"rustc {version} (rustup)", root, version, host, libraries)
    check(toolchain, work)
    made = work / "toolchain"
    made.mkdir()
    toolchain.write(made)
    made.rename(folder)
    return toolchain


def check(toolchain: RustupToolchain, work: Path) -> None:
    """Compile an empty program; raises `ToolchainMissing`."""
    source = work / "empty.rs"
    source.write_text("fn main() {}\n")
    command = [*toolchain.rustc(rooted=False), "--target", _TARGET, str(source), "-o", str(work / "empty.wasm")]
    apt.run(command, "The machine's Rust toolchain cannot compile for wasm32-wasip1")


def _add_target(root: Path) -> None:
    if (root / "lib" / "rustlib" / _TARGET / "lib").exists():
        return
    if not shutil.which("rustup"):
        raise ToolchainMissing(f"The machine's Rust toolchain has no {_TARGET}, and there is no rustup to add it.")
    _output(["rustup", "target", "add", "--toolchain", root.name, _TARGET])
    if not (root / "lib" / "rustlib" / _TARGET / "lib").exists():
        raise ToolchainMissing(f"`rustup target add {_TARGET}` failed: its server may be out of reach.")


def _libraries(programs: Sequence[Path], root: Path) -> tuple[str, ...]:
    """Return the shared objects outside `root` that the programs load, the loader among them."""
    found = (_LIBRARY.match(line) for program in programs for line in _output(["ldd", str(program)]).splitlines())
    paths = (match.group(1) for match in found if match)
    return tuple(sorted({path for path in paths if not Path(path).resolve().is_relative_to(root.resolve())}))


def _output(command: Sequence[str]) -> str:
    """Return what a command prints, empty when it fails; run at `/`, where no project overrides the toolchain."""
    try:
        done = subprocess.run(
            command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
