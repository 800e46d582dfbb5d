"""The command line as a person has it: a process on a data folder with the shipped capabilities."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tacit_command import COMMAND, SHIPPED

from tacit.cli import main

Tacit = Callable[..., "subprocess.CompletedProcess[str]"]
Here = Callable[..., tuple[object, str, str]]

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


def _on(data: Path) -> Tacit:
    """Return what runs `tacit` on a data folder without the shipped capabilities."""

    def run(*arguments: str, **environment: str):
        settings = {"TACIT_DATA": str(data), "TACIT_SHIPPED": "false", "TACIT_EMBEDDER": "none"}
        return subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, **settings, **environment},
        )

    return run


@pytest.fixture(scope="session")
def small_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with `reverse_string` and `search_files` alone, to be copied."""
    folder = tmp_path_factory.mktemp("small") / "data"
    for name in ("reverse_string", "search_files"):
        done = _on(folder)("import", str(SHIPPED / name))
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def small(small_home: Path, tmp_path: Path) -> Tacit:
    """Run `tacit` on a copy of that folder, the test's own, which is `tmp_path / "data"`."""
    shutil.copytree(small_home, tmp_path / "data")
    return _on(tmp_path / "data")


@pytest.fixture(scope="session")
def kin_home(small_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, where `reverse_string` has three versions, and `mirror_text` comes from its first."""
    folder = tmp_path_factory.mktemp("kin")
    shutil.copytree(small_home, folder / "data")
    tacit = _on(folder / "data")
    text = {"type": "string"}
    changed = {"input_schema": {"type": "object", "properties": {"text": text, "times": {"type": "integer"}}}}
    _import_changed(tacit, folder / "second", **changed)
    _import_changed(tacit, folder / "third", "// fa\u00e7ade \u65e5\u672c\n", summary="Reverses texts, and says why.")
    _import_changed(tacit, folder / "child", id="mirror_text", binary="mirror_text.wasm", parent="reverse_string@1")
    return folder / "data"


@pytest.fixture(scope="session")
def kin(kin_home: Path) -> Tacit:
    """Run `tacit` on that folder itself, which is shared: only look."""
    return _on(kin_home)


@pytest.fixture
def own_kin(kin_home: Path, tmp_path: Path) -> Tacit:
    """Run `tacit` on a copy of that folder."""
    shutil.copytree(kin_home, tmp_path / "kin")
    return _on(tmp_path / "kin")


@pytest.fixture
def here(kin_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Run `tacit` on that folder in this process, which takes less long; return its exit code, stdout and stderr."""
    for name, value in {"TACIT_DATA": str(kin_home), "TACIT_SHIPPED": "false", "TACIT_EMBEDDER": "none"}.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["tacit", *arguments])
        with pytest.raises(SystemExit) as raised:
            main()
        printed = capsys.readouterr()
        return raised.value.code, printed.out, printed.err

    return run


def _import_changed(tacit: Tacit, folder: Path, comment: str = "", **changes: object) -> None:
    """Import `reverse_string` with a changed manifest, and a comment before its source."""
    shutil.copytree(SHIPPED / "reverse_string", folder)
    meta = json.loads((folder / "meta.json").read_text("utf-8")) | changes
    (folder / "meta.json").write_text(json.dumps(meta), "utf-8")
    (folder / "reverse_string.wasm").rename(folder / meta["binary"])
    main = folder / "src" / "main.rs"
    main.write_text(comment + main.read_text("utf-8"), "utf-8")
    done = tacit("import", str(folder))
    assert done.returncode == 0, done.stderr


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
