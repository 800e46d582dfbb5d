"""What is left of a program's run whose process is killed or closed: files whole, and no agent that goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from callee_samples import add_guest, add_program, writes
from delegations import ASKING, agents_of, make_asking
from program_samples import OpenApp
from scripted_llm import ChatRequest, Says, ScriptedLlm, hang

from tacit.errors import RunCancelled
from tacit.models import Permissions

RUN = """
import os, signal, sys
import tacit
from tacit.config import Settings
from tacit.models import Permissions
data, capability, given, steps = sys.argv[1:]
grants = Permissions(write=("*.json",), call=("*",))
with tacit.open(Settings.load(data=data, embedder="none", shipped=False, grants=grants)) as app:
    left, rename = int(steps), os.rename
    def counted(*arguments, **options):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(*arguments, **options)
    os.rename = counted
    app.service.run(capability, int(given))
"""
"""Runs a capability, and is killed in place of its renaming a file for the last of so many times and one.

It renames one to find out where files are staged, and, once the commit is sealed, each that it wrote.
"""


@pytest.fixture
def thinking(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A model that never answers, for the agents of this process and of those that it starts; set when it is asked."""
    asked = threading.Event()

    def says(_: ChatRequest) -> Says:
        asked.set()
        return hang()

    with ScriptedLlm(says) as llm:
        for name, value in llm.settings().items():
            monkeypatch.setenv(f"TACIT_{name.upper()}", str(value))
        monkeypatch.setenv("TACIT_DELEGATE", "true")
        monkeypatch.setenv("TACIT_LIMITS__WALL_SECONDS", "600")
        yield asked


@pytest.mark.parametrize(("steps", "landed"), [(0, 1), (1, 2), (2, 2), (3, 2)])
def test_a_kill_in_the_commit_leaves_all_or_nothing(open_app: OpenApp, tmp_path: Path, steps: int, landed: int) -> None:
    """The writes of three callees are none of them there, or all from the next opening on."""
    app = open_app(shipped=False, grants=Permissions(write=("*.json",), call=("*",)))
    for name in "abc":
        add_guest(app, f"write_{name}", writes(f"{name}.json"), write=[f"{name}.json"])
    add_program(app, "write_all", "call input 0\ncall write_a 1\ncall write_b 1\ncall write_c 1")
    app.service.run("write_all", 1)
    app.close()
    command = [sys.executable, "-c", RUN, str(tmp_path / "data"), "write_all", "2", str(steps)]
    assert subprocess.run(command, timeout=120, check=False).returncode == -signal.SIGKILL
    again = open_app(shipped=False, grants=app.settings.grants)
    files = {each.name: int(each.read_text()) for each in again.settings.files_folder.glob("*.json")}
    assert files == dict.fromkeys(("a.json", "b.json", "c.json"), landed)


def test_closing_ends_a_run_that_waits_for_an_agent(
    open_app: OpenApp, thinking: threading.Event, tmp_path: Path
) -> None:
    """The agent is killed, and the run ends as a cancelled one; it does not use up its time."""
    app = open_app(**ASKING)
    make_asking(app.service)
    raised: list[BaseException] = []

    def ask() -> None:
        try:
            app.service.run("ask_agent", {"name": "Ada"})
        except RunCancelled as error:
            raised.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert thinking.wait(120)
    app.close()
    asking.join()
    assert [type(error) for error in raised] == [RunCancelled]
    assert agents_of(tmp_path / "data") == []


def test_an_agent_ends_with_the_process_that_asked_it(
    open_app: OpenApp, thinking: threading.Event, tmp_path: Path
) -> None:
    """Where that is killed, and so cannot kill it; the agent's own server ends with it."""
    data = tmp_path / "data"
    app = open_app(shipped=False)
    make_asking(app.service)
    app.close()
    command = [sys.executable, "-m", "tacit.cli", "run", "ask_agent", '{"name": "Ada"}', "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        assert thinking.wait(120)
        assert agents_of(data, with_servers=True)
        process.kill()
    deadline = time.monotonic() + 60
    while agents_of(data, with_servers=True) and time.monotonic() < deadline:
        os.sched_yield()
    assert agents_of(data, with_servers=True) == []
