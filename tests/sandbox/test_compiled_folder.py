"""Compiled code on disk: found again, never trusted when it is damaged, foreign or open to others."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from guests import ECHO, LIMITS, SmallWorld, digest_of, guest
from tacit.config import MIB, Limits
from tacit.sandbox import Sandbox
from tacit.sandbox import compiled as module

WASM = guest(ECHO)


class Compiled:
    """A folder, and whether loading from it had to compile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def compiles(self, wasm: bytes = WASM, limits: Limits = LIMITS) -> bool:
        asked: list[bytes] = []
        with Sandbox(limits, self.folder, workers=1) as sandbox:
            program = sandbox.load(digest_of(wasm), lambda: asked.append(wasm) or wasm)
            assert sandbox.run(program, b"[1]", SmallWorld()).value == [1]
        return bool(asked)

    def entries(self) -> list[Path]:
        return sorted(self.folder.iterdir())


@pytest.fixture
def compiled(tmp_path: Path) -> Compiled:
    """A folder in which the guest was compiled once."""
    compiled = Compiled(tmp_path / "compiled")
    assert compiled.compiles()
    return compiled


def test_a_second_start_does_not_compile(compiled: Compiled) -> None:
    """What one sandbox compiled, the next one loads."""
    assert not compiled.compiles()


def test_folder_and_entries_are_their_owners_alone(compiled: Compiled) -> None:
    """The folder has mode 0700, each entry 0600, and no temporary file is left."""
    (entry,) = compiled.entries()
    assert stat.S_IMODE(compiled.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:10],
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: _flip(data, 100),
        lambda data: _flip(data, len(data) // 2),
        lambda data: _flip(data, len(data) - 1),
        lambda data: bytes(len(data)),
    ],
)
def test_a_damaged_entry_is_compiled_again(compiled: Compiled, damage: Callable[[bytes], bytes]) -> None:
    """Truncated or flipped code is never loaded, and its entry is made anew."""
    (entry,) = compiled.entries()
    entry.write_bytes(damage(entry.read_bytes()))
    assert compiled.compiles()
    assert not compiled.compiles()


def test_an_entry_of_another_module_is_not_taken(compiled: Compiled) -> None:
    """An entry under another module's name does not match its checksum."""
    (first,) = compiled.entries()
    other = guest(ECHO + "(nop)")
    assert compiled.compiles(other)
    (second,) = set(compiled.entries()) - {first}
    second.write_bytes(first.read_bytes())
    assert compiled.compiles(other)


@pytest.mark.parametrize("change", [{"memory_bytes": 8 * MIB}, {"stack_bytes": 256 * 1024}])
def test_another_configuration_compiles_for_itself(compiled: Compiled, change: dict[str, int]) -> None:
    """Code compiled under other limits of memory or stack is not loaded."""
    assert compiled.compiles(limits=LIMITS.model_copy(update=change))
    assert not compiled.compiles()


def test_a_folder_open_to_others_is_not_used(compiled: Compiled, caplog: pytest.LogCaptureFixture) -> None:
    """With a folder that others may write to, everything is compiled, and a warning says why."""
    compiled.folder.chmod(0o770)
    with caplog.at_level(logging.WARNING):
        assert compiled.compiles()
    assert "open to others" in caplog.text


def test_a_link_in_the_folders_place_is_not_used(compiled: Compiled, caplog: pytest.LogCaptureFixture) -> None:
    """A symbolic link, which may lead anywhere, is no folder."""
    real = compiled.folder.rename(compiled.folder.with_name("real"))
    compiled.folder.symlink_to(real)
    with caplog.at_level(logging.WARNING):
        assert compiled.compiles()
    assert "not a folder" in caplog.text


def test_a_file_in_the_folders_place_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where no folder can be made, everything is compiled, and a warning says so."""
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        assert Compiled(tmp_path / "file" / "compiled").compiles()
    assert "cannot be made" in caplog.text


def test_an_entry_that_cannot_be_written_is_no_error(compiled: Compiled, caplog: pytest.LogCaptureFixture) -> None:
    """A disk that refuses the new entry costs a warning, not the run."""
    (entry,) = compiled.entries()
    entry.unlink()
    entry.mkdir()
    with caplog.at_level(logging.WARNING):
        assert compiled.compiles()
    assert "could not be kept" in caplog.text
    assert compiled.entries() == [entry]


def age(path: Path, days: float) -> None:
    """Let a file have been used so many days ago."""
    at = time.time() - days * 86_400
    os.utime(path, (at, at))


def test_a_folder_that_is_too_large_drops_what_was_used_longest_ago(
    compiled: Compiled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its module is compiled again when it is run again."""
    (first,) = compiled.entries()
    age(first, 3)
    assert compiled.compiles(guest(ECHO, pages=2))
    (second,) = set(compiled.entries()) - {first}
    age(second, 2)
    size = first.stat().st_size
    monkeypatch.setattr(module, "KEPT_BYTES", size * 29 // 10)  # three quarters of it have room for two
    assert compiled.compiles(guest(ECHO, pages=3))
    assert (first.exists(), second.exists(), len(compiled.entries())) == (False, True, 2)
    assert compiled.compiles()


def test_what_is_still_used_is_dropped_last(compiled: Compiled) -> None:
    """Loading it says so, once a day."""
    (entry,) = compiled.entries()
    age(entry, 30)
    assert not compiled.compiles()
    assert entry.stat().st_mtime > time.time() - 3600
    used = entry.stat().st_mtime_ns
    assert not compiled.compiles()
    assert entry.stat().st_mtime_ns == used


def test_what_a_killed_process_left_goes(compiled: Compiled) -> None:
    """After a day: until then another process may be writing it."""
    left, fresh = compiled.folder / ".new-left", compiled.folder / ".new-fresh"
    for path in (left, fresh):
        path.write_bytes(b"x")
    age(left, 2)
    assert compiled.compiles(guest(ECHO, pages=2))
    assert (left.exists(), fresh.exists()) == (False, True)


def test_a_folder_that_somebody_removes_is_no_error(compiled: Compiled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also between writing an entry and looking at all of them."""

    def gone(folder: Path) -> None:
        raise FileNotFoundError(folder)

    monkeypatch.setattr(module.Path, "iterdir", gone)
    assert compiled.compiles(guest(ECHO, pages=2))
