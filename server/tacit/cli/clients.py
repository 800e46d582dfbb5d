"""Where MCP clients keep their configuration, and how Tacit is put into it without touching anything else."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tacit.config import client_config_folder
from tacit.errors import InvalidSettings


@dataclass(frozen=True, slots=True)
class ClientProgram:
    """An MCP client: its name, its configuration file, and the key that its servers are under."""

    title: str
    path: Callable[[], Path]
    key: str = "mcpServers"


CLIENTS = {
    "claude": ClientProgram("Claude Desktop", lambda: client_config_folder() / "Claude" / "claude_desktop_config.json"),
    "claude-code": ClientProgram("Claude Code", lambda: Path.home() / ".claude.json"),
    "cursor": ClientProgram("Cursor", lambda: Path.home() / ".cursor" / "mcp.json"),
    "vscode": ClientProgram("VS Code", lambda: client_config_folder() / "Code" / "User" / "mcp.json", key="servers"),
    "windsurf": ClientProgram("Windsurf", lambda: Path.home() / ".codeium" / "windsurf" / "mcp_config.json"),
}


def server_command(data: Path | None) -> dict[str, Any]:
    """Return the entry that starts this installation's server over stdio, by absolute paths."""
    script = Path(sys.executable).parent / ("tacit.exe" if sys.platform == "win32" else "tacit")
    command = [str(script)] if script.is_file() else [sys.executable, "-m", "tacit.cli"]
    options = ["--data", str(data)] if data else []
    return {"type": "stdio", "command": command[0], "args": [*command[1:], "serve", *options]}


def configuration(client: ClientProgram, entry: dict[str, Any]) -> dict[str, Any]:
    """Return what a configuration with Tacit alone looks like."""
    return {client.key: {"tacit": entry}}


def install_into(client: ClientProgram, entry: dict[str, Any]) -> Path:
    """Put `entry` into the client's configuration and return its path; the file before is kept as `*.backup`.

    Raises `InvalidSettings` where the file is not a JSON object; then it is left as it is.
    """
    path = client.path().resolve()
    try:
        existing = path.read_text("utf-8") if path.exists() else ""
        merged = _merged(existing, client, entry, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if existing:
            shutil.copy2(path, path.with_name(f"{path.name}.backup"))
        _replace(path, json.dumps(merged, ensure_ascii=False, indent=2) + "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSettings(
            f"{path} cannot be read or written: {error}.", hint="Use --print and put it in by hand."
        ) from error
    return path


def _merged(existing: str, client: ClientProgram, entry: dict[str, Any], path: Path) -> dict[str, Any]:
    try:
        before: Any = json.loads(existing) if existing.strip() else {}
        if not isinstance(before, dict) or not isinstance(cast("dict[str, Any]", before).get(client.key, {}), dict):
            raise ValueError(f"it, or its {client.key}, is not an object")  # one kind of refusal
    except ValueError as error:
        raise InvalidSettings(
            f"{path} is not a JSON configuration: {error}. It was left as it is.",
            hint="Mend it, or use --print and put it in by hand.",
        ) from error
    settings = cast("dict[str, Any]", before)
    return {**settings, client.key: {**settings.get(client.key, {}), "tacit": entry}}


def _replace(path: Path, text: str) -> None:
    """Write the whole file or nothing, with the mode that it had."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
