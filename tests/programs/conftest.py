"""Random programs are the same ones in CI each time, elsewhere new ones; real apps and shells on data folders."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from program_samples import OpenApp
from shell_processes import ADD, COMMAND, Done, Shell

import tacit
from tacit.app import App
from tacit.config import Settings

settings.register_profile("steady", derandomize=True, database=None)
if os.environ.get("CI"):
    settings.load_profile("steady")


@pytest.fixture
def open_app(tmp_path: Path) -> Iterator[OpenApp]:
    """Open apps with changed settings on this test's data folder; all are closed at the end."""
    opened: list[App] = []

    def opening(**changed: Any) -> App:
        app = tacit.open(Settings.load(**{"data": tmp_path / "data", "embedder": "none", **changed}))
        opened.append(app)
        return app

    yield opening
    for app in opened:
        app.close()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that these tests share, because filling it takes a while."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def shell(home: Path, tmp_path: Path) -> Shell:
    """Run the shell on these lines, in a folder of its own."""

    def run(*lines: str, options: tuple[str, ...] = (), data: Path = home, stdin: bytes | None = None) -> Done:
        given = "\n".join(lines).encode("utf-8", "surrogateescape") if stdin is None else stdin
        done = subprocess.run(
            [*COMMAND, "shell", "--data", str(data), *options],
            check=False,
            input=given,
            cwd=tmp_path,
            capture_output=True,
            timeout=120,
        )
        return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def adding(tmp_path: Path) -> Path:
    """A file with a program that adds."""
    path = tmp_path / "add.program"
    path.write_text(ADD)
    return path
