"""Making the guest SDK: crates fetched by cargo, then compiled for wasm32-wasip1 without network.

The crates and their versions are those of `builder/sdk/Cargo.lock`, whose checksums cargo verifies. Fetching uses
the machine's own cargo configuration, mirrors and proxies; it runs no crate's code. Compiling runs build scripts
and procedural macros of the crates, so it is confined like an author's source.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tacit.errors import ToolchainMissing
from tacit_builder.toolchain.apt import run
from tacit_builder.toolchain.confinement import GIB, Confinement, Job, Limits
from tacit_builder.toolchain.installed import Mount, Toolchain
from tacit_builder.toolchain.patching import patch_crates, patch_files
from tacit_builder.toolchain.processes import run_job
from tacit_builder.toolchain.sdk import MANIFEST, fingerprint, guest_sources

TARGET = "wasm32-wasip1"
_SECONDS = 1800.0
_MOST_OUTPUT = 64 << 20
_TAIL = 1500
_KEPT = 3


def vendor(toolchain: Toolchain, cache: Path, work: Path) -> Path:
    """Return the folder with the sources of every crate of the lock file, patched, fetched unless it is there."""
    sdk = guest_sources() / "builder" / "sdk"
    made_from = (sdk / "Cargo.lock", *patch_files(sdk))
    key = hashlib.sha256(b"".join(path.read_bytes() for path in made_from)).hexdigest()[:16]
    folder = cache / "crates" / key
    if folder.exists():
        return folder
    made = work / "vendor"
    home = Path.home() / ".cargo"
    environment = dict(os.environ)
    environment.setdefault("CARGO_HOME", str(home if home.exists() else work / "cargo"))
    command = [*toolchain.cargo(rooted=False), "vendor", "--locked", "--versioned-dirs", str(made)]
    run(command, "Fetching the guest SDK's crates failed", environment=environment, folder=sdk)
    patch_crates(sdk, made)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made.rename(folder)
    return folder


def prebuild(toolchain: Toolchain, confinement: Confinement, crates: Path, cache: Path, work: Path) -> None:
    """Compile the SDK into `cache/sdk/<fingerprint>`; raises `ToolchainMissing` with the end of cargo's output."""
    key = fingerprint(toolchain)
    job = _job(toolchain, confinement, crates, cache / "sdk" / "build")
    done = run_job(confinement.command(job), job.environment, seconds=_SECONDS, most_bytes=_MOST_OUTPUT)
    lines = done.output.decode(errors="replace").splitlines()
    if done.code:
        shown = "\n".join(line for line in lines if not line.startswith("{"))[-_TAIL:]
        raise ToolchainMissing(
            f"Compiling the guest SDK failed: {shown}", hint="Mend that and run `tacit setup` again."
        )
    target = Mount(cache / "sdk" / "build", "/target")
    made = work / "sdk"
    facts = _collect(_artifacts(lines), confinement.place(target), target.source, made / "lib")
    (made / MANIFEST).write_text(json.dumps(facts, indent=2) + "\n")
    folder = cache / "sdk" / key
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)
    _forget_old(cache / "sdk")


def _forget_old(prebuilt: Path) -> None:
    """Remove all but the newest prebuilt SDKs; servers of other versions of Tacit may use the same cache."""
    folders = sorted(prebuilt.glob(f"*/{MANIFEST}"), key=lambda manifest: manifest.stat().st_mtime, reverse=True)
    for manifest in folders[_KEPT:]:
        shutil.rmtree(manifest.parent, ignore_errors=True)


def _job(toolchain: Toolchain, confinement: Confinement, crates: Path, target: Path) -> Job:
    target.mkdir(parents=True, exist_ok=True)
    (target / "home").mkdir(exist_ok=True)
    sources, vendored = Mount(guest_sources(), "/tacit"), Mount(crates, "/crates")
    project = Mount(sources.source / "builder" / "sdk", "/tacit/builder/sdk")
    capabilities = Mount(sources.source / "capabilities", "/tacit/capabilities")
    output = Mount(target, "/target")
    place, rooted = confinement.place, confinement.rooted
    command = [*toolchain.cargo(rooted=rooted), "build", "--release", "--frozen", "--target", TARGET]
    command += ["--message-format", "json-render-diagnostics"]
    command += ["--config", 'source.crates-io.replace-with="vendored"']
    command += ["--config", f"source.vendored.directory={json.dumps(place(vendored))}"]
    environment = {
        **toolchain.environment(rooted=rooted),
        **toolchain.cargo_environment(rooted=rooted),
        "CARGO_HOME": f"{place(output)}/home",
        "CARGO_TARGET_DIR": place(output),
        "PATH": "/usr/bin:/bin",
        "RUSTFLAGS": f"--remap-path-prefix={place(vendored)}=crates --remap-path-prefix={place(sources)}=tacit",
        "TMPDIR": place(output),
    }
    return Job(
        tuple(command),
        place(project),
        (*toolchain.cargo_mounts(rooted=rooted), project, capabilities, vendored),
        (output,),
        environment,
        Limits(8 * GIB, GIB, int(_SECONDS)),
        runs_output=True,
    )


def _artifacts(lines: list[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("{"):
            message: dict[str, Any] = json.loads(line)
            if message.get("reason") == "compiler-artifact":
                yield message


def _collect(artifacts: Iterator[dict[str, Any]], inside: str, target: Path, library: Path) -> dict[str, Any]:
    """Copy what rustc links into `library` and return the manifest of the SDK."""
    library.mkdir(parents=True)
    wanted = _direct_crates()
    externs: dict[str, str] = {}
    for artifact in artifacts:
        crate = artifact["target"]["name"].replace("-", "_")
        version = artifact["package_id"].rsplit("@", 1)[-1].rsplit("#", 1)[-1]
        for file in _linked(artifact["filenames"]):
            path = target / Path(file).relative_to(inside)
            shutil.copy2(path, library / path.name)
            if wanted.get(crate) in (version, "") and TARGET in path.parts:
                externs[crate] = path.name
    if missing := sorted(set(wanted) - set(externs)):
        raise ToolchainMissing(
            f"The guest SDK was compiled without {', '.join(missing)}.", hint="This is a fault of Tacit."
        )
    crates = [f"{crate} {version}".strip() for crate, version in sorted(wanted.items())]
    return {"externs": dict(sorted(externs.items())), "crates": crates}


def _linked(files: list[str]) -> Iterator[str]:
    for file in files:
        if file.endswith((".rlib", ".so")):
            yield file


def _direct_crates() -> dict[str, str]:
    """Return the crates that a source may name with their exact versions, empty for a crate of this project."""
    manifest = tomllib.loads((guest_sources() / "builder" / "sdk" / "Cargo.toml").read_text())
    crates: dict[str, str] = {}
    for name, wanted in manifest["dependencies"].items():
        version = wanted if isinstance(wanted, str) else wanted.get("version", "")
        crates[name.replace("-", "_")] = version.removeprefix("=")
    return crates
