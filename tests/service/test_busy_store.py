"""Runs while another process keeps the database locked for longer than is waited for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from service_samples import OpenApp

from tacit.app import App
from tacit.errors import StoreBusy
from tacit.store import sqlite as dialect

RAISE = {"employee_id": "E001", "base_salary": 123456}


@pytest.fixture
def lock(open_app: OpenApp) -> Iterator[tuple[App, sqlite3.Connection]]:
    """An app that waits a moment only, and another connection that holds the lock of its database."""
    app = open_app()
    with app.catalog.store.database.turn() as raw:
        dialect.set_patience(raw, 0.01)
    with closing(sqlite3.connect(app.settings.data / "tacit.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield app, other


def salary(app: App) -> int:
    """Return what is written of the first employee."""
    employees = json.loads((app.settings.files_folder / "employee_database.json").read_text())["employees"]
    return employees["E001"]["salary"]["base_salary"]


def test_what_cannot_be_recorded_is_not_written(lock: tuple[App, sqlite3.Connection]) -> None:
    """A client that is told to try again writes once: the raise is not there until its record can be."""
    app, other = lock
    before = salary(app)
    with pytest.raises(StoreBusy, match="Try again"):
        app.service.run("update_employee_salary", RAISE)
    assert salary(app) == before
    other.execute("ROLLBACK")
    answer = app.service.run("update_employee_salary", RAISE)
    assert salary(app) == 123456
    assert [run["run_id"] for run in app.service.runs(9)] == [answer.run_id]


@pytest.mark.parametrize(
    ("capability", "data"),
    [("get_salary_details", {"employee_id": "E001"}), ("update_employee_salary", {**RAISE, "employee_id": "E999"})],
    ids=["it only reads", "it failed before it wrote"],
)
def test_what_wrote_nothing_is_tried_again(
    lock: tuple[App, sqlite3.Connection], capability: str, data: dict[str, object]
) -> None:
    """Its run ends with an error that says so."""
    with pytest.raises(StoreBusy, match="Try again"):
        lock[0].service.run(capability, data)
