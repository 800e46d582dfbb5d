"""The files that an author may see, all of them in memory: its crate's, and the guest SDK's to read.

A path is a key of a dictionary, never a path of this machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from tacit.errors import BuildRefused
from tacit.programs.callees import ROOT
from tacit_builder.toolchain.sdk import Sdk, guest_sources
from tacit_builder.toolchain.source import check_size, checked_path

SDK_FOLDER = "sdk/"
_GUEST = f"{SDK_FOLDER}capability_common/"
_CRATES = f"{SDK_FOLDER}crates.txt"


class Crate:
    """The crate being written, by paths below `src/`, and the SDK's sources."""

    def __init__(self, source: Mapping[str, str], sdk: Sdk | None) -> None:
        """Without an SDK it is a program's: one file, and nothing to read beside it."""
        self._checked = checked_path if sdk else _program_path
        self._files = {self._checked(path): text for path, text in source.items()}
        self._sdk = {**_guest_files(), _CRATES: "\n".join(sdk.crates) + "\n"} if sdk else {}

    @property
    def files(self) -> dict[str, str]:
        """The crate's texts by path below `src/`."""
        return dict(self._files)

    def read(self, path: str) -> str:
        """Return a file's text, or the names in a folder; raises `BuildRefused` for what there is not."""
        known = {**{f"src/{name}": text for name, text in self._files.items()}, **self._sdk}
        for name in (path, f"src/{path}"):
            if name in known:
                return known[name]
        inside = sorted(name for name in known if path.endswith("/") and name.startswith(path))
        if not inside:
            raise _refused(f"There is no file {path[:200]!a}. There are: {', '.join(sorted(known)) or 'none yet'}.")
        return "\n".join(inside)

    def write(self, path: str, text: str) -> None:
        """Put a text at a path of the crate, or remove the file if it is empty; raises `BuildRefused`."""
        if path.startswith(SDK_FOLDER):
            raise _refused("The SDK's files can only be read.")
        name = self._checked(path)
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise _refused("The text is not valid Unicode: it has half of a surrogate pair.") from error
        if "\0" in text:
            raise _refused("The text has a null character.")
        changed = {**self._files, name: text}
        if not text:
            del changed[name]
        check_size(changed)
        self._files = changed


def _program_path(given: str) -> str:
    if given.removeprefix("src/") != ROOT:
        raise _refused(f"A program is one file, src/{ROOT}; there is no {given[:200]!a}.")
    return ROOT


@lru_cache(maxsize=1)
def _guest_files() -> dict[str, str]:
    sources = guest_sources() / "capabilities" / "common" / "src"
    return {f"{_GUEST}{path.relative_to(sources).as_posix()}": path.read_text() for path in sources.rglob("*.rs")}


def _refused(message: str) -> BuildRefused:
    return BuildRefused("implementation", message)
