"""`tacit install`: Tacit in a client's configuration, and nothing else touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tacit_command import COMMAND

from tacit.cli.clients import CLIENTS

Install = Callable[..., "subprocess.CompletedProcess[str]"]
PATHS = {
    "claude": ".config/Claude/claude_desktop_config.json",
    "claude-code": ".claude.json",
    "cursor": ".cursor/mcp.json",
    "vscode": ".config/Code/User/mcp.json",
    "windsurf": ".codeium/windsurf/mcp_config.json",
}
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the paths are those of Linux")


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Run `tacit install` with `tmp_path` as the home folder."""

    def run(*arguments: str):
        environment = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": ""}
        return subprocess.run(
            [*COMMAND, "install", *arguments], capture_output=True, text=True, check=False, env=environment
        )

    return run


def test_every_client_has_a_path() -> None:
    """The test below covers all."""
    assert set(PATHS) == set(CLIENTS)


@linux_only
@pytest.mark.parametrize("client", sorted(PATHS))
def test_install_writes_a_command_that_starts(install: Install, tmp_path: Path, client: str) -> None:
    """By absolute paths: a desktop program has another PATH."""
    assert install(client).returncode == 0
    servers = json.loads((tmp_path / PATHS[client]).read_text())[CLIENTS[client].key]
    assert Path(servers["tacit"]["command"]).is_absolute()
    command = [servers["tacit"]["command"], *servers["tacit"]["args"]]
    assert subprocess.run([*command, "--help"], capture_output=True, check=False).returncode == 0


@linux_only
def test_install_keeps_everything_else(install: Install, tmp_path: Path) -> None:
    """Other servers, other keys, the file's mode; and the file before as a backup."""
    path = tmp_path / PATHS["claude"]
    path.parent.mkdir(parents=True)
    before = {"theme": "dark", "mcpServers": {"other": {"command": "x"}, "tacit": {"command": "old"}}}
    path.write_text(json.dumps(before))
    path.chmod(0o600)
    assert install().returncode == 0
    after = json.loads(path.read_text())
    assert (after["theme"], after["mcpServers"]["other"]) == ("dark", {"command": "x"})
    assert after["mcpServers"]["tacit"]["command"] != "old"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.with_name(f"{path.name}.backup").read_text()) == before


@linux_only
@pytest.mark.parametrize("text", ["{broken", "[]", '{"mcpServers": []}', '// a comment\n{"mcpServers": {}}'])
def test_install_leaves_a_broken_file_alone(install: Install, tmp_path: Path, text: str) -> None:
    """It says so, and what to do instead."""
    path = tmp_path / PATHS["claude"]
    path.parent.mkdir(parents=True)
    path.write_text(text)
    done = install()
    assert done.returncode == 1
    assert "--print" in done.stderr
    assert path.read_text() == text


@linux_only
def test_install_follows_a_link(install: Install, tmp_path: Path) -> None:
    """A configuration kept elsewhere stays there."""
    real = tmp_path / "dotfiles.json"
    real.write_text("{}")
    path = tmp_path / PATHS["cursor"]
    path.parent.mkdir()
    path.symlink_to(real)
    assert install("cursor").returncode == 0
    assert path.is_symlink()
    assert "tacit" in json.loads(real.read_text())["mcpServers"]


def test_print_writes_nothing(install: Install, tmp_path: Path) -> None:
    """The configuration on stdout, to be pasted."""
    done = install("vscode", "--print")
    assert "tacit" in json.loads(done.stdout)["servers"]
    assert list(tmp_path.iterdir()) == []


def test_data_folder_is_passed_on(install: Install, tmp_path: Path) -> None:
    """The client's server uses the folder that was named, by its absolute path."""
    done = install("--print", "--data", str(tmp_path / "kept"))
    assert json.loads(done.stdout)["mcpServers"]["tacit"]["args"][-2:] == ["--data", str(tmp_path / "kept")]
