"""One version that is damaged in the database: everything beside it goes on, and it says what to do."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from program_samples import OpenApp, count_down, greet, greet_eve, greet_loudly, refused, registered

from tacit.errors import StoreDamaged

Damage = Callable[[str, bytes], None]
CUT = b'{"id": "greet", "summ'
NO_UTF8 = b'{"id": "gr\xff\xfe", "summary": "Greets."}'


@pytest.fixture
def damage(tmp_path: Path, open_app: OpenApp) -> Damage:
    """Return what overwrites a column of `greet`, of both its versions; the data folder has two programs beside it."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    registered(service.mutate(greet_eve()))
    registered(service.mutate(greet_loudly()))
    registered(service.mutate(count_down()))

    def overwrite(column: str, value: bytes, number: int = 2) -> None:
        with sqlite3.connect(tmp_path / "data" / "tacit.db") as connection:
            text = f"UPDATE versions SET {column} = CAST(? AS TEXT) WHERE capability = 'greet' AND number = ?"
            connection.execute(text, (value, number))
        connection.close()

    return overwrite


KINDS = pytest.mark.parametrize(
    ("column", "value"),
    [
        ("manifest", CUT),
        ("manifest", b""),
        ("manifest", b"[1]"),
        ("manifest", b'{"id": "No id", "summary": 5}'),
        ("manifest", NO_UTF8),
        ("manifest", b"[" * 100_000),
        ("source", b"5"),
        ("source", b"\xff"),
        ("tests", b"{"),
        ("tests", b'[{"name": "\xc3"}]'),
        ("effects", b"null"),
        ("effects", b'["flies"]'),
        ("status", b"odd"),
        ("author", b"\xff"),
        ("toolchain", b"\xff"),
    ],
)


@KINDS
def test_everything_beside_it_goes_on(damage: Damage, open_app: OpenApp, column: str, value: bytes) -> None:
    """A new process lists, finds and runs the others, and keeps what is made."""
    damage(column, value)
    service = open_app(shipped=False).service
    assert [row["id"] for row in service.list()] == ["count_down", "greet_loudly"]
    assert [hit.id for hit in service.search("Counts down from a number to zero").hits] == ["count_down"]
    assert "greet" not in [hit.id for hit in service.search("Greets somebody by name, politely").hits]
    assert service.run("count_down", {"from": 2}).output == {"steps": 2}
    made = count_down(id="count_two", summary="Says in how many steps one is at zero from two.", force=True)
    registered(service.mutate(made))


@KINDS
def test_it_says_what_to_do(damage: Damage, open_app: OpenApp, column: str, value: bytes) -> None:
    """Running it, also through a program, ends with `store_damaged`, and what the hint says helps."""
    damage(column, value)
    service = open_app(shipped=False).service
    for name in ("greet", "greet_loudly"):
        with pytest.raises(StoreDamaged, match="greet@2 is damaged") as caught:
            service.run(name, {"name": "Ada"})
        assert "`tacit rollback greet 1` offers another version" in caught.value.hint
    service.rollback("greet", 1)
    assert service.run("greet_loudly", {"name": "Ada"}).output == "HELLO, ADA!"
    assert "greet" in [row["id"] for row in service.list()]


def test_what_has_no_other_version_is_withdrawn(damage: Callable[..., None], open_app: OpenApp) -> None:
    """With all its versions damaged, a capability can be deprecated, and is named no more."""
    damage("manifest", CUT)
    damage("manifest", CUT, 1)
    service = open_app(shipped=False).service
    with pytest.raises(StoreDamaged, match="greet@2 is damaged") as caught:
        service.run("greet", {})
    assert "`tacit deprecate greet` withdraws it" in caught.value.hint
    service.deprecate("greet")
    told = refused(service.mutate(greet_loudly(id="greet_twice", force=True)), "imports").diagnostics
    assert "greet is damaged" in told


def test_the_log_and_the_doctor_name_it(damage: Damage, open_app: OpenApp, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once, however often it is met, and a line of `tacit doctor` says what to do."""
    damage("manifest", NO_UTF8)
    service = open_app(shipped=False).service
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            service.list()
    assert [record.message.partition(" is left out")[0] for record in caplog.records] == ["greet"]
    (check,) = (each for each in service.doctor() if each.name == "versions")
    assert not check.ok
    assert "Damaged, and left out: greet@2. `tacit rollback ID N`" in check.detail


def test_a_whole_store_passes_the_doctor(open_app: OpenApp) -> None:
    """Nothing is said to be damaged that is not."""
    service = open_app(shipped=False).service
    registered(service.mutate(greet()))
    (check,) = (each for each in service.doctor() if each.name == "versions")
    assert check.ok


def test_the_history_has_the_versions_that_are_whole(damage: Damage, open_app: OpenApp) -> None:
    """A damaged version is left out of the lineage as well."""
    damage("tests", b"{")
    service = open_app(shipped=False).service
    assert [each["version"] for each in service.history("greet")] == [1]
    assert [place.member.name for place in service.lineage("greet").places] == ["greet@1"]
