"""A recorded run as a test sees one: its input, and what the world answered it, as the fields of a test say it.

What a test cannot say (bytes that are no text, an input that got two answers, a callee that was not run) is left out,
and what is not there is not found, so a test made of it is checked against the module that failed before it counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tacit.building.orders import Replay
from tacit.errors import CapabilityFailed
from tacit.models import LATEST_MILLIS, MAX_CODE, MAX_EXCHANGES, MAX_MESSAGE
from tacit.plain_text import made_plain
from tacit.programs.callees import AGENT
from tacit.programs.values import equal
from tacit.sandbox.files.paths import names_folder
from tacit.sandbox.worlds.recording import HostCall, decode_calls

_ERROR: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_STATUS = re.compile(r"HTTP (\d{3})\b ?(.*)\Z", re.DOTALL)


def recorded_test(run: Replay) -> dict[str, Any]:
    """Return `{"input", "files"?, "http"?, "now"?, "calls"?, "exchanges"?}`: a test without name and expectation."""
    calls = decode_calls(run.calls)
    found: dict[str, Any] = {"files": _files(calls), "http": _http(calls), "now": _now(calls), **_callees(calls)}
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
    said = (call.result for call in calls if call.function in ("current_time_millis", "clock_time_get"))
    return min(max(next((now for now in said if isinstance(now, int)), 0), 0), LATEST_MILLIS)


def _callees(calls: Iterable[HostCall]) -> dict[str, dict[str, Any]]:
    """Return `calls` and `exchanges`: a callee that gave one answer gives it to any input, others one to each."""
    exchanges: dict[str, list[dict[str, Any]]] = {}
    for call in calls:
        exchange = _exchange(call)
        if exchange is None:
            continue
        known = exchanges.setdefault(AGENT if call.function == "delegate" else call.subject, [])
        if len(known) < MAX_EXCHANGES and not any(equal(exchange["input"], other["input"]) for other in known):
            known.append(exchange)
    plain = {name: each[0]["output"] for name, each in exchanges.items() if len(each) == 1 and "output" in each[0]}
    return {"calls": plain, "exchanges": {name: each for name, each in exchanges.items() if name not in plain}}


def _exchange(call: HostCall) -> dict[str, Any] | None:
    """Return what a callee or an agent was asked, with its output or its error; None for what a test cannot say."""
    if call.function not in ("capability_call", "delegate"):
        return None
    try:
        given = call.data.decode() if call.function == "delegate" else json.loads(call.data)
        if isinstance(call.result, bytes):
            return {"input": given, "output": json.loads(call.result)}
    except ValueError:
        return None
    error = _reported(call.failure[1]) if call.failure else None
    return error and {"input": given, "error": error}


def _reported(message: str) -> dict[str, str] | None:
    """Return the code and message of a callee's error in what its caller was told, None where none is in it."""
    try:
        told = _ERROR.validate_json(message)
        reported = _ERROR.validate_python(told["details"]) if told.get("code") == CapabilityFailed.code else told
        code = made_plain(str(reported["code"]))[:MAX_CODE]
    except (ValidationError, KeyError):
        return None
    return {"code": code, "message": made_plain(str(reported.get("message", "")))[:MAX_MESSAGE]} if code else None
