"""Running small pure capabilities on the caller's own thread, without ever making it wait."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
import wasmtime
from service_samples import OpenApp

from tacit.app import App
from tacit.errors import CapabilityFailed, EnergyExhausted, InvalidInput
from tacit.models import Expectation, Manifest, TestCase
from tacit.sandbox import effects_of
from tacit.service import json_input

pytestmark = pytest.mark.usefixtures("unhurried")

TEXT = {"text": "abc"}
LOOPS = '(module (memory (export "memory") 1) (func (export "_start") (loop (br 0))))'

COUNTS = """
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $left i32)
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 100))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (local.set $left (i32.mul (i32.sub (i32.load (i32.const 8)) (i32.const 1)) (i32.const 1000000)))
    (block $end (loop $next
      (br_if $end (i32.eqz (local.get $left)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br $next)))
    (i32.store (i32.const 4) (i32.load (i32.const 8)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
"""
"""Gives its input back, after a million turns for each byte of it but the first."""


@pytest.fixture
def app(open_app: OpenApp) -> App:
    """An app that has `reverse_string` in memory."""
    opened = open_app()
    opened.service.run("reverse_string", TEXT)
    return opened


def register(app: App, name: str, text: str) -> None:
    """Register a pure capability from a WebAssembly text."""
    wasm = bytes(wasmtime.wat2wasm(text))
    manifest = Manifest(id=name, summary="Does what a test wants of it.")
    test = TestCase(name="none", expect=Expectation(output=1))
    app.catalog.register(
        manifest, {"main.wat": text}, wasm, (test,), effects=effects_of(wasm), author="test", toolchain="wat"
    )


def test_a_small_pure_run_is_answered_and_recorded(app: App) -> None:
    """What is loaded, pure and short is answered at once, with a record that replays."""
    answer = app.service.run_at_once("reverse_string", TEXT)
    assert answer is not None
    assert answer.output == {"reversed": "cba"}
    assert app.service.replay(answer.run_id).output == answer.output


def test_what_is_not_loaded_is_left_to_a_thread(open_app: OpenApp) -> None:
    """A module that would have to be compiled or read is not run at once."""
    assert open_app().service.run_at_once("reverse_string", TEXT) is None


def test_effects_are_left_to_a_thread(app: App) -> None:
    """A capability that reads files is not run at once, loaded or not."""
    app.service.run("get_car_details", {"employee_id": "E001"})
    assert app.service.run_at_once("get_car_details", {"employee_id": "E001"}) is None


def test_large_input_is_left_to_a_thread(app: App) -> None:
    """Input that takes long to check is not run at once."""
    assert app.service.run_at_once("reverse_string", {"text": "x" * 20_000}) is None


@pytest.mark.parametrize(
    "data",
    [{"text": "x" * 20_000}, dict.fromkeys(map(str, range(20_000))), [{}] * 20_000, 10**40_000, {"x" * 20_000: 1}],
    ids=["text", "names", "objects", "number", "name"],
)
def test_large_input_is_not_even_written_down(data: object, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """To write megabytes as JSON would take an event loop a tenth of a second before it is given up."""
    monkeypatch.setattr(json_input, "encode", lambda *_: pytest.fail("the input was written as JSON"))
    assert app.service.run_at_once("reverse_string", data) is None


def test_a_loop_is_given_up_and_not_tried_again(app: App) -> None:
    """A guest that does not end is given up after little energy, and from then on left to threads."""
    register(app, "loop_for_ever", LOOPS)
    with pytest.raises(EnergyExhausted):
        app.service.run("loop_for_ever", {}, energy=1000)
    assert app.service.run_at_once("loop_for_ever", {}) is None
    assert app.service.run_at_once("loop_for_ever", {}) is None


def test_what_was_given_up_is_tried_again_after_a_short_run(app: App) -> None:
    """A capability given up for one large piece of work is run at once again when a run of it was short."""
    register(app, "count_down", COUNTS)
    app.service.run("count_down", 1)
    assert app.service.run_at_once("count_down", 1) is not None
    assert app.service.run_at_once("count_down", 12) is None
    assert app.service.run_at_once("count_down", 1) is None
    app.service.run("count_down", 1)
    assert app.service.run_at_once("count_down", 1) is not None


def test_errors_are_those_of_a_run(app: App) -> None:
    """Input that does not fit and the guest's own errors are raised as `run` raises them."""
    with pytest.raises(InvalidInput):
        app.service.run_at_once("reverse_string", {"wrong": 1})
    app.service.run("format_number", {"number": 1})
    with pytest.raises(CapabilityFailed):
        app.service.run_at_once("format_number", {"number": 1e308, "decimals": 2})


def test_an_unknown_id_is_left_to_a_thread(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for the closest ids is nothing for an event loop."""
    monkeypatch.setattr(app.catalog, "closest", lambda wanted: pytest.fail(f"looked for {wanted}"))
    assert app.service.run_at_once("no_such_capability", {}) is None


def test_a_busy_database_is_not_waited_for(app: App) -> None:
    """While another process writes to the database, the run is left to a thread."""
    with closing(sqlite3.connect(app.settings.data / "tacit.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert app.service.run_at_once("reverse_string", TEXT) is None
        other.execute("ROLLBACK")
    assert app.service.run_at_once("reverse_string", TEXT) is not None
