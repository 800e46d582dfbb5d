"""Recording what the world answered a run, and answering a replay from that record.

Everything that is not determined by module, input, clock and seed enters a run through its host functions, so
their answers in order, with the energy that callees used, are all that a replay needs. The world's own effects are
not repeated: a replayed write answers as it did and writes nothing.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from tacit.errors import BuildRefused, ReplayDiverged, StoreDamaged, TacitError, TooManyHostCalls
from tacit.sandbox.world import Called, FailureCode, HostFailure, World

MAX_RECORDED = 64 << 20
"""Bytes that one run may move through host functions, equal payloads counted once: all of them are kept."""

_FORM = b"\x01"
_HEADER = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class HostCall:
    """One host call and its answer: at most one of `result`, `failure` and `error` is set.

    `subject` is the URL, path, capability, agent or name; `data` what was handed over (a file's bytes, a callee's
    input, a task, an observation); `failure` what the guest saw, as (code, message); `error` what ended the run, as
    `TacitError.to_dict` gives it; `energy` what a callee used, with all that it called.
    """

    function: str
    subject: str = ""
    data: bytes = b""
    result: bytes | int | None = None
    failure: tuple[int, str] | None = None
    error: dict[str, Any] | None = None
    energy: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the call for people: JSON-ready, its payloads as text, shortened."""
        shown: dict[str, Any] = {"function": self.function}
        if self.subject:
            shown["subject"] = self.subject
        if self.data:
            shown["data"] = _shown(self.data)
        if self.energy:
            shown["energy"] = self.energy
        if self.error is not None:
            return {**shown, "error": self.error}
        if self.failure is not None:
            code, message = self.failure
            return {**shown, "failure": {"code": FailureCode(code).name.lower(), "message": message}}
        return {**shown, "result": self.result if isinstance(self.result, int) else _shown(self.result or b"")}


class RecordingWorld:
    """Passes host calls to a world and keeps each with its answer, denials included, in `calls`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._payloads: dict[bytes, bytes] = {}
        self._recorded = 0
        self.calls: list[HostCall] = []

    def http_get(self, url: str) -> bytes:
        """Record the fetch of a URL."""
        return self._bytes("http_get", url, lambda: self._world.http_get(url))

    def file_read(self, path: str) -> bytes:
        """Record the reading of a file."""
        return self._bytes("file_read", path, lambda: self._world.file_read(path))

    def file_write(self, path: str, data: bytes) -> None:
        """Record the writing of a file."""
        with self._failures("file_write", path, data):
            kept = self._keep(data)
            self._world.file_write(path, kept)
        self.calls.append(HostCall("file_write", path, kept))

    def capability_call(self, capability: str, data: bytes, energy: int) -> Called:
        """Record the call of a capability, with the energy that it used."""
        with self._failures("capability_call", capability, data):
            kept = self._keep(data)
            called = self._kept_call(self._world.capability_call(capability, kept, energy))
        self.calls.append(_recorded_call(capability, kept, called))
        return called

    def delegate(self, agent: str, task: str) -> bytes | None:
        """Record the handing over of a task."""
        data = task.encode("utf-8", "replace")
        with self._failures("delegate", agent, data):
            kept = self._keep(data)
            answer = self._world.delegate(agent, task)
            answer = None if answer is None else self._keep(answer)
        self.calls.append(HostCall("delegate", agent, kept, answer))
        return answer

    def observe(self, name: str, data: bytes) -> None:
        """Record an observation."""
        with self._failures("observe", name, data):
            kept = self._keep(data)
            self._world.observe(name, kept)
        self.calls.append(HostCall("observe", name, kept))

    def current_time_millis(self) -> int:
        """Record the reading of the clock."""
        with self._failures("current_time_millis", "", b""):
            now = self._world.current_time_millis()
        self.calls.append(HostCall("current_time_millis", result=now))
        return now

    def clock_time_get(self, now: int) -> int:
        """Record the first reading of WASI's real-time clock."""
        with self._failures("clock_time_get", "", b""):
            began = self._world.clock_time_get(now)
        self.calls.append(HostCall("clock_time_get", result=began))
        return began

    def _bytes(self, function: str, subject: str, answer: Callable[[], bytes]) -> bytes:
        with self._failures(function, subject, b""):
            result = self._keep(answer())
        self.calls.append(HostCall(function, subject, b"", result))
        return result

    @contextmanager
    def _failures(self, function: str, subject: str, data: bytes) -> Generator[None]:
        try:
            yield
        except HostFailure as failure:
            kept = self._payloads.get(data, data)
            self.calls.append(HostCall(function, subject, kept, failure=(int(failure.code), failure.message)))
            raise
        except TacitError as error:
            self.calls.append(HostCall(function, subject, data, error=error.to_dict()))
            raise

    def _kept_call(self, called: Called) -> Called:
        """Return it with an output that is kept, or with why it is not: its energy is used in any case."""
        try:
            kept = self._keep(called.output)
        except TooManyHostCalls as error:
            return Called(b"", called.energy, error)
        return called if kept is called.output else replace(called, output=kept)

    def _keep(self, payload: bytes) -> bytes:
        """Return the payload, or the equal one that is kept already."""
        known = self._payloads.get(payload)
        if known is not None:
            return known
        self._recorded += len(payload)
        if self._recorded > MAX_RECORDED:
            raise TooManyHostCalls(
                f"The run moved more than {MAX_RECORDED} bytes through host functions.",
                hint="Fetch, read and write less in one run.",
            )
        self._payloads[payload] = payload
        return payload


class ReplayWorld:
    """Answers host calls from a record, strictly in its order; touches nothing.

    Raises `ReplayDiverged`, with what was asked and what was recorded, for any other call.
    """

    def __init__(self, calls: Sequence[HostCall]) -> None:
        self._calls = calls
        self._next = 0

    @property
    def remaining(self) -> int:
        """How many recorded calls the replay has not made (yet)."""
        return len(self._calls) - self._next

    def http_get(self, url: str) -> bytes:
        """Answer as recorded."""
        return self._answer_bytes("http_get", url)

    def file_read(self, path: str) -> bytes:
        """Answer as recorded."""
        return self._answer_bytes("file_read", path)

    def file_write(self, path: str, data: bytes) -> None:
        """Answer as recorded, when the same bytes are written."""
        self._answer("file_write", path, data)

    def capability_call(self, capability: str, data: bytes, energy: int) -> Called:  # noqa: ARG002  # as recorded
        """Answer as recorded, when the input is the same, for the energy that it used then."""
        return called_of(self._recorded("capability_call", capability, data))

    def delegate(self, agent: str, task: str) -> bytes | None:
        """Answer as recorded, when the task is the same."""
        result = self._answer("delegate", agent, task.encode("utf-8", "replace"))
        return result if isinstance(result, bytes) else None

    def observe(self, name: str, data: bytes) -> None:
        """Take the same observation as then."""
        self._answer("observe", name, data)

    def current_time_millis(self) -> int:
        """Answer as recorded."""
        result = self._answer("current_time_millis", "")
        return result if isinstance(result, int) else 0

    def clock_time_get(self, now: int) -> int:
        """Answer as recorded; with the run's start where the record is older than the recording of this call."""
        if all(call.function != "clock_time_get" for call in self._calls):
            return now
        result = self._answer("clock_time_get", "")
        return result if isinstance(result, int) else now

    def _answer_bytes(self, function: str, subject: str) -> bytes:
        result = self._answer(function, subject)
        return result if isinstance(result, bytes) else b""

    def _answer(self, function: str, subject: str, data: bytes = b"") -> bytes | int | None:
        return answer_of(self._recorded(function, subject, data))

    def _recorded(self, function: str, subject: str, data: bytes) -> HostCall:
        recorded = self._calls[self._next] if self._next < len(self._calls) else None
        if recorded is None or (recorded.function, recorded.subject, recorded.data) != (function, subject, data):
            raise _diverged(HostCall(function, subject, data), recorded, self._next)
        self._next += 1
        return recorded


def answer_of(recorded: HostCall) -> bytes | int | None:
    """Return what the call answered, or raise again how it failed."""
    if recorded.failure is not None:
        raise HostFailure(FailureCode(recorded.failure[0]), recorded.failure[1])
    if recorded.error is not None:
        raise _error_of(recorded.error)
    return recorded.result


def called_of(recorded: HostCall) -> Called:
    """Return what the call of a capability came to."""
    output = recorded.result if isinstance(recorded.result, bytes) else b""
    failure: HostFailure | TacitError | None = None
    if recorded.failure is not None:
        failure = HostFailure(FailureCode(recorded.failure[0]), recorded.failure[1])
    elif recorded.error is not None:
        failure = _error_of(recorded.error)
    return Called(output, recorded.energy, failure)


def encode_calls(calls: Sequence[HostCall]) -> bytes:
    """Write the calls as bytes, each payload once; no calls give no bytes. Whoever keeps them may compress them."""
    if not calls:
        return b""
    payloads: dict[bytes, int] = {b"": 0}
    rows: list[list[Any]] = []
    for call in calls:
        result = call.result if not isinstance(call.result, bytes) else None
        body = payloads.setdefault(call.result, len(payloads)) if isinstance(call.result, bytes) else None
        data = payloads.setdefault(call.data, len(payloads))
        row = [call.function, call.subject, data, body, result, call.failure, call.error]
        rows.append([*row, call.energy] if call.energy else row)
    index = json.dumps({"calls": rows, "sizes": [len(payload) for payload in payloads]}).encode()
    return b"".join((_FORM, _HEADER.pack(len(index)), index, *payloads))


def decode_calls(encoded: bytes) -> list[HostCall]:
    """Read what `encode_calls` wrote; raises `StoreDamaged` for anything else."""
    if not encoded:
        return []
    try:
        return _decode(encoded)
    except (ValueError, IndexError, TypeError, KeyError, RecursionError, struct.error) as error:
        raise StoreDamaged("The record of this run's host calls is damaged; the run cannot be replayed.") from error


def _decode(encoded: bytes) -> list[HostCall]:
    form, plain = encoded[:1], encoded[1:]
    if form != _FORM:
        raise ValueError("unknown form")
    (length,) = _HEADER.unpack_from(plain)
    index = json.loads(plain[_HEADER.size : _HEADER.size + length])
    payloads: list[bytes] = []
    position = _HEADER.size + length
    for size in index["sizes"]:
        payloads.append(plain[position : position + size])
        position += size
    if position != len(plain):
        raise ValueError("its length is wrong")
    return [_call(row, payloads) for row in index["calls"]]


def _call(row: list[Any], payloads: list[bytes]) -> HostCall:
    function, subject, data, body, result, failure, error, *energy = row
    return HostCall(
        function,
        subject,
        payloads[int(data)],
        (None if result is None else int(result)) if body is None else payloads[int(body)],
        (FailureCode(failure[0]).value, str(failure[1])) if failure else None,
        dict(error) if error else None,
        int(energy[0]) if energy else 0,
    )


def _recorded_call(capability: str, data: bytes, called: Called) -> HostCall:
    failure = called.failure
    if isinstance(failure, HostFailure):
        seen = (int(failure.code), failure.message)
        return HostCall("capability_call", capability, data, failure=seen, energy=called.energy)
    if failure is not None:
        return HostCall("capability_call", capability, data, error=failure.to_dict(), energy=called.energy)
    return HostCall("capability_call", capability, data, called.output, energy=called.energy)


def _diverged(asked: HostCall, recorded: HostCall | None, number: int) -> ReplayDiverged:
    return ReplayDiverged(
        f"At host call {number + 1} the replay asked for {_named(asked)}, but {_named(recorded)} was recorded.",
        hint="Replay with the same version, input, clock and seed as the recorded run.",
        details={"call": number + 1, "asked": _named(asked), "recorded": _named(recorded)},
    )


def _named(call: HostCall | None) -> str:
    if call is None:
        return "nothing more"
    data = f", {len(call.data)} bytes" if call.data else ""
    return f"{call.function}({call.subject[:200]!r}{data})"


def _error_of(recorded: dict[str, Any]) -> TacitError:
    """Return the error again, of the class that has its code."""
    kinds = {kind.code: kind for kind in _all_kinds(TacitError)}
    kind = kinds.get(str(recorded.get("code")), TacitError)
    return kind(str(recorded.get("message")), hint=str(recorded.get("hint", "")), details=recorded.get("details"))


def _all_kinds(kind: type[TacitError]) -> Iterator[type[TacitError]]:
    yield kind
    for below in kind.__subclasses__():
        if below is not BuildRefused:  # never the answer of a host function, and made differently
            yield from _all_kinds(below)


def _shown(payload: bytes) -> str:
    text = payload[:2000].decode("utf-8", "replace")
    return text if len(payload) <= 2000 else f"{text}… ({len(payload)} bytes)"
