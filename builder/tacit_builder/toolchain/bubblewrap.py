"""A private bubblewrap from the machine's own packages, where none is installed; needs no root."""

from __future__ import annotations

import shutil
from pathlib import Path

from tacit.errors import ConfinementMissing, ToolchainMissing
from tacit_builder.toolchain import apt

_PROGRAM = Path("usr/bin/bwrap")


def install(folder: Path, work: Path) -> Path:
    """Unpack bubblewrap into `folder` through the empty folder `work`, and return the program.

    Raises `ConfinementMissing`; whether the kernel lets it work here is for `confinement.works` to say.
    """
    if not apt.available():
        raise ConfinementMissing("There is no bubblewrap, and no apt to get it.", hint="Install bubblewrap.")
    private = apt.PrivateApt(work / "apt")
    try:
        private.download(["bubblewrap"], closure=False)
        private.unpack(work / "root")
    except ToolchainMissing as error:
        raise ConfinementMissing(error.message, hint="Install bubblewrap.") from error
    if not (work / "root" / _PROGRAM).exists():
        raise ConfinementMissing("The package bubblewrap cannot be had from apt.", hint="Install bubblewrap.")
    made = work / "bubblewrap"
    (made / _PROGRAM).parent.mkdir(parents=True)
    (work / "root" / _PROGRAM).rename(made / _PROGRAM)
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)
    return folder / _PROGRAM
