"""The file with what a person entered before: small, its owner's alone, and never half written."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from prompt_toolkit.history import FileHistory, InMemoryHistory

from tacit import entered_lines
from tacit.entered_lines import MOST_BYTES, kept_history


def entries(path: Path) -> list[str]:
    """Return what is remembered in the file, oldest first."""
    return list(FileHistory(path).load_history_strings())[::-1]


def grown(path: Path) -> list[str]:
    """Enter lines until the file is over its size; return them."""
    history, lines = kept_history(path), list[str]()
    while path.stat().st_size <= MOST_BYTES:
        lines.append(f"Task {len(lines)} with an ümlaut\n# of two lines\n+ and a third {'x' * 900}")
        history.store_string(lines[-1])
    return lines


def test_file_is_cut_to_its_newest_entries(tmp_path: Path) -> None:
    """Each of them whole, in their order; the file's mode stays."""
    path = tmp_path / "agent_history"
    lines = grown(path)
    kept_history(path)
    kept = entries(path)
    assert 0 < len(kept) < len(lines)
    assert kept == lines[-len(kept) :]
    assert MOST_BYTES // 2 - 2000 < path.stat().st_size <= MOST_BYTES // 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["agent_history"]


def test_what_fits_is_left_alone(tmp_path: Path) -> None:
    """Not a byte changes."""
    path = tmp_path / "agent_history"
    kept_history(path).store_string("One task")
    before = path.read_bytes(), path.stat().st_ino
    kept_history(path)
    assert (path.read_bytes(), path.stat().st_ino) == before


def test_one_huge_entry_is_forgotten(tmp_path: Path) -> None:
    """A pasted book does not stay for ever."""
    path = tmp_path / "agent_history"
    kept_history(path).store_string("x" * (2 * MOST_BYTES))
    kept_history(path)
    assert path.read_bytes() == b""


def test_file_of_anyone_becomes_its_owners(tmp_path: Path) -> None:
    """One that was made with a wider mode before."""
    path = tmp_path / "agent_history"
    path.touch(mode=0o644)
    kept_history(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_kill_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    """The new one takes its place only when it is whole."""
    path = tmp_path / "agent_history"
    lines = grown(path)
    script = """
import os, sys
from pathlib import Path
from tacit.entered_lines import kept_history
Path.replace = lambda *_: os.kill(os.getpid(), 9)
kept_history(Path(sys.argv[1]))
"""
    ended = subprocess.run([sys.executable, "-c", script, path], check=False, timeout=60)
    assert ended.returncode == -9
    assert entries(path) == lines


def test_history_that_cannot_be_kept_is_in_memory(tmp_path: Path) -> None:
    """A folder of that name costs no session."""
    (tmp_path / "agent_history").mkdir()
    assert isinstance(kept_history(tmp_path / "agent_history"), InMemoryHistory)


def test_history_that_cannot_be_cut_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not grow on."""
    path = tmp_path / "agent_history"
    grown(path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(entered_lines.Path, "write_bytes", full)
    assert isinstance(kept_history(path), InMemoryHistory)
    assert [each.name for each in tmp_path.iterdir()] == ["agent_history"]
