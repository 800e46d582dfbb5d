"""Answering another version's run from the record of a run of the version before.

A new version may ask in another order, or more or less often, so each call is looked up by function, subject and
data; equal calls get the recorded answers in their order, the last of them again and again. What was never asked has
no answer: the two runs cannot be compared. What the version's permissions do not ask for is denied, as it would be.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence

from tacit.errors import ReplayDiverged
from tacit.models import Permissions
from tacit.programs.callees import AGENT
from tacit.sandbox.files.paths import names_folder, segments_of
from tacit.sandbox.grants import Allowance
from tacit.sandbox.http.addresses import parse_url
from tacit.sandbox.world import Called, FailureCode, HostFailure
from tacit.sandbox.worlds.recording import HostCall, answer_of, called_of


class LenientWorld:
    """Answers host functions from a record; `written` has what the guest wrote, as bytes by path."""

    def __init__(self, calls: Sequence[HostCall], permissions: Permissions) -> None:
        self._allowance = Allowance(permissions)
        self._answers: dict[tuple[str, str, bytes], deque[HostCall]] = {}
        for call in calls:
            self._answers.setdefault(_key(call.function, call.subject, call.data), deque()).append(call)
        self.written: dict[str, bytes] = {}

    def http_get(self, url: str) -> bytes:
        """Return the body that was recorded for the URL."""
        parsed = parse_url(url)
        self._allowance.require_http(parsed.host, parsed.port)
        return self._bytes("http_get", url)

    def file_read(self, path: str) -> bytes:
        """Return what the guest wrote there itself, else what was recorded for the file or folder."""
        segments = segments_of(path, "file_read")
        if names_folder(path):
            self._allowance.require_list(path, segments)
        else:
            self._allowance.require_read(path)
        return self.written[path] if path in self.written else self._bytes("file_read", path)

    def file_write(self, path: str, data: bytes) -> None:
        """Keep the bytes, whatever was recorded, unless writing these very bytes failed then."""
        segments_of(path, "file_write")
        self._allowance.require_write(path)
        if names_folder(path):
            raise HostFailure(FailureCode.INVALID, f"{path!r} names a folder; a file's path ends in its name")
        recorded = self._next(_key("file_write", path, data))
        if recorded is not None:
            answer_of(recorded)
        self.written[path] = bytes(data)

    def capability_call(self, capability: str, data: bytes, energy: int) -> Called:  # noqa: ARG002  # as recorded
        """Return what was recorded for the capability and the same input, however it is spaced."""
        self._allowance.require_call(capability)
        return called_of(self._recorded("capability_call", capability, data))

    def delegate(self, agent: str, task: str) -> bytes | None:
        """Return the answer that was recorded for the agent and task."""
        self._allowance.require_call(AGENT)
        result = self._answer("delegate", agent, task.encode("utf-8", "replace"))
        return result if isinstance(result, bytes) else None

    def observe(self, name: str, data: bytes) -> None:
        """Do nothing: what a version shows of itself may change."""

    def current_time_millis(self) -> int:
        """Return the recorded times, one after the other."""
        self._allowance.require_time()
        result = self._answer("current_time_millis", "", b"")
        return result if isinstance(result, int) else 0

    def clock_time_get(self, now: int) -> int:
        """Return the time that was recorded, or the run's start, which every record has."""
        self._allowance.require_time("clock_time_get")
        recorded = self._next(_key("clock_time_get", "", b""))
        result = answer_of(recorded) if recorded else None
        return result if isinstance(result, int) else now

    def _bytes(self, function: str, subject: str) -> bytes:
        result = self._answer(function, subject, b"")
        return result if isinstance(result, bytes) else b""

    def _answer(self, function: str, subject: str, data: bytes) -> bytes | int | None:
        return answer_of(self._recorded(function, subject, data))

    def _recorded(self, function: str, subject: str, data: bytes) -> HostCall:
        recorded = self._next(_key(function, subject, data))
        if recorded is None:
            asked = f"{function}({subject[:200]!r})" if subject else function
            raise ReplayDiverged(f"It asked for {asked}, which the recorded run did not.")
        return recorded

    def _next(self, key: tuple[str, str, bytes]) -> HostCall | None:
        """Return the next recorded call of that key, or the last again; None when there was none."""
        answers = self._answers.get(key)
        if answers is None:
            return None
        return answers.popleft() if len(answers) > 1 else answers[0]


def written_files(calls: Sequence[HostCall]) -> dict[str, bytes]:
    """Return what the recorded run left written, as bytes by path."""
    return {call.subject: call.data for call in calls if call.function == "file_write" and not _failed(call)}


def _failed(call: HostCall) -> bool:
    return call.failure is not None or call.error is not None


def _key(function: str, subject: str, data: bytes) -> tuple[str, str, bytes]:
    """Return what a call is looked up by: URLs as they are sent, a callee's input as a value."""
    if function == "http_get":
        try:
            subject = str(parse_url(subject))
        except HostFailure:
            return function, subject, data
    if function == "capability_call":
        try:
            data = json.dumps(json.loads(data), sort_keys=True).encode()
        except (ValueError, RecursionError):
            return function, subject, data
    return function, subject, data
