"""Policies: defaults, versions, bounds, and one value for all processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tacit.errors import InvalidArgument, StoreDamaged, UnknownPolicy, UnknownVersion
from tacit.learning import CostLimits, FailureHandling, Policies, Pruning
from tacit.store import Decision, Store

CLI = Decision("cli")


@pytest.fixture
def open_policies(tmp_path: Path) -> Iterator[Callable[[], Policies]]:
    """Open policies on this test's data folder, each with a store of its own; all are closed at the end."""
    opened: list[Store] = []

    def opening() -> Policies:
        opened.append(Store.open(tmp_path / "data"))
        return Policies(opened[-1])

    yield opening
    for store in opened:
        store.close()


@pytest.fixture
def policies(open_policies: Callable[[], Policies]) -> Policies:
    """The policies of a fresh data folder."""
    return open_policies()


def test_what_nobody_set_is_at_its_defaults(policies: Policies) -> None:
    """Version 0, without an actor."""
    assert (policies.cost_limits(), policies.failure_handling(), policies.pruning()) == (
        CostLimits(),
        FailureHandling(),
        Pruning(),
    )
    assert [(each.name, each.version, each.actor) for each in policies.all()] == [
        ("cost_limits", 0, ""),
        ("failure_handling", 0, ""),
        ("pruning", 0, ""),
    ]


def test_setting_changes_what_is_named_and_nothing_else(policies: Policies) -> None:
    """A new version, with its actor and reason."""
    found = policies.set("pruning", {"unused_days": 10}, CLI, "tidy")
    assert (found.version, found.actor, found.reason, found.value) == (1, "cli", "tidy", Pruning(unused_days=10))
    assert policies.pruning() == Pruning(unused_days=10)


def test_changes_build_on_each_other(policies: Policies) -> None:
    """The second version has what the first one set."""
    policies.set("pruning", {"unused_days": 10}, CLI)
    policies.set("pruning", {"superseded_days": 1.5}, CLI)
    assert policies.pruning() == Pruning(unused_days=10, superseded_days=1.5)
    assert [each.version for each in policies.history("pruning")] == [0, 1, 2]


@pytest.mark.parametrize("changes", [{}, {"unused_days": 90}])
def test_what_changes_nothing_adds_no_version(policies: Policies, changes: dict[str, Any]) -> None:
    """Nor a generation, nor an entry in the log."""
    assert policies.set("pruning", changes, CLI).version == 0


def test_going_back_adds_a_version_with_the_old_value(policies: Policies) -> None:
    """Nothing that was in force is lost; version 0 is the defaults."""
    policies.set("cost_limits", {"tokens_per_build": 1}, CLI)
    policies.set("cost_limits", {"tokens_per_build": 2}, CLI)
    assert policies.rollback("cost_limits", 1, CLI).version == 3
    assert policies.cost_limits().tokens_per_build == 1
    assert policies.rollback("cost_limits", 0, CLI).value == CostLimits()
    assert [each.version for each in policies.history("cost_limits")] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("version", [1, -1, 10**30])
def test_going_back_to_no_version_is_refused(policies: Policies, version: int) -> None:
    """The versions that there are, are named."""
    with pytest.raises(UnknownVersion, match="It has 0"):
        policies.rollback("pruning", version, CLI)


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("pruning", {"unused_days": float("nan")}, "unused_days"),
        ("pruning", {"unused_days": float("inf")}, "unused_days"),
        ("pruning", {"unused_days": 0}, "unused_days"),
        ("pruning", {"never_succeeded_runs": -1}, "never_succeeded_runs"),
        ("pruning", {"never_succeeded_runs": 2.5}, "never_succeeded_runs"),
        ("pruning", {"never_succeeded_runs": True}, "never_succeeded_runs"),
        ("pruning", {"never_succeeded_runs": "5"}, "never_succeeded_runs"),
        ("pruning", {"never_succeeded_runs": None}, "never_succeeded_runs"),
        ("pruning", {"never_succeeded_runs": [5]}, "never_succeeded_runs"),
        ("pruning", {"days": 5}, "days"),
        ("pruning", {"\ud800": 5}, "has superseded_days"),
        ("cost_limits", {"tokens_per_day": -1}, "tokens_per_day"),
        ("cost_limits", {"tokens_per_day": 10**400}, "tokens_per_day"),
        ("failure_handling", {"worse_by": 0}, "worse_by"),
        ("failure_handling", {"worse_by": 1.1}, "worse_by"),
        ("failure_handling", {"deprecate_after": 0}, "deprecate_after"),
        ("failure_handling", {"window": 4}, "least_runs .5. is more than window .4."),
    ],
)
def test_values_without_sense_are_refused(policies: Policies, name: str, changes: dict[str, Any], said: str) -> None:
    """The error names the field, and nothing is changed."""
    with pytest.raises(InvalidArgument, match=said):
        policies.set(name, changes, CLI)
    assert policies.get(name).version == 0


@pytest.mark.parametrize("wanted", ["prunin", "PRUNING-", "", "\ud800", "x" * 10_000])
def test_an_unknown_policy_names_the_closest(policies: Policies, wanted: str) -> None:
    """In every use."""
    for use in (policies.get, policies.history, lambda name: policies.set(name, {}, CLI)):
        with pytest.raises(UnknownPolicy, match=r"Closest: .*pruning") as caught:
            use(wanted)
        assert "pruning" in caught.value.details["closest"]


def test_a_reason_has_a_length(policies: Policies) -> None:
    """It is kept for good, so it is bounded; what is no Unicode in it is replaced."""
    with pytest.raises(InvalidArgument, match="501 characters"):
        policies.set("pruning", {"unused_days": 1}, CLI, "x" * 501)
    assert policies.set("pruning", {"unused_days": 1}, CLI, "why\ud800").reason == "why?"


def test_each_change_is_noted(tmp_path: Path) -> None:
    """With the fields, before and after, and the reason."""
    with Store.open(tmp_path / "data") as store:
        policies = Policies(store)
        policies.set("pruning", {"unused_days": 10}, Decision("python"), "tidy")
        policies.rollback("pruning", 0, CLI)
        back, there = store.audit.entries(9)
    changes = {"unused_days": [90.0, 10.0]}
    assert there.details == {"policy": "pruning", "version": 1, "changes": changes, "reason": "tidy"}
    assert (back.actor, back.action, back.details["value_of"]) == ("cli", "policy", 0)


def test_other_processes_go_by_it_at_once(open_policies: Callable[[], Policies]) -> None:
    """What they remember is looked up again."""
    mine, other = open_policies(), open_policies()
    assert other.pruning().unused_days == 90
    mine.set("pruning", {"unused_days": 10}, CLI)
    assert other.pruning().unused_days == 10


def test_processes_that_set_at_once_lose_nothing(policies: Policies, tmp_path: Path) -> None:
    """Each field has what its process set last, and every version is there."""
    script = """
import sys
from pathlib import Path
from tacit.learning import Policies
from tacit.store import Decision, Store
with Store.open(Path(sys.argv[1])) as store:
    for number in range(1, 16):
        Policies(store).set("cost_limits", {sys.argv[2]: number}, Decision("cli"))
"""
    fields = ("tokens_per_build", "tokens_per_day")
    processes = [subprocess.Popen([sys.executable, "-c", script, tmp_path / "data", field]) for field in fields]
    assert [process.wait(60) for process in processes] == [0, 0]
    limits = policies.cost_limits()
    assert (limits.tokens_per_build, limits.tokens_per_day, policies.get("cost_limits").version) == (15, 15, 30)


@pytest.mark.parametrize("value", ["{", '{"unused_days": 0}', '{"from_a_newer_one": 1}', "[]"])
def test_a_value_that_cannot_be_read_is_damage(tmp_path: Path, value: str) -> None:
    """It is not taken for the defaults."""
    with Store.open(tmp_path / "data") as store:
        with store.database.write() as connection:
            row = ("pruning", 1, value, "cli", "", 1)
            connection.exec_driver_sql("INSERT INTO policies VALUES (?, ?, ?, ?, ?, ?)", row)
        with pytest.raises(StoreDamaged, match="pruning cannot be read"):
            Policies(store).pruning()
