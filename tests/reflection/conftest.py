"""Real apps on fresh data folders, and what scripts of other processes need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reflection_samples import SHARE_BUGGY, OpenApp, share

import tacit
from tacit.app import App
from tacit.building import Builder, BuildRequest
from tacit.config import Settings


@pytest.fixture
def open_app(tmp_path: Path) -> Iterator[OpenApp]:
    """Open apps with changed settings on this test's data folder; all are closed at the end."""
    opened: list[App] = []

    def opening(**settings: Any) -> App:
        base = {"data": tmp_path / "data", "embedder": "none", "shipped": False}
        app = tacit.open(Settings.load(**{**base, **settings}))
        opened.append(app)
        return app

    yield opening
    for app in opened:
        app.close()


@pytest.fixture(scope="session")
def share_module(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The module of `calculate_share` with its bug, compiled once."""
    builder = Builder(Settings.load(data=tmp_path_factory.mktemp("share")))
    try:
        request = share()
        order = BuildRequest(job="job", id="calculate_share", source={"main.rs": SHARE_BUGGY}, tests=request.tests)
        return builder.build(order).wasm
    finally:
        builder.close()
