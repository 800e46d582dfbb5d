"""The world that a test describes: its files, URLs, clock and callees, all in memory.

What the manifest asks for is enforced, what the operator grants is not: a test passes or fails the same on every
machine. Nothing real is touched; what the test does not provide is not found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from tacit.models import HttpFixture, Permissions, TestCase
from tacit.programs.callees import AGENT
from tacit.sandbox.addresses import parse_url
from tacit.sandbox.grants import Allowance
from tacit.sandbox.paths import names_folder, segments_of
from tacit.sandbox.world import Called, FailureCode, HostFailure


class FixtureWorld:
    """Answers host functions from a TestCase; `written` has what the guest wrote, as bytes by path."""

    def __init__(self, test: TestCase, permissions: Permissions) -> None:
        self._test = test
        self._allowance = Allowance(permissions)
        self._files = {path: text.encode() for path, text in test.files.items()}
        self._http = {str(parse_url(url)): answer for url, answer in test.http.items()}
        self.written: dict[str, bytes] = {}

    def http_get(self, url: str) -> bytes:
        """Return the body that the test gives for the URL."""
        parsed = parse_url(url)
        self._allowance.require_http(parsed.host, parsed.port)
        answer = self._http.get(str(parsed))
        if answer is None:
            raise _not_provided("URL", url, "http", self._test.http)
        if isinstance(answer, str):
            return answer.encode()
        return _body(answer)

    def file_read(self, path: str) -> bytes:
        """Return the file as the test gives it or as the guest wrote it; a folder's path gives its listing."""
        segments = segments_of(path, "file_read")
        if names_folder(path):
            self._allowance.require_list(path, segments)
            return self._allowance.listing(segments, self._names_in(path, segments))
        self._allowance.require_read(path)
        if path not in self._files:
            raise _not_provided("file", path, "files", self._files)
        return self._files[path]

    def file_write(self, path: str, data: bytes) -> None:
        """Keep the bytes in memory."""
        segments_of(path, "file_write")
        self._allowance.require_write(path)
        if names_folder(path):
            raise HostFailure(FailureCode.INVALID, f"{path!r} names a folder; a file's path ends in its name")
        self._files[path] = self.written[path] = bytes(data)

    def capability_call(self, capability: str, data: bytes, energy: int) -> Called:  # noqa: ARG002  # see below
        """Return the output that the test gives for calling the capability, whatever the input; it costs nothing."""
        self._allowance.require_call(capability)
        if capability not in self._test.calls:
            raise _not_provided("capability", capability, "calls", self._test.calls)
        return Called(self._given(capability))

    def delegate(self, agent: str, task: str) -> bytes | None:  # noqa: ARG002  # one answer, whatever the task
        """Return the answer that the test's calls give for the agent, None without one."""
        self._allowance.require_call(AGENT)
        return self._given(AGENT) if AGENT in self._test.calls else None

    def observe(self, name: str, data: bytes) -> None:
        """Do nothing: the run's log has it."""

    def _given(self, callee: str) -> bytes:
        return json.dumps(self._test.calls[callee], ensure_ascii=False).encode()

    def current_time_millis(self) -> int:
        """Return the test's `now`."""
        self._allowance.require_time()
        return self._test.now

    def _names_in(self, path: str, segments: tuple[str, ...]) -> list[str]:
        start = "".join(f"{segment}/" for segment in segments)
        inside = (name[len(start) :] for name in self._files if name.startswith(start))
        names = {f"{name}{slash}" for name, slash, _ in (rest.partition("/") for rest in inside)}
        if not names and segments:
            raise _not_provided("folder", path, "files", self._files)
        return sorted(names)


def _body(answer: HttpFixture) -> bytes:
    if 200 <= answer.status < 300:
        return answer.body.encode()
    raise HostFailure(FailureCode.FAILED, f"HTTP {answer.status} {' '.join(answer.body.split())[:200]}".rstrip())


def _not_provided(what: str, asked: str, field: str, provided: Mapping[str, object]) -> HostFailure:
    names = ", ".join(list(provided)[:5]) or "none"
    return HostFailure(
        FailureCode.NOT_FOUND,
        f"this test's world has no {what} {asked[:200]!r}; its '{field}' has {names}",
    )
