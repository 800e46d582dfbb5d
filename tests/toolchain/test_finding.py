"""Finding what set-up left, and saying what to do when it is not there."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tacit.config import Settings
from tacit.errors import ToolchainMissing
from tacit_builder.toolchain import Sdk, Toolchain, find_sdk, find_toolchain
from tacit_builder.toolchain import sdk as sdk_module
from tacit_builder.toolchain.installed import RustupToolchain, read_toolchain
from tacit_builder.toolchain.sdk import fingerprint, guest_sources


@pytest.fixture
def described(tmp_path: Path) -> RustupToolchain:
    """Return a toolchain of rustup's, described in `tmp_path`, whose rustc exists."""
    root = tmp_path / "stable"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "rustc").touch()
    toolchain = RustupToolchain("rustc 1.90.0 (rustup)", root, "1.90.0", "x86_64-unknown-linux-gnu", ("/lib/libc.so",))
    toolchain.write(tmp_path)
    return toolchain


@pytest.fixture
def copied_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of what the SDK is made from, which is used instead of the repository."""
    for part in ("builder/sdk", "capabilities/common"):
        shutil.copytree(guest_sources() / part, tmp_path / part, ignore=shutil.ignore_patterns("target"))
    shutil.copy2(guest_sources() / "capabilities" / "Cargo.toml", tmp_path / "capabilities")
    monkeypatch.setattr(sdk_module, "guest_sources", lambda: tmp_path)
    return tmp_path


def test_no_toolchain_says_to_run_set_up(tmp_path: Path) -> None:
    """An empty cache gives one sentence and the command."""
    with pytest.raises(ToolchainMissing, match="no Rust toolchain") as missing:
        find_toolchain(Settings.load(cache=tmp_path))
    assert "tacit setup" in missing.value.hint


def test_described_toolchain_is_read_back(described: RustupToolchain, tmp_path: Path) -> None:
    """What set-up wrote is what is found."""
    assert find_toolchain(Settings.load(toolchain=tmp_path)) == described


def test_toolchain_that_was_removed_is_missing(described: RustupToolchain, tmp_path: Path) -> None:
    """rustup may have removed what set-up described."""
    shutil.rmtree(described.folder)
    with pytest.raises(ToolchainMissing, match="gone"):
        find_toolchain(Settings.load(toolchain=tmp_path))


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"route": "debian"}'])
def test_damaged_description_is_a_missing_toolchain(text: str, tmp_path: Path) -> None:
    """A description that cannot be read asks for set-up, not for a traceback."""
    (tmp_path / "toolchain.json").write_text(text)
    with pytest.raises(ToolchainMissing):
        find_toolchain(Settings.load(toolchain=tmp_path))


def test_private_toolchain_may_be_moved(toolchain: Toolchain, settings: Settings, tmp_path: Path) -> None:
    """A description is read relative to the folder that it lies in."""
    folder = settings.toolchain or settings.cache / "toolchain"
    facts: dict[str, Any] = json.loads((folder / "toolchain.json").read_text())
    (tmp_path / "toolchain.json").write_text(json.dumps(facts | {"route": "debian", "triplet": "x86_64-linux-gnu"}))
    assert read_toolchain(tmp_path).rustc(rooted=False)[0].startswith(str(tmp_path))


def test_no_sdk_says_to_run_set_up(toolchain: Toolchain, tmp_path: Path) -> None:
    """A cache without this SDK gives one sentence and the command."""
    with pytest.raises(ToolchainMissing, match="SDK") as missing:
        find_sdk(Settings.load(cache=tmp_path), toolchain)
    assert "tacit setup" in missing.value.hint


def test_half_an_sdk_is_a_missing_sdk(sdk: Sdk, toolchain: Toolchain, tmp_path: Path) -> None:
    """A folder without its manifest is not taken."""
    (tmp_path / "sdk" / sdk.fingerprint / "lib").mkdir(parents=True)
    with pytest.raises(ToolchainMissing):
        find_sdk(Settings.load(cache=tmp_path), toolchain)


@pytest.mark.parametrize("path", ["builder/sdk/Cargo.lock", "capabilities/common/src/lib.rs", "builder/sdk/Cargo.toml"])
def test_change_of_what_it_is_made_from_asks_for_a_new_sdk(
    path: str, toolchain: Toolchain, copied_sources: Path
) -> None:
    """Stale crates are never linked."""
    before = fingerprint(toolchain)
    with (copied_sources / path).open("a") as file:
        file.write("\n# changed\n")
    assert fingerprint(toolchain) != before


def test_another_toolchain_asks_for_a_new_sdk(toolchain: Toolchain, described: RustupToolchain) -> None:
    """rustc reads only crates of its own version."""
    assert fingerprint(toolchain) != fingerprint(described)


def test_new_shipped_capability_keeps_the_sdk(toolchain: Toolchain, copied_sources: Path) -> None:
    """A further member of the workspace changes nothing that the SDK is made from."""
    before = fingerprint(toolchain)
    manifest = copied_sources / "capabilities" / "Cargo.toml"
    manifest.write_text(manifest.read_text().replace("members = [", 'members = [\n  "one_more",', 1))
    assert fingerprint(toolchain) == before


def test_sdk_and_workspace_have_the_same_crates() -> None:
    """Versions and features agree, so that `cargo test` tests what is built."""
    own = tomllib.loads((guest_sources() / "builder" / "sdk" / "Cargo.toml").read_text())["dependencies"]
    workspace = tomllib.loads((guest_sources() / "capabilities" / "Cargo.toml").read_text())["workspace"]
    own.pop("capability_common")
    assert own == {name: value for name, value in workspace["dependencies"].items() if name != "capability_common"}


def test_sdk_and_workspace_lock_the_same_versions() -> None:
    """The crates behind the crates agree too."""

    def locked(path: str) -> dict[str, set[str]]:
        packages = tomllib.loads((guest_sources() / path / "Cargo.lock").read_text())["package"]
        found: dict[str, set[str]] = {}
        for package in packages:
            if "source" in package:
                found.setdefault(package["name"], set()).add(package["version"])
        return found

    own, workspace = locked("builder/sdk"), locked("capabilities")
    assert {name: own[name] for name in own.keys() & workspace.keys()} == {
        name: workspace[name] for name in own.keys() & workspace.keys()
    }


def test_every_crate_is_pinned_exactly() -> None:
    """No crate of the SDK floats."""
    own = tomllib.loads((guest_sources() / "builder" / "sdk" / "Cargo.toml").read_text())["dependencies"]
    versions = [value if isinstance(value, str) else value.get("version", "=") for value in own.values()]
    assert all(version.startswith("=") for version in versions)


def test_sdk_of_another_patch_is_another_one(toolchain: Toolchain, copied_sources: Path) -> None:
    """A changed patch asks for set-up again instead of linking the crate without it."""
    before = fingerprint(toolchain)
    patch = copied_sources / "builder" / "sdk" / "serde_json.diff"
    patch.write_text(patch.read_text() + "\n")
    assert fingerprint(toolchain) != before
