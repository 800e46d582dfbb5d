"""Catalogs on fresh data folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tacit.catalog import Catalog
from tacit.store import Store

OpenCatalog = Callable[[], Catalog]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder of this test."""
    return tmp_path / "data"


@pytest.fixture
def open_catalog(folder: Path) -> Iterator[OpenCatalog]:
    """Open catalogs on this test's data folder, each with a store of its own; all are closed at the end."""
    opened: list[Store] = []

    def opening() -> Catalog:
        opened.append(Store.open(folder))
        return Catalog(opened[-1])

    yield opening
    for store in opened:
        store.close()


@pytest.fixture
def catalog(open_catalog: OpenCatalog) -> Catalog:
    """One catalog on this test's data folder."""
    return open_catalog()
