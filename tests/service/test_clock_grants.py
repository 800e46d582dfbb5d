"""WASI's clock in the service: who may read the time of day, and what a replay of it shows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import wasmtime
from service_samples import OpenApp

from tacit.app import App
from tacit.errors import NoOutput, PermissionDenied
from tacit.models import Expectation, Manifest, Permissions, TestCase
from tacit.sandbox import decode_calls, effects_of
from tacit.store import RunRecord, Store, new_run_id

_CLOCK = """(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $value i64) (local $at i32)
    (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 16)))
    (local.set $value (i64.div_u (i64.load (i32.const 16)) (i64.const 1000000)))
    (local.set $at (i32.const 64))
    (loop $digits
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $value) (i64.const 10)))))
      (br_if $digits (i64.ne (i64.const 0) (local.tee $value (i64.div_u (local.get $value) (i64.const 10))))))
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (i32.sub (i32.const 64) (local.get $at)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"""
"""Print what WASI's real-time clock says, in milliseconds."""
_MONOTONIC = _CLOCK.replace("$clock (i32.const 0)", "$clock (i32.const 1)")
NOTHING = Permissions()
TIME = Permissions(time=True)


_TRAP = '(module (memory (export "memory") 1) (func (export "_start") unreachable))'
_CALL = """(module
  (import "host" "capability_call" (func $call (param i32 i32 i32 i32) (result i64)))
  (memory (export "memory") 1) (data (i32.const 0) "tell_time{}")
  (func (export "_start") (drop (call $call (i32.const 0) (i32.const 9) (i32.const 9) (i32.const 2)))))"""
"""Call `tell_time`, whatever comes of it, and print nothing."""


def register(app: App, text: str = _CLOCK, *, name: str = "tell_time", permissions: Permissions = TIME) -> None:
    """Put a module into the catalog, as an import does."""
    wasm = bytes(wasmtime.wat2wasm(text))
    parts: dict[str, Any] = {"id": name, "summary": "Tells the time.", "input_schema": {}, "output_schema": {}}
    test = TestCase(name="some time", expect=Expectation(output_matches={"type": "integer"}))
    manifest = Manifest(**parts, permissions=permissions)
    app.catalog.register(
        manifest, {"main.wat": ""}, wasm, (test,), effects=effects_of(wasm), author="caller", toolchain=""
    )


def newest(app: App, name: str = "tell_time") -> RunRecord:
    """Return the record of a capability's newest run."""
    with Store.open(app.settings.data) as store:
        return store.runs.get(app.service.runs(1, capability=name)[0]["run_id"])


@pytest.mark.parametrize(
    ("asked", "granted", "reason"), [(TIME, NOTHING, "not_granted"), (NOTHING, TIME, "not_in_manifest")]
)
def test_the_time_of_day_is_denied(open_app: OpenApp, asked: Permissions, granted: Permissions, reason: str) -> None:
    """Without the permission, or without the grant, the run ends as one of `current_time_millis` does."""
    app = open_app(grants=granted)
    register(app, permissions=asked)
    with pytest.raises(PermissionDenied) as denied:
        app.service.run("tell_time", {})
    assert denied.value.details["function"] == "clock_time_get"
    assert denied.value.details["grant"] == {"time": True}
    assert denied.value.details["reason"] == reason


def test_a_denied_reading_is_replayed(open_app: OpenApp) -> None:
    """Its record has the denial, so a replay ends with it, whatever was granted meanwhile."""
    app = open_app(grants=NOTHING)
    register(app)
    with pytest.raises(PermissionDenied):
        app.service.run("tell_time", {})
    record = newest(app)
    assert [call.function for call in decode_calls(record.calls)] == ["clock_time_get"]
    with pytest.raises(PermissionDenied) as denied:
        app.service.replay(record.run_id)
    assert denied.value.details["reason"] == "not_granted"


def test_a_granted_reading_is_recorded_and_replayed(open_app: OpenApp) -> None:
    """The clock begins with the run, and a replay sees the time of then."""
    app = open_app(grants=TIME)
    register(app)
    answer = app.service.run("tell_time", {})
    record = newest(app)
    assert [call.result for call in decode_calls(record.calls)] == [record.now_millis] == [answer.output]
    assert app.service.replay(answer.run_id).output == answer.output


def test_a_record_without_the_reading_is_replayed(open_app: OpenApp) -> None:
    """Records that are older than the recording of WASI's clock have the run's start alone."""
    app = open_app(grants=TIME)
    register(app)
    answer = app.service.run("tell_time", {})
    old = replace(newest(app), run_id=new_run_id(), calls=b"")
    with Store.open(app.settings.data) as store:
        store.runs.record(old)
    assert app.service.replay(old.run_id).output == answer.output


def test_the_monotonic_clock_needs_no_grant(open_app: OpenApp) -> None:
    """It starts at zero and tells nothing: what measures how long something takes runs as ever."""
    app = open_app(grants=NOTHING)
    register(app, _MONOTONIC)
    answer = app.service.run("tell_time", {})
    assert answer.output == 0
    assert newest(app).calls == b""


def test_a_search_says_that_the_grant_is_missing(open_app: OpenApp) -> None:
    """What the run would be denied is in the hit."""
    app = open_app(grants=NOTHING)
    register(app)
    (hit,) = app.service.search("tell_time", k=1).hits
    assert hit.permissions_not_granted == TIME


@pytest.mark.parametrize("granted", [NOTHING, TIME], ids=["denied", "granted"])
def test_a_callee_reads_the_clock_by_its_own_permission(open_app: OpenApp, granted: Permissions) -> None:
    """Its caller needs none; where the callee is denied, the caller ends as well."""
    app = open_app(grants=granted.model_copy(update={"call": ("*",)}))
    register(app)
    register(app, _CALL, name="caller", permissions=Permissions(call=("tell_time",)))
    with pytest.raises(NoOutput if granted.time else PermissionDenied):
        app.service.run("caller", {})
    assert newest(app).error_code == (None if granted.time else "permission_denied")


def test_a_callees_failure_tells_its_caller_nothing_of_the_time(open_app: OpenApp) -> None:
    """How often it failed before, and the id of a job that repairs it, are for people, not for the guest."""
    app = open_app(grants=Permissions(call=("*",)))
    register(app, _TRAP)
    register(app, _CALL, name="caller", permissions=Permissions(call=("tell_time",)))
    with pytest.raises(NoOutput):
        app.service.run("caller", {})
    (call,) = decode_calls(newest(app, "caller").calls)
    assert call.failure is not None
    assert json.loads(call.failure[1])["details"] == {"trap": "unreachable"}
