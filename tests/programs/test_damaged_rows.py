"""One damaged row of what is kept beside versions: it costs what it is about, never a start, a search or other runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from callee_samples import add_guest, add_program, echoes
from program_samples import OpenApp

from tacit.errors import StoreDamaged
from tacit.models import Permissions
from tacit.service import Service

Damage = Callable[[str, str, object], None]
NO_UTF8 = b"\xff\xfe{"


@pytest.fixture
def damage(tmp_path: Path, open_app: OpenApp) -> Damage:
    """Return what overwrites a column in every row of a table; the data folder has something in each."""
    app = open_app(shipped=False)
    add_program(app, "say_it", "call input 0")
    add_guest(app, "echo_it", echoes())
    app.catalog.add_example("say_it", "repeat what is said")
    app.catalog.grant("echo_it", Permissions(read=("*.txt",)))
    for name in ("say_it", "echo_it"):
        app.service.run(name, 1, session="client")
    app.close()

    def overwrite(table: str, column: str, value: object) -> None:
        connection = sqlite3.connect(tmp_path / "data" / "tacit.db")
        with connection:
            assert connection.execute(f"UPDATE {table} SET {column} = {value}").rowcount
        connection.close()

    return overwrite


def opened(open_app: OpenApp) -> Service:
    """Return the service of a new process, after what every process has to do."""
    service = open_app(shipped=False).service
    assert [row["id"] for row in service.list()] == ["echo_it", "say_it"]
    assert {hit.id for hit in service.search("Does what say_it does").hits} >= {"say_it"}
    assert service.run("say_it", 2).output == 2
    return service


def text(value: bytes) -> str:
    """Return the SQL of a text of these bytes."""
    return f"CAST(x'{value.hex()}' AS TEXT)"


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("examples", "text"),
        ("runs", "capability"),
        ("runs", "session"),
        ("runs", "error"),
        ("grants", "kind"),
        ("grants", "value"),
        ("grants", "capability"),
    ],
)
def test_a_damaged_row_is_left_out_by_itself(damage: Damage, open_app: OpenApp, table: str, column: str) -> None:
    """A start, a search, a run, the lists of runs and the stats go on."""
    damage(table, column, text(NO_UTF8))
    service = opened(open_app)
    assert len(service.runs(10)) == 3
    assert service.stats()
    assert service.prune(dry_run=True) == []


@pytest.mark.parametrize("column", ["kind", "value"])
def test_a_damaged_grant_grants_nothing_and_is_taken_back(damage: Damage, open_app: OpenApp, column: str) -> None:
    """The doctor names it, and what it advises helps."""
    damage("grants", column, text(b"\xff.txt"))
    app = open_app(shipped=False)
    assert app.catalog.grants.stored("echo_it").read == ()
    assert "of echo_it" in next(each.detail for each in app.service.doctor() if each.name == "grants")
    app.service.revoke("echo_it")
    assert next(each.ok for each in app.service.doctor() if each.name == "grants")


@pytest.mark.parametrize("value", ["x'00'", text(b"\0asm"), text(NO_UTF8)], ids=["bytes", "text", "no text"])
def test_a_damaged_module_costs_those_that_have_it(
    damage: Damage, open_app: OpenApp, tmp_path: Path, value: str
) -> None:
    """Whoever needs it is told so, and the doctor names them; what was compiled of it before still runs."""
    damage("modules", "wasm", f"iif(substr(wasm, 1, 4) = x'0061736d', {value}, wasm)")
    service = opened(open_app)
    with pytest.raises(StoreDamaged, match="is not what was kept"):
        service.export("echo_it", tmp_path / "out")
    assert "left out: echo_it@1." in next(each.detail for each in service.doctor() if each.name == "versions")


@pytest.mark.parametrize("value", [text(NO_UTF8), "'{'", "''"])
def test_a_damaged_generation_is_damage(damage: Damage, open_app: OpenApp, value: str) -> None:
    """Without it nothing can be trusted; the error says so."""
    damage("meta", "value", value)
    with pytest.raises(StoreDamaged, match="is damaged"):
        open_app(shipped=False)
