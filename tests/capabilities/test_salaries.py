"""A raise from a later day on, through the server with the default grants: every reader says what is earned now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import tacit
from tacit.app import App
from tacit.config import Settings

RAISE = {"employee_id": "E002", "base_salary": 100000, "effective_date": "2099-01-01"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """An app of its own, whose employees E002 gets a raise in 2099."""
    with tacit.open(Settings.load(data=tmp_path / "data", embedder="none")) as opened:
        opened.service.run("update_employee_salary", RAISE)
        yield opened


def test_what_is_earned_now_stays_as_it_is(app: App) -> None:
    """The raise is told beside it."""
    salary = app.service.run("get_salary_details", {"employee_id": "E002"}).output["salary"]
    assert (salary["base_salary"], salary["effective_date"]) == (88000, "2026-04-01")
    assert salary["history"][-1]["base_salary"] == 88000
    assert [(each["effective_date"], each["base_salary"]) for each in salary["scheduled"]] == [("2099-01-01", 100000)]


def test_programs_that_read_salaries_agree(app: App) -> None:
    """A team costs what is earned now, and so does a pay in another currency."""
    payroll = app.service.run("team_payroll", {"employee_ids": ["E002"]}).output
    assert payroll["totals"][0]["base_salary"] == 88000
    pay = app.service.run("pay_at_exchange_rate", {"employee_id": "E002", "currency": "USD", "rate": 2}).output
    assert pay["base_salary"] == 176000


def test_another_raise_for_that_day_takes_its_place(app: App) -> None:
    """So a scheduled raise is corrected, or taken back by the present salary."""
    again = app.service.run("update_employee_salary", {**RAISE, "base_salary": 88000}).output
    assert [each["base_salary"] for each in again["salary"]["scheduled"]] == [88000]
    assert list(again["changed"]) == ["scheduled"]
