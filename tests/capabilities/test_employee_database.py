"""The employee database: complete, consistent, and answering for every employee in the real sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from shipped import FOLDER, IDS, manifest

from tacit.errors import CapabilityFailed
from tacit.models import Expectation, Permissions, TestCase
from tacit.sandbox import Guest
from tacit.sandbox.engine import Sandbox
from tacit.sandbox.worlds.fixture import FixtureWorld
from tacit.schemas.validator import compile_schema

SECTIONS = {
    "profile",
    "salary",
    "hr_records",
    "car",
    "family",
    "emergency_contacts",
    "leave_balance",
    "benefits",
    "performance_reviews",
    "calendar",
}
READS = Permissions(read=("employee_database.json",))
READING = [name for name in IDS if manifest(name).permissions in (READS, READS.model_copy(update={"time": True}))]
NOW = 1_796_040_000_000
"""Noon of 2026-11-30."""
DAY = 86_400_000
EXPECTED = Expectation(output=None)
Employees = dict[str, dict[str, Any]]


def test_there_are_enough_employees_with_every_section(employees: Employees) -> None:
    """At least 25 employees, each with all sections, the first of them John Smith on 95,000 dollars."""
    assert len(employees) >= 25
    assert all(set(record) == SECTIONS for record in employees.values())
    john = employees["E001"]
    assert john["profile"]["name"] == "John Smith"
    assert (john["salary"]["base_salary"], john["salary"]["currency"]) == (95000, "USD")


def test_whole_names_are_unique(employees: Employees) -> None:
    """Everybody can be found by their whole name."""
    names = [record["profile"]["name"].casefold() for record in employees.values()]
    assert len(set(names)) == len(names)


def test_managers_lead_to_one_head(employees: Employees) -> None:
    """Everybody's chain of managers exists and ends at the one employee without a manager."""
    heads = {name for name, record in employees.items() if record["profile"]["manager_id"] is None}
    assert len(heads) == 1
    for name in employees:
        chain = [name]
        while (manager := employees[chain[-1]]["profile"]["manager_id"]) is not None:
            assert manager not in chain
            chain.append(manager)
        assert chain[-1] in heads


def test_the_salary_is_the_last_of_its_history(employees: Employees) -> None:
    """The history of a salary begins when the employee was hired, is in order and ends at what holds now."""
    for record in employees.values():
        salary, history = record["salary"], record["salary"]["history"]
        dates = [entry["effective_date"] for entry in history]
        assert dates[0] == record["profile"]["hire_date"]
        assert dates == sorted(dates)
        assert history[-1]["base_salary"] == salary["base_salary"]
        assert dates[-1] == salary["effective_date"]


def test_everybody_has_somebody_to_call(employees: Employees) -> None:
    """Emergency contacts are there, and begin with the spouse or partner where there is one."""
    for record in employees.values():
        contacts, spouse = record["emergency_contacts"], record["family"]["spouse"]
        assert [contact["priority"] for contact in contacts] == list(range(1, len(contacts) + 1))
        assert contacts
        assert spouse is None or contacts[0]["name"] == spouse


def test_events_and_reviews_name_real_employees(employees: Employees) -> None:
    """Who attends an event or wrote a review works here, and events end after they start."""
    for name, record in employees.items():
        for event in record["calendar"]:
            assert event["start"] < event["end"]
            assert {name, event["organizer"]} <= set(event["attendees"]) <= set(employees)
        for review in record["performance_reviews"]:
            assert review["reviewer_id"] == record["profile"]["manager_id"]


@pytest.mark.parametrize("name", READING)
def test_answers_for_every_employee(
    name: str, employees: Employees, sandbox: Sandbox, load: Callable[[str], Guest]
) -> None:
    """A capability that reads the database answers for every employee in it as its schema promises."""
    program, found = load(name), manifest(name)
    promises = compile_schema(found.output_schema)
    text = (FOLDER / "employee_database.json").read_text(encoding="utf-8")
    case = TestCase(name=name, files={"employee_database.json": text}, now=NOW, expect=Expectation(output=None))
    for employee in employees:
        world = FixtureWorld(case, found.permissions)
        execution = sandbox.run(program, json.dumps({"employee_id": employee}).encode(), world)
        assert execution.failure is None
        assert execution.value["employee_id"] == employee
        assert not promises.violations(execution.value)


@pytest.mark.parametrize(
    ("update", "change", "read", "section"),
    [
        (
            "update_employee_car_details",
            {"make": "Kia", "model": "EV6", "license_plate": "K 1"},
            "get_car_details",
            "car",
        ),
        (
            "update_employee_salary",
            {"base_salary": 120000, "effective_date": "2027-01-01"},
            "get_salary_details",
            "salary",
        ),
    ],
)
def test_an_update_changes_one_line_and_is_read_again(
    *,
    update: str,
    change: dict[str, Any],
    read: str,
    section: str,
    sandbox: Sandbox,
    load: Callable[[str], Guest],
) -> None:
    """What an update writes is what the next read answers, and all other lines of the file stay as they were."""
    text = (FOLDER / "employee_database.json").read_text(encoding="utf-8")
    case = TestCase(name=update, files={"employee_database.json": text}, now=NOW, expect=Expectation(output=None))
    world = FixtureWorld(case, manifest(update).permissions)
    updated = sandbox.run(load(update), json.dumps({"employee_id": "E008", **change}).encode(), world)
    assert updated.failure is None
    answer = sandbox.run(load(read), b'{"employee_id": "E008"}', world)
    assert answer.failure is None
    assert answer.value[section] == updated.value[section]
    lines = zip(text.splitlines(), world.written["employee_database.json"].decode().splitlines(), strict=True)
    assert sum(before != after for before, after in lines) == 1


def test_a_scheduled_raise_counts_from_its_day_on(sandbox: Sandbox, load: Callable[[str], Guest]) -> None:
    """Until then what is earned stays as it was, in every reader, whether or not the record is written again."""
    text = (FOLDER / "employee_database.json").read_text(encoding="utf-8")

    def earned(files: str, day: int) -> dict[str, Any]:
        case = TestCase(name="read", files={"employee_database.json": files}, now=NOW + day * DAY, expect=EXPECTED)
        world = FixtureWorld(case, manifest("get_salary_details").permissions)
        return sandbox.run(load("get_salary_details"), b'{"employee_id": "E002"}', world).value["salary"]

    case = TestCase(name="raise", files={"employee_database.json": text}, now=NOW, expect=EXPECTED)
    world = FixtureWorld(case, manifest("update_employee_salary").permissions)
    raising = {"employee_id": "E002", "base_salary": 100000, "bonus": 20000, "effective_date": "2026-12-03"}
    raised = sandbox.run(load("update_employee_salary"), json.dumps(raising).encode(), world)
    written = world.written["employee_database.json"].decode()

    before = earned(text, 0)
    assert before["base_salary"] == raised.value["salary"]["base_salary"] == 88000
    assert {**before, "scheduled": raised.value["changed"]["scheduled"]["after"]} == earned(written, 2)
    then = earned(written, 3)
    assert (then["base_salary"], then["bonus"], then["effective_date"]) == (100000, 20000, "2026-12-03")
    assert [entry["base_salary"] for entry in then["history"]][-2:] == [88000, 100000]
    assert "scheduled" not in then


@pytest.mark.parametrize(
    ("capability", "given", "field"),
    [
        ("get_outlook_calendar", {"from": "2026-02-30"}, "from"),
        ("get_outlook_calendar", {"to": "2027-02-29"}, "to"),
        ("update_employee_salary", {"base_salary": 1, "effective_date": "2027-04-31"}, "effective_date"),
        ("update_employee_car_details", {"assigned_on": "2026-06-31"}, "assigned_on"),
    ],
)
def test_a_day_that_no_calendar_has_is_refused(
    *, capability: str, given: dict[str, Any], field: str, sandbox: Sandbox, load: Callable[[str], Guest]
) -> None:
    """The error names the field, and says which days the month has."""
    text = (FOLDER / "employee_database.json").read_text(encoding="utf-8")
    case = TestCase(name=capability, files={"employee_database.json": text}, now=NOW, expect=EXPECTED)
    world = FixtureWorld(case, manifest(capability).permissions)
    done = sandbox.run(load(capability), json.dumps({"employee_id": "E001", **given}).encode(), world)
    assert isinstance(done.failure, CapabilityFailed)
    assert done.failure.details["code"] == "invalid_input"
    assert done.failure.details["message"].startswith(f"{field} must be a day that exists")
    assert not world.written
