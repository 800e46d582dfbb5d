"""A program that hands a task to an agent, and the agents that run."""

from __future__ import annotations

import os
from pathlib import Path

from program_samples import registered

from tacit.models import MutateRequest
from tacit.service import Service

ASK = """\
push "{name}, the answer is {answer}"
push name
call input 0
push name
call get 2
push answer
delegate agent "What is 15 percent of 240?"
call text 1
call map 4
call format 2
"""

ASKING = {"delegate": True, "llm": "none", "shipped": False, "limits": {"wall_seconds": 600}}
"""Settings of an app whose programs ask agents, which take their time to start on a busy machine."""


def make_asking(service: Service) -> None:
    """Make `ask_agent`, a program that asks an agent and tells somebody the answer."""
    tests = [
        {
            "name": name,
            "input": {"name": name},
            "calls": {"agent": 36},
            "expect": {"output": f"{name}, the answer is 36"},
        }
        for name in ("Ada", "Bob")
    ]
    request = {
        "id": "ask_agent",
        "summary": "Tells somebody what an agent answers to a question on percentages.",
        "language": "program",
        "source": ASK,
        "tests": [*tests, {"name": "nobody", "input": {}, "expect": {"error": "out_of_range"}}],
        "permissions": {"call": ["agent"]},
    }
    registered(service.mutate(MutateRequest.model_validate(request)))


def agents_of(data: Path, *, with_servers: bool = False) -> list[int]:
    """Return the agents that run on a data folder, and their servers where they are asked for."""
    commands = {b"agent", b"serve"} if with_servers else {b"agent"}
    found: list[int] = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            try:
                line = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:  # it has just ended
                continue
            if str(data).encode() in line and commands & set(line):
                found.append(int(process.name))
    return found
