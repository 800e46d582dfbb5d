"""Where the servers under test and the clients of others are, and how those clients get installed, once."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".cache" / "clients"
SAMPLE = HERE / "sample_service.py"


def missing(what: str) -> None:
    """Skip where a client cannot be installed; in CI that is a failure, not a reason."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}; CI has to have it")
    pytest.skip(what)


@contextmanager
def installing(name: str, *sources: Path) -> Generator[Path | None]:
    """Yield the folder to install into, or None where these very sources are installed; one process at a time."""
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    wanted = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    stamp = folder / "installed"
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            yield None
            return
        stamp.unlink(missing_ok=True)
        yield folder
        stamp.write_text(wanted)
