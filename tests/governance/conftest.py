"""Real apps on one data folder, without the shipped capabilities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from governance_samples import OpenApp

import tacit
from tacit.app import App
from tacit.config import Settings


@pytest.fixture
def open_app(tmp_path: Path) -> Iterator[OpenApp]:
    """Open apps with changed settings on this test's data folder; all are closed at the end."""
    opened: list[App] = []

    def opening(**settings: Any) -> App:
        plain = {"data": tmp_path / "data", "embedder": "none", "shipped": False}
        opened.append(tacit.open(Settings.load(**{**plain, **settings})))
        return opened[-1]

    yield opening
    for app in opened:
        app.close()


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """One app on this test's data folder."""
    return open_app()
