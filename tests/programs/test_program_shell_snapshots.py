"""Snapshots of `tacit shell`: kept, resumed elsewhere, and refused where they are none."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from shell_processes import ADD, Shell, session_of


def test_a_snapshot_is_resumed_in_another_shell(shell: Shell, adding: Path, tmp_path: Path) -> None:
    """It goes on where it was, with its stack, memory, input and the energy used."""
    adding.write_text(f"call input 0\nstore given\n{ADD}")
    shell(f"compile {adding}", 'input {"é": "\\u0000"}', "step 4", "snapshot kept.json")
    adding.unlink()
    done = shell("resume kept.json", "energy", "step 1", "run")
    assert "0.45 units" not in done.stdout.splitlines()[0]
    assert "runtime-1: 2.75 of 1000 units used, 997.25 left (conserved)" in done.stdout
    assert json.loads((tmp_path / "kept.json").read_text())["given"] == {"é": "\0"}


def test_a_snapshot_takes_no_other_files_place(shell: Shell, adding: Path) -> None:
    """A slip of the hand does not cost the source."""
    done = shell(f"compile {adding}", f"snapshot {adding}")
    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert adding.read_text() == ADD


def test_a_snapshot_replaces_a_snapshot(shell: Shell, adding: Path, tmp_path: Path) -> None:
    """The newer one is kept, and no part of a file is left beside it."""
    done = shell(f"compile {adding}", "snapshot kept.json", "step", "snapshot kept.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "kept.json").read_text())["state"]["counter"] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["add.program", "kept.json"]


def broken(change: dict[str, Any], state: dict[str, Any] | None = None) -> str:
    """Return a snapshot in which something is wrong."""
    sound = {
        "program": "0" * 64,
        "counter": 0,
        "memory": {},
        "energy_used": 0,
        "executed": 0,
        "compilation_level": 1,
        "timestamp": 0,
    }
    return json.dumps({"name": "x", "domain": "", "source": "pop", "state": {**sound, **(state or {})}, **change})


BROKEN = [
    "",
    "{",
    "null",
    "[]",
    "{}",
    "[" * 100_000,
    "\x00",
    "é" * 10,
    broken({}),
    broken({"source": "no such instruction"}),
    broken({"state": 5}),
    broken({"extra": 1}),
    broken({}, {"counter": -1}),
    broken({}, {"energy_used": "much"}),
    broken({}, {"stack": [{"$reference": 5}], "program": "1"}),
    broken({"given": 1}).replace('"given": 1', '"given": NaN'),
]


def test_broken_snapshots_are_refused(shell: Shell, tmp_path: Path) -> None:
    """Each in one line that names the trouble; nothing is taken up."""
    for number, text in enumerate(BROKEN):
        (tmp_path / f"broken{number}.json").write_text(text)
    done = shell(*[f"resume broken{number}.json" for number in range(len(BROKEN))], "list")
    answers = done.stderr.splitlines()
    assert [answer.startswith("tacit: inval") for answer in answers] == [True] * len(BROKEN)
    assert (done.returncode, done.stdout) == (1, "There are no programs yet.\n")


def test_a_snapshot_is_its_owners_alone(shell: Shell, adding: Path, tmp_path: Path) -> None:
    """It has what the program read."""
    shell(f"compile {adding}", "snapshot kept.json")
    assert stat.S_IMODE((tmp_path / "kept.json").stat().st_mode) == 0o600


def test_a_snapshot_of_a_stranger_shows_harmlessly(shell: Shell, home: Path, adding: Path, tmp_path: Path) -> None:
    """Its name and domain are shortened, and what steers terminals or cannot be written is left out of them."""
    shell(f"compile {adding}", "snapshot kept.json")
    kept = json.loads((tmp_path / "kept.json").read_text())
    named = {**kept, "name": "\u001b[2J\ud800" + "x" * 100_000, "domain": "\u202e" + "y" * 100_000}
    (tmp_path / "kept.json").write_text(json.dumps(named))
    done = shell("resume kept.json", "list", "status")
    assert done.returncode == 0, done.stderr
    assert not {"\x1b", "\u202e"} & set(done.stdout)
    assert len(done.stdout) < 2000
    assert len(session_of(home, done)["programs"][0]["program"]) < 200


def test_a_snapshot_that_used_more_than_the_budget_is_refused(shell: Shell, adding: Path) -> None:
    """Energy is conserved across shells."""
    shell(f"compile {adding}", "step 3", "snapshot kept.json")
    done = shell("resume kept.json", options=("--energy", "0.5"))
    assert "used more than the budget of 0.5 units" in done.stderr
