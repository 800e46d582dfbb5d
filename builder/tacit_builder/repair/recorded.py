"""A recorded run as a test sees one: its input, and what the world answered it, as `files`, `http`, `now` and `calls`.

What a test cannot say (bytes that are no text, a callee that failed) is left out, and what is not there is not found,
so a test made of it is checked against the module that failed before it counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from tacit.building.orders import Replay
from tacit.models import LATEST_MILLIS
from tacit.sandbox.paths import names_folder
from tacit.sandbox.recording import HostCall, decode_calls

_STATUS = re.compile(r"HTTP (\d{3})\b ?(.*)\Z", re.DOTALL)


def recorded_test(run: Replay) -> dict[str, Any]:
    """Return `{"input", "files"?, "http"?, "now"?, "calls"?}`: a test of that run without name and expectation."""
    calls = decode_calls(run.calls)
    found: dict[str, Any] = {"files": _files(calls), "http": _http(calls), "now": _now(calls), "calls": _callees(calls)}
    return {"input": json.loads(run.input), **{name: value for name, value in found.items() if value}}


def _files(calls: Iterable[HostCall]) -> dict[str, str]:
    """Return the files as they were first read; those that a listing alone names are empty."""
    read: dict[str, str] = {}
    listed: dict[str, str] = {}
    written: set[str] = set()
    for call in calls:
        if call.function == "file_write":
            written.add(call.subject)
        if call.function != "file_read" or not isinstance(call.result, bytes):
            continue
        if names_folder(call.subject):
            folder = "" if call.subject == "." else call.subject
            names: list[str] = json.loads(call.result)
            listed.update({f"{folder}{name}": "" for name in names if not name.endswith("/")})
        elif call.subject not in written:
            with suppress(UnicodeDecodeError):
                read.setdefault(call.subject, call.result.decode())
    return {path: text for path, text in {**listed, **read}.items() if path not in written or path in read}


def _http(calls: Iterable[HostCall]) -> dict[str, Any]:
    """Return what each URL answered first."""
    answers: dict[str, Any] = {}
    for call in calls:
        if call.function != "http_get" or call.subject in answers:
            continue
        if isinstance(call.result, bytes):
            with suppress(UnicodeDecodeError):
                answers[call.subject] = call.result.decode()
        elif call.failure and (status := _STATUS.match(call.failure[1])):
            answers[call.subject] = {"status": int(status[1]), "body": status[2]}
    return answers


def _now(calls: Iterable[HostCall]) -> int:
    """Return what the clock said first, 0 where it was not read."""
    said = (call.result for call in calls if call.function == "current_time_millis")
    return min(max(next((now for now in said if isinstance(now, int)), 0), 0), LATEST_MILLIS)


def _callees(calls: Iterable[HostCall]) -> dict[str, Any]:
    """Return what each called capability answered first."""
    answers: dict[str, Any] = {}
    for call in calls:
        if call.function == "capability_call" and isinstance(call.result, bytes):
            answers.setdefault(call.subject, json.loads(call.result))
    return answers
