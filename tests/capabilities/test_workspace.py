"""The Cargo workspace is one that a Rust programmer can work in with the machine's own cargo."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

WORKSPACE = Path(__file__).parents[2] / "capabilities"


def cargo(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run cargo in the workspace; skips where there is none, but not in CI."""
    if shutil.which("cargo") is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs cargo")
        pytest.skip("this machine has no cargo of its own; the guests' tests still run in the sandbox")
    return subprocess.run(
        ["cargo", *arguments], check=False, cwd=WORKSPACE, capture_output=True, text=True, timeout=600
    )


def test_cargo_test_passes() -> None:
    """`cargo test` builds every capability natively and runs its unit tests and its tests.json."""
    done = cargo("test", "--locked", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout
