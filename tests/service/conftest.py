"""Real apps on fresh data folders, with the shipped capabilities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from service_samples import OpenApp

import tacit
from tacit.app import App
from tacit.config import Settings


@pytest.fixture
def open_app(tmp_path: Path) -> Iterator[OpenApp]:
    """Open apps with changed settings on this test's data folder; all are closed at the end."""
    opened: list[App] = []

    def opening(**settings: Any) -> App:
        app = tacit.open(Settings.load(**{"data": tmp_path / "data", "embedder": "none", **settings}))
        opened.append(app)
        return app

    yield opening
    for app in opened:
        app.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """One app with the shipped capabilities and the real embedder, for tests that change nothing."""
    with tacit.open(Settings.load(data=tmp_path_factory.mktemp("shared") / "data")) as opened:
        yield opened
