"""Route 2: a private Rust toolchain of Debian 13 (trixie) packages, on any machine with apt.

Nothing is installed into the system. The folder holds `root/`, which bubblewrap mounts as `/usr`, and `hosted/`,
small scripts that run the same programs through the folder's own loader where there is no bubblewrap: the
packages need a newer libc than many a machine has. LLVM's linker links both WebAssembly and, for build scripts
and procedural macros, the machine's own architecture; no C compiler is needed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

from tacit.errors import ToolchainMissing
from tacit_builder.toolchain import apt
from tacit_builder.toolchain.installed import LOADERS, DebianToolchain

SUITE = "trixie"
_PACKAGES = ("rustc", "cargo", "libstd-rust-dev-wasm32", "lld-19", "dash")
_TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
_KEPT = (
    "usr/bin/cargo",
    "usr/bin/dash",
    "usr/bin/rustc",
    "usr/bin/wasm-ld-19",
    "usr/lib/ld-linux*",
    "usr/lib64/*",
    "usr/lib/llvm-19/bin/lld",
    "usr/lib/llvm-19/bin/ld.lld",
    "usr/lib/llvm-19/bin/wasm-ld",
    "usr/lib/rustlib/*-unknown-linux-gnu/*",
    "usr/lib/rustlib/wasm32-wasip1/*",
    "usr/lib/gcc/*/libgcc.a",
    "usr/lib/gcc/*/libgcc_s.so",
    "usr/lib/*-linux-gnu/*.so",
    "usr/lib/*-linux-gnu/*.so.*",
    "usr/lib/*-linux-gnu/Scrt1.o",
    "usr/lib/*-linux-gnu/crt[in].o",
    "usr/lib/*-linux-gnu/libc_nonshared.a",
    "usr/lib/*-linux-gnu/libdl.a",
    "usr/lib/*-linux-gnu/libpthread.a",
    "usr/lib/*-linux-gnu/librt.a",
    "usr/lib/*-linux-gnu/libutil.a",
)
_DROPPED = (
    "*/audit/*",
    "*/bfd-plugins/*",
    "*/gconv/*",
    "*/gprofng/*",
    "*/lib[ahltu]*san.so*",
    "*/libbfd-*",
    "*/libcc1.so*",
    "*/libgomp.so*",
    "*/libisl.so*",
    "*/libitm.so*",
    "*/libopcodes-*",
    "*/libquadmath.so*",
    "*/rustlib/wasm32-wasip1/lib/libtest-*",
)
_RUN = """\
#!/bin/sh
here=${{0%/*}}
root=$here/../root/usr
lib=$root/lib/{triplet}
exec "$lib/{loader}" --library-path "$lib" {arguments} "$@"
"""
_LINK = """\
#!/bin/sh
# Links a program or library for this machine, as rustc asks of a bare `ld`.
here=${{0%/*}}
root=$here/../root/usr
lib=$root/lib/{triplet}
shared=no
for argument in "$@"; do
  if [ "$argument" = -shared ]; then shared=yes; fi
done
set -- "$lib/crti.o" "$@" "$lib/crtn.o"
if [ $shared = no ]; then set -- "$lib/Scrt1.o" "$@"; fi
exec "$lib/{loader}" --library-path "$lib" --argv0 ld.lld "$root/lib/llvm-19/bin/lld" \\
  -L "$lib" -L "$root/{libgcc}" --dynamic-linker "$lib/{loader}" -rpath "$lib" "$@"
"""


def install(folder: Path, work: Path) -> DebianToolchain:
    """Make the toolchain at `folder`, which must not exist, using the empty folder `work` beside it.

    Raises `ToolchainMissing` in one sentence where apt, the architecture, the network or the disk is lacking.
    """
    triplet = _triplet()
    private = apt.PrivateApt(work / "apt", SUITE)
    private.download(_PACKAGES)
    private.unpack(work / "raw")
    made = work / "toolchain"
    _keep(work / "raw", made / "root")
    _relocate(made, triplet)
    version, host = _version(made)
    toolchain = DebianToolchain(f"rustc {version} (Debian {SUITE})", made, version, host, triplet)
    toolchain.write()
    made.rename(folder)
    return toolchain.at(folder)


def _triplet() -> str:
    if not apt.available():
        raise ToolchainMissing(
            "This machine has neither a Rust toolchain for wasm32-wasip1 nor apt to get one.",
            hint="Install rustup and run `rustup target add wasm32-wasip1`, then `tacit setup` again.",
        )
    architecture = apt.architecture()
    if architecture not in _TRIPLETS:
        raise ToolchainMissing(
            f"There is no private toolchain for the architecture {architecture}.",
            hint="Install rustup and run `rustup target add wasm32-wasip1`, then `tacit setup` again.",
        )
    return _TRIPLETS[architecture]


def _keep(raw: Path, root: Path) -> None:
    for path in sorted(raw.rglob("*")):
        name = path.relative_to(raw).as_posix()
        if path.is_dir() and not path.is_symlink():
            continue
        if _matches(name, _KEPT) and not _matches(name, _DROPPED):
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    shutil.rmtree(raw)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _relocate(made: Path, triplet: str) -> None:
    """Write the scripts of `hosted/`, and make what names absolute paths relative."""
    usr = made / "root" / "usr"
    libraries = usr / "lib" / triplet
    loader = LOADERS[triplet]
    for name in ("libc.so", "libm.so"):
        # As packaged they name /lib/…/libc.so.6, which is another libc where this folder is not mounted as /usr.
        script = libraries / name
        script.write_text(re.sub(r"/(?:usr/)?lib(?:64|/[\w-]+)/", "", script.read_text()))
    libgcc = next((usr / "lib" / "gcc" / triplet).glob("*/libgcc.a")).parent.relative_to(usr)
    (usr / "bin" / "sh").symlink_to("dash")
    hosted = made / "hosted"
    hosted.mkdir()
    programs = {
        "rustc": '"$root/bin/rustc" --sysroot "$root"',
        "cargo": '"$root/bin/cargo"',
        "wasm-ld": '--argv0 wasm-ld "$root/lib/llvm-19/bin/lld"',
    }
    scripts = {name: _RUN.format(triplet=triplet, loader=loader, arguments=call) for name, call in programs.items()}
    scripts["ld"] = _LINK.format(triplet=triplet, loader=loader, libgcc=libgcc)
    for name, script in scripts.items():
        (hosted / name).write_text(script)
        (hosted / name).chmod(0o755)


def _version(made: Path) -> tuple[str, str]:
    """Return rustc's release and host triple, having it compile an empty program for wasm32-wasip1."""
    rustc = str(made / "hosted" / "rustc")
    shown = subprocess.run([rustc, "-vV"], capture_output=True, text=True, check=False).stdout
    facts = dict(line.split(": ", 1) for line in shown.splitlines() if ": " in line)
    source = made / "empty.rs"
    source.write_text("fn main() {}\n")
    linker = f"-Clinker={made / 'hosted' / 'wasm-ld'}"
    command = [rustc, "--target", "wasm32-wasip1", linker, str(source), "-o", str(made / "empty.wasm")]
    apt.run(command, "The toolchain was unpacked but cannot compile")
    for leftover in (source, made / "empty.wasm"):
        leftover.unlink()
    return facts["release"], facts["host"]
