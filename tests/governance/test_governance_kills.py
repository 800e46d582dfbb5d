"""Decisions of several processes, and of processes that are killed or may not write."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from governance_samples import OpenApp, add, says

from tacit.app import App
from tacit.errors import StoreReadOnly
from tacit.models import Permissions, Status
from tacit.service import Service

DECIDE = """
import sys
from itertools import count
from pathlib import Path
from tacit.catalog import Catalog
from tacit.learning import Policies
from tacit.models import Permissions
from tacit.store import Decision, Store
store = Store.open(Path(sys.argv[1]))
catalog, policies, by = Catalog(store), Policies(store), Decision("cli")
for number in count(int(sys.argv[2])):
    catalog.grant("say_number", Permissions(read=(f"file{number}",)), by=by)
    catalog.rollback("say_number", number % 2 + 1, by=by)
    catalog.restore("say_number", 3, by=by)
    catalog.archive("say_number", 2, by=by)
    policies.set("pruning", {"never_succeeded_runs": number}, by)
    print(number, flush=True)
"""


def deciding(app: App, first: int) -> subprocess.Popen[str]:
    """Start a process that takes decisions without end, and prints a number after each few."""
    command = [sys.executable, "-c", DECIDE, app.settings.data, str(first)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def logged(app: App, action: str) -> int:
    """Return how many decisions of a kind the log has."""
    return sum(entry["action"] == action for entry in app.service.audit_log(10_000))


@pytest.mark.parametrize("attempt", range(3))
def test_killed_processes_leave_no_half_decision(app: App, attempt: int) -> None:
    """Two take decisions at once and are killed: each change is there with its entry in the log, or neither is."""
    for number in (1, 2, 3):
        add(app, "say_number", says(str(number)))
    processes = [deciding(app, 1), deciding(app, 100_000)]
    for process in processes:
        assert process.stdout is not None
        for _ in range(random.randrange(1, 8)):
            assert process.stdout.readline()
    for process in processes:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    with closing(sqlite3.connect(app.settings.data / "tacit.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT count(*) FROM grants").fetchone() == (logged(app, "grant"),)
        assert connection.execute("SELECT count(*) FROM policies").fetchone() == (logged(app, "policy"),)
    offered = app.catalog.get("say_number")
    assert (offered.status, offered.capability_status) == (Status.ACTIVE, Status.ACTIVE)
    assert app.service.run("say_number", 0).output == offered.version
    assert app.service.grant("say_number", Permissions(time=True))["granted"] == {"time": True}


DECISIONS: dict[str, Callable[[Service], object]] = {
    "grant": lambda service: service.grant("say_number", Permissions(time=True)),
    "revoke": lambda service: service.revoke("say_number", Permissions(read=("a",))),
    "rollback": lambda service: service.rollback("say_number", 1),
    "deprecate": lambda service: service.deprecate("say_number"),
    "restore": lambda service: service.restore("say_number"),
    "archive": lambda service: service.archive("say_number"),
    "prune": lambda service: service.prune(),
    "set_policy": lambda service: service.set_policy("pruning", {"unused_days": 1}),
}


@pytest.fixture
def unwritable(app: App, open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> App:
    """An app whose data folder says that it cannot be written, with two versions and a grant in it."""
    for number in (1, 2):
        add(app, "say_number", says(str(number)))
    app.service.grant("say_number", Permissions(read=("a",)))
    app.close()
    access = os.access

    def read_only(path: str | Path, mode: int) -> bool:
        return not mode & os.W_OK and access(path, mode)

    monkeypatch.setattr("tacit.store.database.os.access", read_only)
    return open_app()


@pytest.mark.parametrize("decide", sorted(DECISIONS))
def test_where_nothing_can_be_written_nothing_is_decided(unwritable: App, decide: str) -> None:
    """The error says that the data folder is read-only, whatever was to be decided."""
    with pytest.raises(StoreReadOnly):
        DECISIONS[decide](unwritable.service)


def test_where_nothing_can_be_written_decisions_are_read(unwritable: App) -> None:
    """Grants hold, policies and the log are shown, and a sweep can be tried dry."""
    service = unwritable.service
    assert unwritable.catalog.grants_for("say_number").read[-1] == "a"
    assert [entry["action"] for entry in service.audit_log()] == ["grant"]
    assert [policy["version"] for policy in service.policies()] == [0, 0, 0]
    assert service.prune(dry_run=True) == []
    assert unwritable.catalog.store.builds.recent(5) == []
