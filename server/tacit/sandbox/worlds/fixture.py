"""The world that a test describes: its files, URLs, clock and callees, all in memory.

What the manifest asks for is enforced, what the operator grants is not: a test passes or fails the same on every
machine. Nothing real is touched; what the test does not provide is not found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from tacit.models import HttpFixture, Permissions, TestCase
from tacit.programs.callees import AGENT
from tacit.sandbox.files.paths import names_folder, segments_of
from tacit.sandbox.grants import Allowance
from tacit.sandbox.http.addresses import parse_url
from tacit.sandbox.world import Called, FailureCode, HostFailure
from tacit.sandbox.worlds.given_callees import GivenCallees
from tacit.schemas.validator import Validator


@dataclass(frozen=True, slots=True)
class Lack:
    """What a run asked for that its test's world does not have: the id of a callee, a URL, or a path."""

    what: Literal["callee", "http", "file"]
    subject: str


class FixtureWorld:
    """Answers host functions from a TestCase; `written` has what the guest wrote, as bytes by path.

    `lacked` is what it asked for in vain, as keys in their order.
    """

    def __init__(
        self, test: TestCase, permissions: Permissions, takes: Mapping[str, Validator] = MappingProxyType({})
    ) -> None:
        """Take the test, what its manifest asks for, and the input schemas of callees as far as they are known."""
        self._test = test
        self._callees = GivenCallees(test, takes)
        self._allowance = Allowance(permissions)
        self._files = {path: text.encode() for path, text in test.files.items()}
        self._http = {str(parse_url(url)): answer for url, answer in test.http.items()}
        self.written: dict[str, bytes] = {}
        self.lacked: dict[Lack, None] = {}

    def http_get(self, url: str) -> bytes:
        """Return the body that the test gives for the URL."""
        parsed = parse_url(url)
        self._allowance.require_http(parsed.host, parsed.port)
        answer = self._http.get(str(parsed))
        if answer is None:
            self.lacked[Lack("http", str(parsed))] = None
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
            self.lacked[Lack("file", path)] = None
            raise _not_provided("file", path, "files", self._files)
        return self._files[path]

    def file_write(self, path: str, data: bytes) -> None:
        """Keep the bytes in memory."""
        segments_of(path, "file_write")
        self._allowance.require_write(path)
        if names_folder(path):
            raise HostFailure(FailureCode.INVALID, f"{path!r} names a folder; a file's path ends in its name")
        self._files[path] = self.written[path] = bytes(data)

    @property
    def unanswered(self) -> tuple[str, ...]:
        """What the callees were asked that the test has no answer to, in words."""
        return tuple(self._callees.unanswered)

    @property
    def unheeded(self) -> Mapping[str, set[str]]:
        """The SHA-256, in hex, of the inputs of each callee that answers whatever its input."""
        return self._callees.unheeded

    def capability_call(self, capability: str, data: bytes, energy: int) -> Called:  # noqa: ARG002  # see below
        """Return what the test gives for calling the capability; it costs nothing."""
        self._allowance.require_call(capability)
        if capability not in self._callees.names:
            self.lacked[Lack("callee", capability)] = None
            raise _not_provided("capability", capability, "calls' or 'exchanges", self._callees.names)
        return Called(self._callees.called(capability, data))

    def delegate(self, agent: str, task: str) -> bytes | None:  # noqa: ARG002  # whatever its name, the task decides
        """Return the answer that the test gives for the agent, None without one."""
        self._allowance.require_call(AGENT)
        if AGENT not in self._callees.names:
            self.lacked[Lack("callee", AGENT)] = None
        return self._callees.delegated(task)

    def observe(self, name: str, data: bytes) -> None:
        """Do nothing: the run's log has it."""

    def current_time_millis(self) -> int:
        """Return the test's `now`."""
        self._allowance.require_time()
        return self._test.now

    def clock_time_get(self, now: int) -> int:  # noqa: ARG002  # the test says when it is
        """Return the test's `now`."""
        self._allowance.require_time("clock_time_get")
        return self._test.now

    def _names_in(self, path: str, segments: tuple[str, ...]) -> list[str]:
        start = "".join(f"{segment}/" for segment in segments)
        inside = (name[len(start) :] for name in self._files if name.startswith(start))
        names = {f"{name}{slash}" for name, slash, _ in (rest.partition("/") for rest in inside)}
        if not names and segments:
            self.lacked[Lack("file", path)] = None
            raise _not_provided("folder", path, "files", self._files)
        return sorted(names)


def _body(answer: HttpFixture) -> bytes:
    if 200 <= answer.status < 300:
        return answer.body.encode()
    raise HostFailure(FailureCode.FAILED, f"HTTP {answer.status} {' '.join(answer.body.split())[:200]}".rstrip())


def _not_provided(what: str, asked: str, field: str, provided: Iterable[str]) -> HostFailure:
    names = ", ".join(list(provided)[:5]) or "none"
    return HostFailure(
        FailureCode.NOT_FOUND,
        f"this test's world has no {what} {asked[:200]!r}; its '{field}' has {names}",
    )
