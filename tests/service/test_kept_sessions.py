"""What is kept of sessions: what those of the shell used, for so many of them, and where programs were made."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from service_samples import OpenApp

from tacit.app import App
from tacit.programs.session_use import SessionUse
from tacit.service import sessions
from tacit.service.sessions import Sessions

SHIPPED = "percentage_reversed_formatted"


def known(app: App) -> list[str]:
    """Return the sessions that there are, the last one that began first."""
    return [each["session"] for each in app.service.stats()["sessions"]]


@pytest.mark.parametrize("clock", [1, -1], ids=["goes on", "is set back"])
def test_the_sessions_that_came_first_give_way(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch, clock: int) -> None:
    """Of more than are kept, whatever the clock says; one that goes on is one all the same."""
    monkeypatch.setattr(sessions, "MAX_KEPT", 3)
    app = open_app()
    for number in (1, 3, 2, 2, 4, 4, 5):
        app.service.keep_session(SessionUse(session=f"shell-{number}", started=100 + clock * number))
    assert set(known(app)) == {"shell-5", "shell-4", "shell-2"}


def test_a_busy_store_keeps_nothing_and_fails_nothing(open_app: OpenApp) -> None:
    """What was done is done, whether it can be counted or not."""
    app = open_app()
    kept = Sessions(app.catalog.store, app.catalog)
    with app.catalog.store.database.turn() as writing:
        writing.execute("PRAGMA busy_timeout=0")
    with closing(sqlite3.connect(app.settings.data / "tacit.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        kept.keep(SessionUse(session="shell-1", started=1))
        kept.keep_made("client-1", SHIPPED, 1)
        other.execute("ROLLBACK")
    assert known(app) == []
    kept.keep_made("client-2", SHIPPED, 1)
    assert known(app) == ["client-2"]


def test_a_session_of_the_shell_that_gave_way_is_no_clients(open_app: OpenApp) -> None:
    """The runs that its programs called are not counted in its name."""
    app = open_app()
    for session in ("shell-1", "client-1"):
        app.service.run(SHIPPED, {"percentage": 25, "number": 100}, session=session)
    assert known(app) == ["client-1"]


@pytest.mark.parametrize("key", ["session:", "made:"])
def test_what_a_later_tacit_kept_is_passed_over(open_app: OpenApp, key: str) -> None:
    """The others are counted."""
    app = open_app()
    app.service.keep_session(SessionUse(session="shell-1", started=1))
    with app.catalog.store.database.write() as connection:
        app.catalog.store.meta.put_in(connection, f"{key}x", '{"in": "another form"}')
    assert known(app) == ["shell-1"]
