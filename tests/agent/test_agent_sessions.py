"""The sessions in `sessions/`, run again: each command in a process of its own, all of one file on one data folder."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from agent_scripts import SESSIONS

import tacit
from tacit.config import Settings

FOLDER = Path(__file__).parent / "sessions"
COMMAND = "$ "
PLACEHOLDERS = (
    (r"(?<=score = )\d+\.\d{3}", "<score>"),
    (r"[\d,]+ tokens in, [\d,]+ out", "<tokens>"),
    (r"\d+\.\d s\b", "<time>"),
    (r"(?m)(?:^ +\d+% (\w+): .*\n)(?:^ +\d+% \1: .*\n)*", r"  <progress> \1\n"),
)


def normal(text: str) -> str:
    """Return an output with placeholders for what differs from run to run."""
    for pattern, placeholder in PLACEHOLDERS:
        text = re.sub(pattern, placeholder, text)
    return text


@pytest.mark.parametrize("name", sorted(SESSIONS))
def test_session_goes_as_recorded(name: str, agent: Callable, play: Callable, home: Path) -> None:
    """What is printed, step by step, is what the file says."""
    recorded = (FOLDER / f"{name}.txt").read_text("utf-8")
    llm = play(SESSIONS[name])
    played: list[str] = []
    for line in recorded.splitlines():
        if not line.startswith(COMMAND):
            continue
        settings, *_, task = _command(line)
        _embed_all(home, task, **settings)
        done = agent(task, llm=llm, **{"embedder": "auto", **settings})
        assert (done.returncode, done.stderr) == (0, "")
        played.append(f"{line}\n{normal(done.stdout)}")
    assert "\n".join(played) == recorded


def _embed_all(home: Path, task: str, **settings: str) -> None:
    """See that every capability is searched by meaning: a busy machine answers by words alone until then."""
    settled = False
    while not settled:
        with tacit.open(Settings.load(data=home, **settings)) as app:
            app.service.search(task)
            settled = all("wait for their embedding" not in check.detail for check in app.service.doctor())


def _command(line: str) -> tuple[dict[str, str], str, str, str]:
    """Return the settings, the program, its command and the task in a line such as `$ TACIT_A=b tacit agent 'c'`."""
    words = shlex.split(line.removeprefix(COMMAND))
    settings = [word for word in words if word.startswith("TACIT_")]
    program, command, task = words[len(settings) :]
    named = (word.removeprefix("TACIT_").split("=", 1) for word in settings)
    return {name.lower(): value for name, value in named}, program, command, task


def test_every_recorded_session_is_played() -> None:
    """A file that no model plays would prove nothing."""
    assert {path.stem for path in FOLDER.iterdir()} == set(SESSIONS)
