"""Set-up as a command: repeated, interrupted, started twice, and on machines that lack something."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tacit.config import Settings
from tacit_builder.shipped import compile_shipped, shipped_capabilities
from tacit_builder.toolchain import FLAGS, Confinement, Sdk, Toolchain, find_confinement
from tacit_builder.toolchain.confinement import Job
from tacit_builder.toolchain.sdk import guest_sources

SetUp = Callable[..., subprocess.Popen[str]]
ENDS_WITHIN = 60.0
DPKG = {"dpkg": "echo amd64", "dpkg_deb": "exit 1"}
DEBIAN_ARCHIVE = "case $* in indextargets*) echo http://archive.example/debian ;; *) {} ;; esac"


@pytest.fixture
def set_up(tmp_path: Path) -> SetUp:
    """Return a function that starts set-up with an empty cache and no programs but those given on PATH."""

    def start(cache: Path = tmp_path / "cache", prefix: tuple[str, ...] = (), **programs: str) -> subprocess.Popen[str]:
        path = tmp_path / "programs"
        path.mkdir(exist_ok=True)
        for name, text in programs.items():
            program = path / name.replace("_", "-")
            program.write_text(f"#!/bin/sh\n{text}\n")
            program.chmod(0o755)
        environment = {**os.environ, "PATH": str(path)}
        return subprocess.Popen(
            [*prefix, sys.executable, "-m", "tacit_builder.setup", "--cache", str(cache), "--no-models"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return start


def ending(started: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for set-up to end; return its exit code and its last line."""
    shown, _ = started.communicate(timeout=ENDS_WITHIN)
    return started.returncode, shown.strip().splitlines()[-1]


def test_everything_there_is_only_said() -> None:
    """On this machine set-up has run: every step says so, and none starts."""
    done = subprocess.run(
        [sys.executable, "-m", "tacit_builder.setup", "--no-models"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert all("already there" in line for line in lines)


def test_machine_without_apt_and_rust_gets_one_sentence(set_up: SetUp) -> None:
    """Exit code 1 and what to install, no traceback."""
    code, last = ending(set_up())
    assert code == 1
    assert last.startswith(("Set-up failed: This machine has neither", "Set-up failed: Neither bubblewrap nor"))


def test_unknown_architecture_gets_one_sentence(set_up: SetUp) -> None:
    """The private toolchain is for x86-64 and ARM64."""
    code, last = ending(set_up(apt_get="exit 1", dpkg="echo riscv64", dpkg_deb="exit 1"))
    assert (code, "architecture riscv64" in last) == (1, True), last


def test_machine_without_a_debian_archive_gets_one_sentence(set_up: SetUp) -> None:
    """The archive's address comes from the machine's own sources or from nowhere."""
    code, last = ending(set_up(apt_get="echo http://archive.example/ubuntu", **DPKG))
    assert (code, "No Debian archive" in last) == (1, True), last


def test_words_of_apt_are_passed_on(set_up: SetUp) -> None:
    """A download that fails says why."""
    apt = DEBIAN_ARCHIVE.format("echo 'E: Failed to fetch it' >&2; exit 100")
    code, last = ending(set_up(apt_get=apt, **DPKG))
    assert (code, "E: Failed to fetch it" in last) == (1, True), last


def test_full_disk_gets_one_sentence(set_up: SetUp, tmp_path: Path) -> None:
    """A cache that cannot be written to its end says so."""
    found = find_confinement(Settings.load())
    if found.name != "bubblewrap":
        pytest.skip("a small file system needs bubblewrap")
    cache = tmp_path / "cache"
    cache.mkdir()
    bubblewrap = found.command(Job(("true",), "/", (), ()))
    program = next(part for part in bubblewrap if part.endswith("bwrap"))
    small = (program, "--dev-bind", "/", "/", "--size", "4096", "--tmpfs", str(cache), "--")
    code, last = ending(set_up(cache, small, apt_get=DEBIAN_ARCHIVE.format(":"), **DPKG))
    assert (code, "disk is full" in last) == (1, True), last


def test_read_only_cache_gets_one_sentence(set_up: SetUp) -> None:
    """A cache folder that cannot be made is named."""
    code, last = ending(set_up(Path("/proc/nowhere/cache")))
    assert (code, last.startswith("Set-up failed: ")) == (1, True), last


def test_second_set_up_waits_for_the_first(set_up: SetUp, tmp_path: Path) -> None:
    """While one holds the lock the other says that it waits, and goes on afterwards."""
    cache = tmp_path / "cache"
    cache.mkdir()
    with (cache / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = set_up(cache)
        assert second.stdout is not None
        assert second.stdout.readline() == "Waiting for another set-up to end.\n"
    assert ending(second)[0] == 1


def test_killed_set_up_leaves_nothing_half(set_up: SetUp, tmp_path: Path) -> None:
    """Killed while it downloads, it leaves no toolchain; the next one removes what it left."""
    begun = tmp_path / "begun"
    os.mkfifo(begun)
    cache = tmp_path / "cache"
    first = set_up(cache, apt_get=DEBIAN_ARCHIVE.format(f"echo x > {begun}; exec /bin/sleep 600"), **DPKG)
    assert begun.read_text() == "x\n"
    assert list(cache.glob(".setup-*"))
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert not (cache / "toolchain").exists()
    ending(set_up(cache, apt_get="exit 1"))
    assert not list(cache.glob(".setup-*"))


@pytest.fixture
def one_capability(tmp_path: Path) -> Path:
    """Return a folder of shipped capabilities with one in it."""
    folder = tmp_path / "capabilities"
    source = folder / "greet" / "src"
    source.mkdir(parents=True)
    (folder / "greet" / "meta.json").write_text("{}")
    (source / "main.rs").write_text('mod words; fn main() { print!("{}", words::HELLO); }')
    (source / "words.rs").write_text('pub const HELLO: &str = "1";')
    return folder


def test_shipped_capability_is_compiled_once(
    one_capability: Path, toolchain: Toolchain, sdk: Sdk, confinement: Confinement, tmp_path: Path
) -> None:
    """Its module appears beside its source, and is current until the source changes."""
    settings = Settings.load(cache=tmp_path / "cache")
    (greet,) = shipped_capabilities(one_capability, sdk, settings.cache)
    assert not greet.current
    compile_shipped([greet], toolchain, sdk, confinement, settings)
    assert (one_capability / "greet" / "greet.wasm").read_bytes().startswith(b"\0asm")
    assert greet.current
    (one_capability / "greet" / "src" / "words.rs").write_text('pub const HELLO: &str = "2";')
    (changed,) = shipped_capabilities(one_capability, sdk, settings.cache)
    assert not changed.current


def test_shipped_capability_is_stale_under_other_flags(
    one_capability: Path, sdk: Sdk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that was compiled without checks of overflow is not taken for one with them."""
    (greet,) = shipped_capabilities(one_capability, sdk, tmp_path)
    monkeypatch.setattr("tacit_builder.shipped.FLAGS", tuple(flag for flag in FLAGS if "overflow" not in flag))
    (other,) = shipped_capabilities(one_capability, sdk, tmp_path)
    assert greet.kept != other.kept


def test_every_shipped_capability_is_built(sdk: Sdk, settings: Settings) -> None:
    """After set-up none is stale."""
    capabilities = shipped_capabilities(guest_sources() / "capabilities", sdk, settings.cache)
    assert len(capabilities) >= 19
    assert [capability.id for capability in capabilities if not capability.current] == []
