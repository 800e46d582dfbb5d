"""Builders that cannot be started leave nothing behind."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tacit.building.descendants import children
from tacit.building.process import BuilderProcess
from tacit.errors import BuilderFailed

WAITS = (sys.executable, "-c", "input()")


def open_files() -> list[str]:
    """Return the descriptors of this process, one of which is for this look at them."""
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made in this test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def limit_files() -> Iterator[Callable[[int | None], None]]:
    """Set how many files may be open, None for as many as before, as it is again at the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield lambda count: resource.setrlimit(resource.RLIMIT_NOFILE, (soft if count is None else count, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_too_few_open_files_at_any_point(temporary: Path, limit_files: Callable[[int | None], None]) -> None:
    """Whichever file is one too many, it is a failure of the builder, and neither process, folder nor file stays."""
    before, running, outcomes = open_files(), set(children(os.getpid())), set[str]()
    for count in range(3, max(map(int, before)) + 16):
        limit_files(count)
        try:
            process = BuilderProcess(WAITS)
        except BuilderFailed:
            outcomes.add("failed")
        else:
            outcomes.add("started")
            process.close()
        limit_files(None)
        stayed = {*temporary.iterdir(), *set(children(os.getpid())) - running, *set(open_files()) - set(before)}
        assert stayed == set()  # what other tests left may end meanwhile
    assert outcomes == {"failed", "started"}


def test_no_place_for_temporary_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A missing folder for them is the operator's to mend, and says so."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(BuilderFailed, match=r"could not be started: No such file .* space for temporary files"):
        BuilderProcess(WAITS)
