"""The audit log: added to and read, newest first, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from tacit.errors import StoreDamaged
from tacit.store import AuditEntry, Decision, Store


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


def test_a_damaged_entry_is_damage(store: Store) -> None:
    """It is named, not passed over."""
    note(store, "deprecate")
    with store.database.write() as connection:
        connection.exec_driver_sql("UPDATE audit SET details = '{'")
    with pytest.raises(StoreDamaged, match="audit log"):
        store.audit.entries(9)
