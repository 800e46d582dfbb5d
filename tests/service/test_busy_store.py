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
def locked(open_app: OpenApp) -> Iterator[App]:
    """An app that waits a moment only, with the lock of its database held by another connection."""
    app = open_app()
    with app.catalog.store.database.turn() as raw:
        dialect.set_patience(raw, 0.01)
    with closing(sqlite3.connect(app.settings.data / "tacit.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield app


def test_what_has_landed_is_answered(locked: App) -> None:
    """A run whose files are in place answers without a run id; told to try again, a client would write twice."""
    answer = locked.service.run("update_employee_salary", RAISE)
    assert (answer.run_id, answer.output["salary"]["base_salary"]) == ("", 123456)
    employees = json.loads((locked.settings.files_folder / "employee_database.json").read_text())["employees"]
    assert employees["E001"]["salary"]["base_salary"] == 123456


@pytest.mark.parametrize(
    ("capability", "data"),
    [("get_salary_details", {"employee_id": "E001"}), ("update_employee_salary", {**RAISE, "employee_id": "E999"})],
    ids=["it only reads", "it failed before it wrote"],
)
def test_what_wrote_nothing_is_tried_again(locked: App, capability: str, data: dict[str, object]) -> None:
    """Its run ends with an error that says so."""
    with pytest.raises(StoreBusy, match="Try again"):
        locked.service.run(capability, data)
