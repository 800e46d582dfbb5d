"""The command line as a person has it: a process on a data folder with the shipped capabilities."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tacit_command import COMMAND

Tacit = Callable[..., "subprocess.CompletedProcess[str]"]

SPIN = """
use capability_common::{run, Error};
use serde::Deserialize;

#[derive(Deserialize)]
struct Input { spin: bool, #[serde(default)] number: i64 }

fn main() {
    run(|input: Input| -> Result<i64, Error> {
        while input.spin { std::hint::black_box(()); }
        Ok(2 * input.number + 1)
    })
}
"""
SPIN_TESTS = [
    {"name": f"doubles {number}", "input": {"spin": False, "number": number}, "expect": {"output": 2 * number + 1}}
    for number in (0, 4, -7)
]
SPIN_INPUT = {
    "type": "object",
    "properties": {"spin": {"type": "boolean"}, "number": {"type": "integer"}},
    "required": ["spin"],
}


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that the tests share, because filling it takes a while."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def tacit(home: Path) -> Tacit:
    """Run `tacit` with these arguments on the shared data folder."""

    def run(*arguments: str, data: Path | None = home, stdin: str | None = None, **environment: str):
        options = ["--data", str(data)] if data else []
        return subprocess.run(
            [*COMMAND, *arguments, *options],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, **environment},
        )

    return run


@pytest.fixture(scope="session")
def spin_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that `tacit mutate` makes a capability of that spins as long as it is let."""
    folder = tmp_path_factory.mktemp("spin")
    (folder / "main.rs").write_text(SPIN)
    (folder / "tests.json").write_text(json.dumps(SPIN_TESTS))
    (folder / "input.json").write_text(json.dumps(SPIN_INPUT))
    return folder


@pytest.fixture
def spinner(tacit: Tacit, spin_files: Path) -> str:
    """The id of that capability, made once."""
    arguments = [
        "--id",
        "spin_forever",
        "--summary",
        "Doubles a number and adds one, and spins as long as it is let.",
        "--force",
    ]
    files = {"--source": "main.rs", "--tests": "tests.json", "--input-schema": "input.json"}
    for option, name in files.items():
        arguments += [option, str(spin_files / name)]
    if tacit("history", "spin_forever").returncode != 0:
        done = tacit("mutate", *arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
    return "spin_forever"
