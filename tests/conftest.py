"""What every test shares: an environment without the machine's own settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drop the machine's own settings and point the data folder at a fresh one; return that folder."""
    for name in list(os.environ):
        if name.startswith(("TACIT_", "OPENAI_", "FOUNDRY_")) and name != "TACIT_CACHE":
            monkeypatch.delenv(name)
    data = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("TACIT_DATA", str(data))
    return data
