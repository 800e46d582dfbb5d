"""Grants that are kept: added, revoked, and in force for every process at once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from catalog_samples import register, start_script
from pydantic import ValidationError
from sqlalchemy import event, text

from tacit.catalog import EVERY, Catalog
from tacit.errors import InvalidArgument, UnknownCapability
from tacit.models import Permissions
from tacit.store import Decision

SETTINGS = Permissions(read=("data.json",), time=True)
ASKED = Permissions(http=("API.example.com", "localhost:8080"), write=("out/*.csv",), call=("*",), time=True)

GRANT = """
from pathlib import Path
from tacit.catalog import Catalog
from tacit.models import Permissions
from tacit.store import Store
store = Store.open(Path(sys.argv[1]))
catalog = Catalog(store)
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    catalog.grant("count_words", Permissions(read=(f"{sys.argv[2]}/{number}",)))
    if number % 2:
        catalog.revoke("count_words", Permissions(read=(f"{sys.argv[2]}/{number - 1}",)))
store.close()
"""


@pytest.fixture
def granting(catalog: Catalog) -> Catalog:
    """A catalog whose settings grant something, with one capability."""
    register(catalog)
    return Catalog(catalog.store, SETTINGS)


def test_without_stored_grants_the_settings_decide(granting: Catalog) -> None:
    """The same object as long as nothing changes, so that comparing costs nothing."""
    assert granting.grants_for("count_words") == SETTINGS
    assert granting.grants_for("count_words") is granting.grants_for("count_words")


def test_a_grant_adds_to_the_settings(granting: Catalog) -> None:
    """What one capability is granted, others are not."""
    assert granting.grant("count_words", ASKED) == Permissions.model_validate(ASKED.model_dump())
    found = granting.grants_for("count_words")
    assert (found.http, found.read, found.write) == (
        ("api.example.com", "localhost:8080"),
        ("data.json",),
        ("out/*.csv",),
    )
    assert granting.grants_for("another_one") == SETTINGS


def test_a_grant_to_all_is_everyones(granting: Catalog) -> None:
    """Also of capabilities that are not there yet."""
    granting.grant(EVERY, Permissions(http=("*",)))
    assert granting.grants_for("another_one").http == ("*",)


def test_what_is_granted_already_is_not_granted_again(granting: Catalog) -> None:
    """Only what is new is returned and noted; a grant of nothing new changes nothing."""
    granting.grant("count_words", Permissions(read=("a",)))
    assert granting.grant("count_words", Permissions(read=("a", "b"))) == Permissions(read=("b",))
    before = granting.generation()
    assert granting.grant("count_words", Permissions(read=("a", "b"))) == Permissions()
    assert granting.generation() == before
    assert [each.details for each in granting.store.audit.entries(9)] == [{"read": ["b"]}, {"read": ["a"]}]


def test_revoking_gives_back_what_was_granted(granting: Catalog) -> None:
    """One grant, then the rest of them."""
    granting.grant("count_words", ASKED)
    assert granting.revoke("count_words", Permissions(http=("localhost:8080",))).http == ("localhost:8080",)
    assert granting.grants_for("count_words").http == ("api.example.com",)
    assert granting.revoke("count_words", by=Decision("cli")).write == ("out/*.csv",)
    assert granting.grants_for("count_words") == SETTINGS
    assert [(each.actor, each.action) for each in granting.store.audit.entries(2)] == [
        ("cli", "revoke"),
        ("python", "revoke"),
    ]


def test_revoking_all_of_nothing_changes_nothing(granting: Catalog) -> None:
    """It returns that nothing was revoked."""
    before = granting.generation()
    assert granting.revoke("count_words") == Permissions()
    assert granting.generation() == before


def test_what_the_settings_grant_cannot_be_revoked_here(granting: Catalog) -> None:
    """The error says whose it is and how to change it."""
    with pytest.raises(
        InvalidArgument, match=r"read data.json is granted by the setting TACIT_GRANTS.*Set TACIT_GRANTS"
    ):
        granting.revoke("count_words", Permissions(read=("data.json",)))
    with pytest.raises(InvalidArgument, match="time is granted by the setting"):
        granting.revoke(EVERY, Permissions(time=True))


def test_what_all_are_granted_cannot_be_revoked_of_one(granting: Catalog) -> None:
    """The error says of whom to revoke it."""
    granting.grant(EVERY, Permissions(read=("a",)))
    with pytest.raises(InvalidArgument, match=r"every capability.*Revoke it of '\*'"):
        granting.revoke("count_words", Permissions(read=("a",)))


def test_what_nobody_granted_cannot_be_revoked(granting: Catalog) -> None:
    """The error shows what there is."""
    granting.grant("count_words", Permissions(read=("a",)))
    with pytest.raises(InvalidArgument, match=r"http x\.example is not granted to count_words.*read a"):
        granting.revoke("count_words", Permissions(http=("x.example",)))


def test_a_refused_revocation_revokes_nothing(granting: Catalog) -> None:
    """Not even what could have been."""
    granting.grant("count_words", Permissions(read=("a",)))
    with pytest.raises(InvalidArgument):
        granting.revoke("count_words", Permissions(read=("a", "b")))
    assert "a" in granting.grants_for("count_words").read


@pytest.mark.parametrize("decide", ["grant", "revoke"])
@pytest.mark.parametrize("capability", ["no_such_one", "", "\ud800", "x" * 10_000])
def test_nothing_is_granted_to_what_does_not_exist(granting: Catalog, decide: str, capability: str) -> None:
    """A slip in an id must not leave a grant behind."""
    with pytest.raises(UnknownCapability):
        getattr(granting, decide)(capability, Permissions(time=True))


@pytest.mark.parametrize("asked", [{"read": ["../x"]}, {"http": ["a b"]}, {"call": ["NO"]}, {"read": ["\ud800"]}])
def test_what_is_no_permission_is_refused(asked: dict[str, list[str]]) -> None:
    """Grants have the form of permissions, which is checked."""
    with pytest.raises(ValidationError):
        Permissions.model_validate(asked)


def test_other_processes_have_it_at_once(open_catalog: Callable[[], Catalog]) -> None:
    """A grant and its revocation are seen at the next look."""
    mine, other = open_catalog(), open_catalog()
    register(mine)
    assert other.grants_for("count_words") == Permissions()
    mine.grant("count_words", Permissions(time=True))
    assert other.grants_for("count_words").time
    mine.revoke("count_words")
    assert not other.grants_for("count_words").time


def test_grants_stay_the_same_object_when_something_else_changes(granting: Catalog) -> None:
    """A new generation without new grants makes nothing anew."""
    before = granting.grants_for("count_words")
    register(granting, number=2)
    assert granting.grants_for("count_words") is before


def test_everything_granted_is_the_union(granting: Catalog) -> None:
    """For whoever may call anything."""
    granting.grant("count_words", Permissions(write=("a",)))
    granting.grant(EVERY, Permissions(write=("b",)))
    assert set(granting.grants.everything().write) == {"a", "b"}


def test_processes_that_grant_at_once_lose_nothing(granting: Catalog, folder: Path) -> None:
    """Two processes grant and revoke; what remains is what each left, and the log has every step."""
    processes = [start_script(GRANT, folder, name) for name in ("a", "b")]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.communicate("go\n", timeout=60)
    assert [process.returncode for process in processes] == [0, 0]
    expected = {f"{name}/{number}" for name in ("a", "b") for number in range(1, 20, 2)}
    assert set(granting.grants_for("count_words").read) == {"data.json", *expected}
    assert len(granting.store.audit.entries(100)) == 60


DAMAGED = [("http", "not a host"), ("flights", "all"), ("read", "/etc/passwd"), ("read", b"\xff")]


def damage(granting: Catalog, capability: str, kind: str, value: object) -> None:
    """Store a grant as no Tacit would."""
    with granting.store.database.write() as connection:
        row = {"capability": capability, "kind": kind, "value": value}
        connection.execute(text("INSERT INTO grants VALUES (:capability, :kind, :value, 1)"), row)
        granting.store.meta.next_generation(connection)


@pytest.mark.parametrize(("kind", "value"), DAMAGED)
@pytest.mark.parametrize("whose", ["count_words", "*"])
def test_a_damaged_grant_grants_nothing(
    granting: Catalog, whose: str, kind: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged and listed; what else is granted to it, and everything of others, still is."""
    granting.grant("count_words", Permissions(read=("own.txt",)))
    before = granting.grants_for("count_words")
    damage(granting, whose, kind, value)
    caplog.set_level(logging.WARNING)
    assert granting.grants_for("count_words") == before
    assert granting.grants.unreadable() == ((whose, kind, "\ufffd" if value == b"\xff" else value),)
    assert "cannot be read and grants nothing" in caplog.text


def test_a_damaged_grant_is_revoked_with_all_of_its_capability(granting: Catalog) -> None:
    """The answer has what could be read of it."""
    granting.grant("count_words", Permissions(read=("own.txt",)))
    damage(granting, "count_words", "http", "not a host")
    assert granting.revoke("count_words") == Permissions(read=("own.txt",))
    assert granting.grants.unreadable() == ()


def test_many_grants_are_revoked_in_few_statements(granting: Catalog) -> None:
    """However many there are, so that others who write need not wait for each."""
    granting.grant("count_words", Permissions(read=tuple(f"f{number}/**" for number in range(3000))))
    statements: list[str] = []
    event.listen(
        granting.store.database.engine, "before_cursor_execute", lambda *given: statements.append(str(given[2]))
    )
    assert len(granting.revoke("count_words").read or ()) == 3000
    assert len(statements) < 20
    assert granting.grants.stored("count_words") == Permissions()
