"""Rolled back, deprecated and archived, as seen by whoever searches, runs and replays."""

from __future__ import annotations

import pytest
from governance_samples import OpenApp, add, says

from tacit.app import App
from tacit.catalog import Origin
from tacit.errors import CapabilityArchived, CapabilityDeprecated, UnknownVersion
from tacit.models import Permissions


@pytest.fixture
def two(app: App) -> App:
    """An app with two versions of a capability, which say which they are."""
    add(app, "say_number", says("1"))
    add(app, "say_number", says("2"))
    return app


def test_a_rollback_is_what_runs_and_searches_find(two: App, open_app: OpenApp) -> None:
    """In this process and in another one that has run the newer version already."""
    other = open_app()
    assert (other.service.run("say_number", 0).output, other.service.search("say_number").hits[0].version) == (2, 2)
    assert two.service.rollback("say_number", 1) == {"id": "say_number", "version": 1, "changed": True}
    for app in (two, other):
        assert app.service.run("say_number", 0).output == 1
        assert app.service.search("say_number").hits[0].version == 1


def test_a_rollback_to_what_is_offered_says_so(two: App) -> None:
    """Nothing is changed."""
    assert two.service.rollback("say_number", 2)["changed"] is False


def test_what_was_rolled_back_says_what_to_run(two: App) -> None:
    """Whoever asks for that version is sent to the capability; restoring it undoes the rollback."""
    two.service.rollback("say_number", 1)
    with pytest.raises(CapabilityDeprecated, match="Run say_number instead"):
        two.service.run("say_number", 0, version=2)
    two.service.restore("say_number", 2)
    assert two.service.run("say_number", 0).output == 2


def test_an_archived_version_is_not_run(two: App) -> None:
    """The error says how to have it again."""
    two.service.archive("say_number", 2)
    assert two.service.run("say_number", 0).output == 1
    with pytest.raises(CapabilityArchived, match="tacit restore say_number"):
        two.service.run("say_number", 0, version=2)


def test_an_archived_capability_is_neither_run_nor_found(two: App, open_app: OpenApp) -> None:
    """In no process, until it is restored."""
    other = open_app()
    other.service.run("say_number", 0)
    two.service.archive("say_number")
    for app in (two, other):
        with pytest.raises(CapabilityArchived):
            app.service.run("say_number", 0)
        assert app.service.search("say_number").hits == ()
        assert app.service.list() == []
        assert [row["status"] for row in app.service.list(include_deprecated=True)] == ["archived"]
    two.service.restore("say_number")
    assert other.service.run("say_number", 0).output == 2


def test_runs_of_what_is_archived_are_replayed(two: App) -> None:
    """The module is kept, and so are the records."""
    run_id = two.service.run("say_number", 0).run_id
    two.service.archive("say_number")
    assert two.service.replay(run_id).output == 2


def test_an_archived_version_is_shown_whole(two: App) -> None:
    """With its source, and as the parent of what was made of it."""
    two.service.archive("say_number", 1)
    shown = two.service.show("say_number", 1)
    assert (shown["status"], list(shown["source"])) == ("archived", ["main.wat"])
    assert two.service.show("say_number", 2)["parent"] == "say_number@1"


def test_a_version_is_shown_with_where_it_comes_from(app: App) -> None:
    """Task, model, usage and the rest of its origin."""
    add(app, "say_number", says("1"), origin=Origin(task="Say a number", model="scripted", job="a"), author="llm")
    shown = app.service.show("say_number")
    assert (shown["task"], shown["model"], shown["author"], shown["failing"]) == ("Say a number", "scripted", "llm", 0)
    assert shown["usage"]["llm_calls"] == 0


def test_a_lineage_has_the_whole_family(two: App) -> None:
    """Each version after its parent, the offered one marked."""
    two.service.rollback("say_number", 1)
    places = two.service.lineage("say_number").places
    assert [(place.member.name, place.member.offered) for place in places] == [
        ("say_number@1", True),
        ("say_number@2", False),
    ]


def test_every_decision_is_in_the_log_with_its_actor(two: App) -> None:
    """Newest first, with what each entry point said of itself."""
    service = two.service
    service.deprecate("say_number", 1, actor="cli")
    service.restore("say_number", 1, actor="client")
    service.rollback("say_number", 1)
    service.archive("say_number", 2)
    service.grant("say_number", Permissions(time=True), actor="client")
    service.revoke("say_number", actor="cli")
    service.set_policy("pruning", {"unused_days": 1})
    service.rollback_policy("pruning", 0)
    logged = [(entry["actor"], entry["action"]) for entry in service.audit_log()]
    assert logged == [
        ("python", "policy"),
        ("python", "policy"),
        ("cli", "revoke"),
        ("client", "grant"),
        ("python", "archive"),
        ("python", "rollback"),
        ("client", "restore"),
        ("cli", "deprecate"),
    ]
    assert len(service.audit_log(3)) == 3
    assert len(service.audit_log(capability="say_number")) == 6


@pytest.mark.parametrize("decide", ["deprecate", "restore", "archive", "rollback"])
def test_nothing_is_decided_about_a_version_that_is_not_there(two: App, decide: str) -> None:
    """Nor written to the log."""
    with pytest.raises(UnknownVersion, match="It has 1, 2"):
        getattr(two.service, decide)("say_number", 3)
    assert two.service.audit_log() == []
