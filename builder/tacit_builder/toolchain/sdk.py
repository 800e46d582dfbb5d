"""The prebuilt guest SDK: which crates a capability's source may name, and the files that rustc links for them.

It is found by a fingerprint of what it is made from (the crates' manifest, lock file and patches, `capability_common`,
the toolchain), so that a change of any of them asks for set-up again instead of linking stale crates.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tacit import config
from tacit.config import Settings
from tacit.errors import ToolchainMissing
from tacit_builder.toolchain.installed import Mount, Toolchain
from tacit_builder.toolchain.patching import patch_files

MANIFEST = "sdk.json"
_FORM = "1"
"""Raised when the form of a prebuilt SDK changes."""


@dataclass(frozen=True, slots=True)
class Sdk:
    """A prebuilt SDK in `folder`: `externs` maps each crate a source may name to its file in `library_folder`.

    `crates` shows them with their versions, such as `regex 1.13.1`.
    """

    folder: Path
    fingerprint: str
    externs: dict[str, str]
    crates: tuple[str, ...]

    @property
    def library_folder(self) -> Path:
        """The folder of the compiled crates and of those that they depend on."""
        return self.folder / "lib"

    @property
    def mount(self) -> Mount:
        """Where bubblewrap shows the compiled crates."""
        return Mount(self.library_folder, "/sdk")

    def arguments(self, library: str) -> list[str]:
        """Return rustc's arguments that offer the crates, which it sees in the folder `library`."""
        named = (f"--extern={crate}={library}/{file}" for crate, file in self.externs.items())
        return [f"-Ldependency={library}", *named]


def find_sdk(settings: Settings, toolchain: Toolchain) -> Sdk:
    """Return the prebuilt SDK; raises `ToolchainMissing`. Reads and hashes a few small files."""
    key = fingerprint(toolchain)
    folder = settings.cache / "sdk" / key
    try:
        facts: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        return Sdk(folder, key, dict(facts["externs"]), tuple(facts["crates"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToolchainMissing(
            "The guest SDK is not built for this version of Tacit.", hint="Run `tacit setup`."
        ) from (error)


def guest_sources() -> Path:
    """Return the folder with `builder/sdk` and `capabilities/`: what the wheel carries, or the repository."""
    package = Path(config.__file__).resolve().parent
    for folder in (package / "guest", package.parents[1]):
        if (folder / "builder" / "sdk" / "Cargo.lock").exists():
            return folder
    raise ToolchainMissing("This installation of Tacit lacks the sources of its guest SDK.", hint="Install it again.")


def fingerprint(toolchain: Toolchain) -> str:
    """Return 16 hex digits that change with anything the compiled crates depend on."""
    hashed = hashlib.sha256(f"{_FORM}\n{toolchain.name}\n{toolchain.host}\n".encode())
    for name, content in _made_from(guest_sources()):
        hashed.update(f"{name}\n{len(content)}\n".encode() + content)
    return hashed.hexdigest()[:16]


def _made_from(sources: Path) -> Iterator[tuple[str, bytes]]:
    sdk = sources / "builder" / "sdk"
    common = sources / "capabilities" / "common"
    inherited: dict[str, Any] = tomllib.loads((sources / "capabilities" / "Cargo.toml").read_text())["workspace"]
    shared = {key: value for key, value in inherited.items() if key != "members"}
    yield "workspace", json.dumps(shared, sort_keys=True).encode()
    manifests = (sdk / "Cargo.toml", sdk / "Cargo.lock", common / "Cargo.toml")
    for path in (*manifests, *patch_files(sdk), *sorted(common.glob("src/**/*.rs"))):
        yield path.relative_to(sources).as_posix(), path.read_bytes()
