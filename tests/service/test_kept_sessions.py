"""What sessions of the shell used: kept for so many of them."""

from __future__ import annotations

import pytest
from service_samples import OpenApp

from tacit.programs.use import SessionUse
from tacit.service import sessions


def test_the_sessions_that_began_first_give_way(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more than are kept; one that goes on is one all the same."""
    monkeypatch.setattr(sessions, "MAX_KEPT", 3)
    service = open_app().service
    for number in (3, 1, 2, 2, 4, 4, 5):
        service.keep_session(SessionUse(session=f"shell-{number}", started=number))
    assert [each["session"] for each in service.stats()["sessions"]] == ["shell-5", "shell-4", "shell-3"]
