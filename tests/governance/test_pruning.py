"""Sweeps: what is archived, why, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from governance_samples import DAY, NOW, add, ran, says

from tacit.app import App
from tacit.errors import CapabilityArchived
from tacit.learning import Policies
from tacit.service.pruning import Pruner


def made(app: App, capability: str, *days_ago: float, author: str = "caller", parent: str | None = None) -> None:
    """Register versions of a capability, made so many days before `NOW`; the last one is offered."""
    for days in days_ago:
        version = add(app, capability, says(f"{days}"), author=author)
        values = (int(NOW - days * DAY), parent, capability, version.version)
        with app.catalog.store.database.write() as connection:
            statement = (
                "UPDATE versions SET created = ?, parent = coalesce(?, parent) WHERE capability = ? AND number = ?"
            )
            connection.exec_driver_sql(statement, values)
            app.catalog.store.meta.next_generation(connection)


def decided(app: App, days_ago: float) -> None:
    """Move every decision to so many days before `NOW`."""
    with app.catalog.store.database.write() as connection:
        connection.exec_driver_sql("UPDATE audit SET at = ?", (int(NOW - days_ago * DAY),))


def planned(app: App, **changes: Any) -> list[tuple[str, int, str]]:
    """Return what a sweep at `NOW` would archive, with some fields of the policy changed."""
    app.service.set_policy("pruning", changes)
    plan = Pruner(app.catalog, Policies(app.catalog.store)).plan(NOW)
    return [(each.standing.id, each.standing.version, each.reason) for each in plan]


def test_a_superseded_version_goes_after_a_while(app: App) -> None:
    """Counted from when the next one was offered; the offered one stays."""
    made(app, "say_number", 100, 31)
    made(app, "say_other", 100, 29)
    for name in ("say_number", "say_other"):
        ran(app.catalog.store, name, 2, 1)
    assert planned(app) == [("say_number", 1, "superseded")]


def test_an_older_version_that_is_still_run_stays(app: App) -> None:
    """Somebody asks for it by its number."""
    made(app, "say_number", 100, 90)
    ran(app.catalog.store, "say_number", 1, 5)
    assert planned(app) == []


def test_what_was_not_run_for_long_is_unused(app: App) -> None:
    """With the capability goes its offered version; what ran lately stays."""
    made(app, "say_number", 200)
    made(app, "say_other", 200)
    ran(app.catalog.store, "say_number", 1, 91)
    ran(app.catalog.store, "say_other", 1, 89)
    assert planned(app) == [("say_number", 1, "unused")]


def test_what_is_new_is_not_unused(app: App) -> None:
    """It had no time to be used."""
    made(app, "say_number", 80)
    assert planned(app) == []


def test_what_the_records_cannot_tell_is_not_unused(app: App) -> None:
    """Runs are kept only so long; before the oldest of them anything may have run."""
    made(app, "say_number", 200)
    made(app, "say_other", 200)
    ran(app.catalog.store, "say_other", 1, 50)
    assert planned(app) == []
    assert planned(app, unused_days=40) == [("say_number", 1, "unused"), ("say_other", 1, "unused")]


def test_without_any_run_all_that_is_old_is_unused(app: App) -> None:
    """Where no run was recorded, none was dropped."""
    made(app, "say_number", 200)
    assert planned(app) == [("say_number", 1, "unused")]


def test_what_never_succeeded_goes(app: App) -> None:
    """After the policy's number of runs, where it is not what is offered."""
    made(app, "say_number", 10, 5)
    for _ in range(5):
        ran(app.catalog.store, "say_number", 1, 4, well=False)
        ran(app.catalog.store, "say_number", 2, 4, well=False)
    assert planned(app, never_succeeded_runs=6) == []
    assert planned(app, never_succeeded_runs=5, superseded_days=3) == [("say_number", 1, "never_succeeded")]


def test_one_success_is_enough_to_stay(app: App) -> None:
    """It works for something."""
    made(app, "say_number", 10, 5)
    for number in range(9):
        ran(app.catalog.store, "say_number", 1, 1, well=number == 4)
    assert planned(app, superseded_days=3) == []


def test_a_deprecated_version_that_never_succeeded_takes_its_capability_along(app: App) -> None:
    """It is the offered one still, since there is no other."""
    made(app, "say_number", 100)
    for _ in range(5):
        ran(app.catalog.store, "say_number", 1, 40, well=False)
    app.service.deprecate("say_number", 1)
    decided(app, 31)
    assert planned(app) == [("say_number", 1, "never_succeeded")]


def test_a_deprecated_capability_with_a_successor_is_superseded(app: App) -> None:
    """A while after somebody decided that."""
    made(app, "say_number", 200)
    made(app, "say_other", 1)
    app.service.deprecate("say_number", successor="say_other")
    decided(app, 29)
    assert planned(app) == []
    decided(app, 31)
    assert planned(app) == [("say_number", 1, "superseded")]


def test_what_was_shipped_stays(app: App) -> None:
    """A version, and the capability that it is of."""
    made(app, "say_number", 200, author="shipped")
    made(app, "say_number", 150)
    made(app, "say_other", 200, author="shipped")
    assert planned(app) == []


def test_the_parent_of_something_new_stays(app: App) -> None:
    """Whoever made that is at work with it."""
    made(app, "say_number", 200)
    made(app, "say_other", 29, parent="say_number@1")
    assert planned(app) == []
    assert planned(app, superseded_days=28) == [("say_number", 1, "unused")]


def test_what_somebody_decided_about_lately_stays(app: App) -> None:
    """Also what was restored after a sweep; what a policy decided does not count."""
    made(app, "say_number", 200)
    app.service.deprecate("say_number", actor="policy")
    app.service.restore("say_number", actor="policy")
    decided(app, 1)
    assert planned(app) == [("say_number", 1, "unused")]
    app.service.restore("say_number")
    decided(app, 1)
    assert planned(app) == []


def test_a_version_that_was_rolled_back_goes_in_the_end(app: App) -> None:
    """It is not offered any more, though it is the newest."""
    made(app, "say_number", 100, 90)
    app.service.rollback("say_number", 1)
    ran(app.catalog.store, "say_number", 1, 1)
    decided(app, 31)
    assert planned(app) == [("say_number", 2, "superseded")]


def test_a_dry_run_changes_nothing(app: App) -> None:
    """It tells what a sweep would do, with the runs that it goes by."""
    made(app, "say_number", NOW / DAY - 1)
    before = app.catalog.generation()
    found = app.service.prune(dry_run=True)
    assert found == [{"id": "say_number", "version": 1, "reason": "unused", "last_run": None, "runs": 0}]
    assert (app.catalog.generation(), app.service.audit_log()) == (before, [])


def test_a_sweep_archives_and_says_so_in_the_log(app: App) -> None:
    """What it archived is restored like anything else, and a second sweep then leaves it alone."""
    made(app, "say_number", NOW / DAY - 1, NOW / DAY - 2)
    found = app.service.prune(actor="cli")
    assert [(each["version"], each["reason"]) for each in found] == [(1, "superseded"), (2, "unused")]
    with pytest.raises(CapabilityArchived):
        app.service.run("say_number", 0)
    logged = [(each["actor"], each["action"], each["version"]) for each in app.service.audit_log()]
    assert logged == [("cli", "archive", None), ("cli", "archive", 1)]
    assert app.service.audit_log()[1]["details"]["reason"] == "superseded"
    app.service.restore("say_number")
    assert app.service.run("say_number", 0).output is not None
    assert app.service.prune() == []


def test_what_is_archived_is_not_archived_again(app: App) -> None:
    """A sweep after a sweep has nothing to do, and notes nothing."""
    made(app, "say_number", NOW / DAY - 1)
    app.service.prune()
    assert app.service.prune() == []
    assert len(app.service.audit_log()) == 1


def test_nothing_is_deleted(app: App) -> None:
    """Every version, module and run is there after a sweep."""
    made(app, "say_number", NOW / DAY - 1, NOW / DAY - 2)
    ran(app.catalog.store, "say_number", 1, NOW / DAY - 3)
    app.service.prune()
    assert all(app.catalog.module(version.digest) for version in app.catalog.history("say_number"))
    assert app.catalog.store.runs.tallies()["say_number", 1].runs == 1
