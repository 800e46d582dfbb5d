"""The audit log: added to and read, newest first, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from store_samples import run_record

from tacit.clock import now_millis
from tacit.errors import StoreDamaged
from tacit.store import AuditEntry, Decision, Standpoint, Store, new_run_id
from tacit.store import audit as audit_log
from tacit.store.ids import least_number


def note(store: Store, action: str, capability: str | None = "count_words", actor: str = "cli") -> None:
    """Note a decision in a transaction of its own."""
    with store.database.write() as connection:
        store.audit.add(connection, Decision(actor, {"why": "ü"}), action, capability, 1, {"from": 2})


def test_entries_come_newest_first(store: Store) -> None:
    """The newest of what was asked for, with all that was noted."""
    for number in range(5):
        note(store, f"action {number}")
    found = store.audit.entries(2)
    assert [entry.action for entry in found] == ["action 4", "action 3"]
    assert found[0] == AuditEntry(found[0].at, "cli", "action 4", "count_words", 1, {"from": 2, "why": "ü"})


def test_entries_about_one_capability(store: Store) -> None:
    """Those about others, and about none, are left out."""
    note(store, "deprecate")
    note(store, "grant", "*")
    note(store, "policy", None)
    assert [entry.action for entry in store.audit.entries(9, "*")] == ["grant"]
    assert store.audit.entries(9, "\ud800") == []


def test_an_entry_of_what_was_undone_is_undone(store: Store) -> None:
    """Decision and entry are one transaction."""
    with suppress(RuntimeError), store.database.write() as connection:
        store.audit.add(connection, Decision("cli"), "deprecate", "count_words")
        raise RuntimeError
    assert store.audit.entries(9) == []


def test_the_log_outlives_restarts(open_store: Callable[[], Store]) -> None:
    """Another life of the store has it."""
    store = open_store()
    note(store, "deprecate")
    store.close()
    assert len(open_store().audit.entries(9)) == 1


def test_the_last_decisions_are_those_of_persons(store: Store) -> None:
    """What a policy decided later is no decision of a person."""
    note(store, "grant")
    decided = store.audit.last_decisions()
    note(store, "deprecate", actor="policy")
    note(store, "deprecate", "other_one", actor="policy")
    assert store.audit.last_decisions() == decided == {"count_words": store.audit.entries(9)[2].at}


DAY_MILLIS = 86_400_000


@pytest.mark.parametrize("day", [-DAY_MILLIS, 0, DAY_MILLIS], ids=["set back", "as it was", "set forward"])
def test_a_decision_and_a_run_stand_in_their_order_whatever_the_clock(
    store: Store, monkeypatch: pytest.MonkeyPatch, day: int
) -> None:
    """A decision before a run, then one after it, on a clock that was set in between."""
    note(store, "restore")
    before = store.audit.last_decision("count_words")
    run = run_record(run_id=f"{least_number(now_millis() + day + 1000):016x}")
    store.runs.record(run)
    assert store.audit.last_decision_before("count_words", run.run_id) == before
    monkeypatch.setattr(audit_log, "now_millis", lambda: now_millis() + 2 * day + 3_600_000)
    note(store, "rollback")
    assert store.audit.last_decision("count_words").entry > before.entry
    assert store.audit.last_decision_before("count_words", run.run_id) == before
    assert store.runs.outcomes(run.capability, run.version, 9, after=store.audit.last_decision("count_words").run) == []


def test_a_decision_while_a_run_went_on_is_none_from_before_it(store: Store) -> None:
    """It was noted before the run was recorded, after that had begun."""
    run = run_record(run_id=f"{least_number(now_millis() - 1000):016x}")
    note(store, "restore")
    store.runs.record(run)
    assert store.audit.last_decision_before("count_words", run.run_id) == Standpoint()


def test_of_a_run_that_is_gone_no_decision_came_before(store: Store) -> None:
    """So whatever a person decided wins."""
    note(store, "restore")
    assert store.audit.last_decision_before("count_words", new_run_id()) == Standpoint()


def test_a_damaged_entry_is_damage(store: Store) -> None:
    """It is named, not passed over."""
    note(store, "deprecate")
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE audit SET details = '{'")
    with pytest.raises(StoreDamaged, match="audit log"):
        store.audit.entries(9)
