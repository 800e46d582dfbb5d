"""Capabilities that are only ever answered from the cache: they are used, and pruning knows."""

from __future__ import annotations

import pytest
import wasmtime
from governance_samples import DAY, NOW, add

from tacit.app import App
from tacit.learning import Policies
from tacit.models import Expectation, Manifest, Permissions, TestCase
from tacit.service.pruning import Pruner

# Counts to a million before it prints 1: long enough for its answer to be remembered.
SLOW = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 100) "1")
  (func (export "_start") (local i32)
    (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 1000000))))
    (i32.store (i32.const 0) (i32.const 100))
    (i32.store (i32.const 4) (i32.const 1))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
"""


@pytest.fixture
def slow(app: App) -> App:
    """The app with `count_far`, and `call_it`, a program that calls it; both old and not run for long."""
    add(app, "count_far", bytes(wasmtime.wat2wasm(SLOW)))
    manifest = Manifest(
        id="call_it", summary="Calls count_far.", language="program", permissions=Permissions(call=("count_far",))
    )
    source = {"main.program": "call input 0\ncall count_far 1\nreturn\n"}
    test = TestCase(name="one", input={}, expect=Expectation(output=1))
    app.catalog.register(
        manifest, source, source["main.program"].encode(), (test,), effects=("calls",), author="caller", toolchain=""
    )
    with app.catalog.store.database.write() as connection:
        connection.exec_driver_sql("UPDATE versions SET created = ?", (NOW - 400 * DAY,))
        app.catalog.store.meta.next_generation(connection)
    return app


def planned(app: App) -> list[tuple[str, str]]:
    """Return what a sweep at `NOW` would archive, ten days after the last use that was noted."""
    with app.catalog.store.database.write() as connection:
        connection.exec_driver_sql("UPDATE uses SET last = ?", (NOW - 10 * DAY,))
    plan = Pruner(app.catalog, Policies(app.catalog.store)).plan(NOW)
    return [(each.standing.id, each.reason) for each in plan]


def test_what_is_answered_from_the_cache_is_used(slow: App) -> None:
    """Its run lies long back; the answers since then left no record but when the last one was."""
    assert not slow.service.run("count_far", {}).cached
    assert planned(slow) == [("call_it", "unused"), ("count_far", "unused")]
    assert slow.service.run("count_far", {}).cached
    assert planned(slow) == [("call_it", "unused")]


def test_what_a_cached_answer_rests_on_is_used(slow: App) -> None:
    """A composite that is answered from the cache does not run what it calls, and still needs it."""
    assert [slow.service.run("call_it", {}).cached for _ in range(2)] == [False, True]
    assert planned(slow) == []


def test_a_run_that_is_recorded_is_noted_nowhere_else(slow: App) -> None:
    """Its record says it."""
    slow.service.run("count_far", {})
    slow.service.run("count_far", {}, fresh=True)
    assert slow.catalog.store.uses.last() == {}
