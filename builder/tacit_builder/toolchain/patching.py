"""Our own changes to vendored crates: applied when cargo has fetched and verified them, before anything is compiled.

A `.diff` beside the SDK's manifest is named after the crate that it changes. It begins with words on what it changes
and why. `--- path` names a file, and each `@@` begins a hunk, whose lines are kept (` `), removed (`-`) or added (`+`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tacit.errors import ToolchainMissing


def patch_files(sdk: Path) -> list[Path]:
    """Return the patches in the folder of the SDK's manifest, by name."""
    return sorted(sdk.glob("*.diff"))


def patch_crates(sdk: Path, crates: Path) -> None:
    """Apply every patch to its crate below `crates`; raises `ToolchainMissing` where one does not fit exactly."""
    for patch in patch_files(sdk):
        (crate,) = crates.glob(f"{patch.stem}-[0-9]*")
        for name, old, new in _hunks(patch.read_text(encoding="utf-8")):
            file = crate / name
            text = file.read_text(encoding="utf-8")
            if text.count(old) != 1:
                raise ToolchainMissing(
                    f"{patch.name} does not fit {crate.name}/{name}, at {old.strip().splitlines()[0]!r}.",
                    hint="This is a fault of Tacit.",
                )
            file.write_text(text.replace(old, new), encoding="utf-8")
        _forget_checksums(crate)


def _hunks(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the file, the old lines and the new lines of each hunk."""
    for part in text.split("\n--- ")[1:]:
        name, *hunks = part.split("\n@@\n")
        for hunk in hunks:
            lines = [line or " " for line in hunk.splitlines()]  # editors strip a line that is kept and empty
            kept = {sign: "".join(f"{line[1:]}\n" for line in lines if line[0] in f" {sign}") for sign in "-+"}
            yield name.strip(), kept["-"], kept["+"]


def _forget_checksums(crate: Path) -> None:
    """Drop the checksums of a crate's files, which cargo verified before they were changed; the crate's own stays."""
    record = crate / ".cargo-checksum.json"
    checksums = json.loads(record.read_text())
    record.write_text(json.dumps({**checksums, "files": {}}))
