"""Random programs are the same ones in CI each time, elsewhere new ones; and real apps on fresh data folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from program_samples import OpenApp

import tacit
from tacit.app import App
from tacit.config import Settings

settings.register_profile("steady", derandomize=True, database=None)
if os.environ.get("CI"):
    settings.load_profile("steady")


@pytest.fixture
def open_app(tmp_path: Path) -> Iterator[OpenApp]:
    """Open apps with changed settings on this test's data folder; all are closed at the end."""
    opened: list[App] = []

    def opening(**changed: Any) -> App:
        app = tacit.open(Settings.load(**{"data": tmp_path / "data", "embedder": "none", **changed}))
        opened.append(app)
        return app

    yield opening
    for app in opened:
        app.close()
