"""The modules of the shipped capabilities: compiled where their source, the SDK or the toolchain changed.

Each module is kept in the cache under a hash of what it is made from, and copied to
`capabilities/<id>/<id>.wasm`, which is not in git.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tacit.config import Settings
from tacit.errors import BuildRefused
from tacit_builder.toolchain import FLAGS, Confinement, Sdk, Toolchain, compile_source

_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Shipped:
    """A shipped capability: its source by path below `src/`, the module's place, and the place of it in the cache."""

    id: str
    source: dict[str, str]
    module: Path
    kept: Path

    @property
    def current(self) -> bool:
        """Whether the module is the one that this source gives."""
        try:
            return self.module.read_bytes() == self.kept.read_bytes()
        except FileNotFoundError:
            return False


def shipped_capabilities(folder: Path, sdk: Sdk, cache: Path) -> list[Shipped]:
    """Return every capability with a manifest and a source in Rust below `folder`, by id; programs need no module."""
    found: list[Shipped] = []
    for manifest in sorted(folder.glob("*/meta.json")):
        home = manifest.parent
        paths = sorted((home / "src").rglob("*.rs"))
        if not paths:
            continue
        source = {path.relative_to(home / "src").as_posix(): path.read_text(encoding="utf-8") for path in paths}
        hashed = hashlib.sha256("\n".join((sdk.fingerprint, *FLAGS)).encode())
        for path, text in source.items():
            hashed.update(f"\n{path}\n{len(text)}\n{text}".encode())
        kept = cache / "shipped" / f"{home.name}-{hashed.hexdigest()[:16]}.wasm"
        found.append(Shipped(home.name, source, home / f"{home.name}.wasm", kept))
    return found


def compile_shipped(
    capabilities: list[Shipped], toolchain: Toolchain, sdk: Sdk, confinement: Confinement, settings: Settings
) -> None:
    """Compile what the cache does not have and put every module in its place; raises the first `BuildRefused`."""

    def make(capability: Shipped) -> None:
        if not capability.kept.exists():
            _write(capability.kept, _compile(capability, toolchain, sdk, confinement, settings))
        _write(capability.module, capability.kept.read_bytes())

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for _ in threads.map(make, capabilities):
            pass


def _compile(
    capability: Shipped, toolchain: Toolchain, sdk: Sdk, confinement: Confinement, settings: Settings
) -> bytes:
    try:
        compiled = compile_source(
            toolchain, sdk, capability.source, confinement=confinement, seconds=settings.build_seconds
        )
    except BuildRefused as error:
        told = f"{capability.id}: {error.message} {error.details.get('diagnostics', '')}".strip()
        raise BuildRefused(error.stage, told, hint=error.hint, details=error.details) from error
    return compiled.wasm


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_suffix(".part")
    made.write_bytes(content)
    made.replace(path)
