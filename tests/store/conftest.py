"""Stores on fresh data folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tacit.store import Store

OpenStore = Callable[..., Store]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder of this test; nothing has made it yet."""
    return tmp_path / "data"


@pytest.fixture
def open_store(folder: Path) -> Iterator[OpenStore]:
    """Open stores on this test's data folder; all are closed at the end."""
    opened: list[Store] = []

    def opening(**options: Any) -> Store:
        opened.append(Store.open(folder, **options))
        return opened[-1]

    yield opening
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    """One store on this test's data folder."""
    return open_store()
