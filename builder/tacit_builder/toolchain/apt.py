"""Debian packages unpacked into a private folder: no root, and nothing of the system is read or changed by it.

apt gets a world of its own through one configuration file: its own sources, lists, cache and an empty
status, so that it resolves a package's whole closure. The machine's proxy and credential settings still hold.
The address of the archive comes from the machine's own apt sources; there is none in this project.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from tacit.errors import ToolchainMissing

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_TAIL = 600


def available() -> bool:
    """Whether this machine has apt and dpkg."""
    return all(shutil.which(program) for program in ("apt-get", "dpkg", "dpkg-deb"))


def architecture() -> str:
    """Return dpkg's name of this machine's architecture, such as `amd64`."""
    return _output(["dpkg", "--print-architecture"]).strip()


def debian_archive() -> str:
    """Return the address of the Debian archive in the machine's own apt sources; raises `ToolchainMissing`."""
    targets = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]
    sites = (site.rstrip("/") for site in _output(targets).split())
    for site in sites:
        if site.rsplit("/", 1)[-1] == "debian":
            return site
    raise ToolchainMissing(
        "No Debian archive is among this machine's apt sources.",
        hint="Install rustup and run `rustup target add wasm32-wasip1`, then `tacit setup` again.",
    )


class PrivateApt:
    """An apt of its own in `folder`, which it fills and the caller removes.

    With `suite`, its only source is that suite of the machine's Debian archive; without, the machine's own sources.
    """

    def __init__(self, folder: Path, suite: str | None = None) -> None:
        self._folder = folder
        self._strictness = ("--error-on=any",) if suite else ()
        for part in ("lists/partial", "cache/archives/partial", "sources"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        lines = [
            f'Dir::State "{folder}";',
            f'Dir::State::Lists "{folder}/lists";',
            f'Dir::State::status "{folder}/status";',
            f'Dir::Cache "{folder}/cache";',
            'Dir::Etc::preferences "/dev/null";',
            f'Dir::Etc::preferencesparts "{folder}/none";',
            'APT::Default-Release "";',
            'APT::Install-Recommends "false";',
            'APT::Sandbox::User "";',
            'Debug::NoLocking "true";',
        ]
        if suite:
            lines += ['Dir::Etc::sourcelist "/dev/null";', f'Dir::Etc::sourceparts "{folder}/sources";']
            (folder / "sources" / f"{suite}.sources").write_text(self._source(suite))
        self._configuration = folder / "apt.conf"
        self._configuration.write_text("\n".join(lines) + "\n")

    def _source(self, suite: str) -> str:
        site = debian_archive()
        keyring = _KEYRING if Path(_KEYRING).exists() else self._private_keyring()
        return f"Types: deb\nURIs: {site}\nSuites: {suite}\nComponents: main\nSigned-By: {keyring}\n"

    def _private_keyring(self) -> str:
        machine = PrivateApt(self._folder / "machine")
        machine.download(["debian-archive-keyring"], closure=False)
        machine.unpack(self._folder / "keyring")
        return f"{self._folder}/keyring{_KEYRING}"

    def download(self, packages: Sequence[str], *, closure: bool = True) -> None:
        """Download the packages, with all that they depend on if `closure`; raises `ToolchainMissing`."""
        self._apt("update", *self._strictness)
        if closure:
            self._apt("install", "--yes", "--download-only", *packages)
        else:
            archives = self._folder / "cache" / "archives"
            self._apt("download", *packages, folder=archives)

    def archives(self) -> Iterable[Path]:
        """Return the package files that were downloaded."""
        return sorted((self._folder / "cache" / "archives").glob("*.deb"))

    def unpack(self, root: Path) -> None:
        """Unpack every downloaded package into `root`, without running any of its scripts."""
        root.mkdir(parents=True, exist_ok=True)
        for package in self.archives():
            run(["dpkg-deb", "--extract", str(package), str(root)], f"Unpacking {package.name} failed")
            package.unlink()

    def _apt(self, *arguments: str, folder: Path | None = None) -> None:
        environment = {**os.environ, "APT_CONFIG": str(self._configuration), "LC_ALL": "C.UTF-8"}
        command = ["apt-get", "--quiet=2", *arguments]
        run(command, f"`apt-get {arguments[0]}` failed", environment=environment, folder=folder)


def run(
    command: Sequence[str], failed: str, *, environment: dict[str, str] | None = None, folder: Path | None = None
) -> None:
    """Run a command of set-up; raises `ToolchainMissing` with `failed` and the end of what it printed."""
    done = subprocess.run(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise ToolchainMissing(f"{failed}: {_last_words(done.stdout)}", hint="Mend that and run `tacit setup` again.")


def _last_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "error", "dpkg-deb: error"))]
    return " ".join(errors or lines[-3:])[-_TAIL:] or "it printed nothing"


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
