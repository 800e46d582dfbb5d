"""Route 1, the machine's own toolchain: when it is taken, and when set-up goes on to route 2.

A rustc that answers as rustup's does stands in, since a test must not change the machine's toolchains; what it
compiles is not looked at here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tacit.errors import ToolchainMissing
from tacit_builder.toolchain import rustup
from tacit_builder.toolchain.installed import RustupToolchain, read_toolchain

HOST = "x86_64-unknown-linux-gnu"
RUSTC = """#!/bin/sh
case "$*" in
  -vV) printf 'rustc {version}\\nhost: {host}\\nrelease: {version}\\n' ;;
  "--print sysroot") echo "{root}" ;;
  *) {compiles} ;;
esac
"""
RUSTUP = """#!/bin/sh
echo "$*" >> "{root}/asked"
{adds}
"""

Machine = Callable[..., Path]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a function that puts a toolchain like rustup's on PATH and returns its root."""
    root, programs = tmp_path / "stable", tmp_path / "programs"

    def make(
        version: str = "1.90.0",
        *,
        target: bool = True,
        reachable: bool = True,
        cc: bool = True,
        compiles: str = "exit 0",
    ) -> Path:
        for folder in (root / "bin", root / "lib" / "rustlib" / HOST / "bin", programs):
            folder.mkdir(parents=True)
        added = root / "lib" / "rustlib" / "wasm32-wasip1" / "lib"
        if target:
            added.mkdir(parents=True)
        rustc = RUSTC.format(version=version, host=HOST, root=root, compiles=compiles)
        rustup_text = RUSTUP.format(root=root, adds=f"mkdir -p {added}" if reachable else "exit 1")
        scripts = {
            programs / "rustc": rustc,
            root / "bin" / "rustc": rustc,
            root / "bin" / "cargo": "",
            root / "lib" / "rustlib" / HOST / "bin" / "rust-lld": "",
            programs / "rustup": rustup_text,
        }
        if cc:
            scripts[programs / "cc"] = ""
        for path, text in scripts.items():
            path.write_text(text)
            path.chmod(0o755)
        (programs / "mkdir").symlink_to("/bin/mkdir")
        monkeypatch.setenv("PATH", str(programs))
        return root

    return make


def install(tmp_path: Path) -> RustupToolchain:
    """Describe the machine's toolchain in `tmp_path/toolchain`."""
    work = tmp_path / "work"
    work.mkdir()
    return rustup.install(tmp_path / "toolchain", work)


def refused(tmp_path: Path) -> str:
    """Return why the machine's toolchain is not taken; nothing is described then."""
    with pytest.raises(ToolchainMissing) as missing:
        install(tmp_path)
    assert not (tmp_path / "toolchain").exists()
    return missing.value.message


def test_toolchain_with_the_target_is_described(machine: Machine, tmp_path: Path) -> None:
    """The description is found again, and names the toolchain's own folder."""
    root = machine()
    toolchain = install(tmp_path)
    assert toolchain == read_toolchain(tmp_path / "toolchain")
    assert (toolchain.name, toolchain.folder) == ("rustc 1.90.0 (rustup)", root)


def test_toolchain_with_the_target_is_left_alone(machine: Machine, tmp_path: Path) -> None:
    """rustup is not asked for what is there."""
    root = machine()
    install(tmp_path)
    assert not (root / "asked").exists()


def test_missing_target_is_added(machine: Machine, tmp_path: Path) -> None:
    """rustup is asked for wasm32-wasip1, in the toolchain that rustc belongs to."""
    root = machine(target=False)
    install(tmp_path)
    assert (root / "asked").read_text() == "target add --toolchain stable wasm32-wasip1\n"


def test_unreachable_server_of_rustup_is_said(machine: Machine, tmp_path: Path) -> None:
    """A target that cannot be added leaves route 1."""
    machine(target=False, reachable=False)
    assert "out of reach" in refused(tmp_path)


def test_old_rustc_is_not_taken(machine: Machine, tmp_path: Path) -> None:
    """A rustc older than the SDK's crates need leaves route 1."""
    machine("1.84.1")
    assert "1.84.1 is older than 1.85" in refused(tmp_path)


def test_toolchain_without_a_c_compiler_is_not_taken(machine: Machine, tmp_path: Path) -> None:
    """Build scripts could not be linked."""
    machine(cc=False)
    assert "C compiler" in refused(tmp_path)


def test_toolchain_that_cannot_compile_is_not_taken(machine: Machine, tmp_path: Path) -> None:
    """The target may be there and still not work; its words are passed on."""
    machine(compiles="echo 'error: broken target' >&2; exit 1")
    assert "broken target" in refused(tmp_path)


def test_toolchain_without_its_own_linker_is_not_taken(machine: Machine, tmp_path: Path) -> None:
    """A distribution's rustc needs a linker that may not be there."""
    root = machine()
    (root / "lib" / "rustlib" / HOST / "bin" / "rust-lld").unlink()
    assert "linker" in refused(tmp_path)


def test_machine_without_rust_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No rustc on PATH leaves route 1."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no rustc" in refused(tmp_path)
