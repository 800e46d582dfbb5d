"""The real world: files through the run's transaction, hosts through the gateway, other capabilities, the clock."""

from __future__ import annotations

from collections.abc import Callable

from tacit.programs.callees import AGENT
from tacit.sandbox.cancellation import Cancellation
from tacit.sandbox.files.paths import names_folder, segments_of
from tacit.sandbox.files.transaction import Transaction
from tacit.sandbox.grants import Allowance
from tacit.sandbox.http.gateway import HttpGateway
from tacit.sandbox.world import Called


class LiveWorld:
    """Answers a run's host functions as far as its allowance goes; raises as `world.World` says.

    `clock` gives milliseconds since the Unix epoch; `call` runs another capability on JSON within an energy limit;
    `delegate` answers a task for an agent as JSON, or None where the agent is not at hand.
    `seconds_left` says how long the run may still take, so that no fetch outlasts it.
    The transaction is entered, committed and left by the caller; a module without file effects needs none.
    """

    def __init__(
        self,
        allowance: Allowance,
        transaction: Transaction | None,
        http: HttpGateway,
        *,
        clock: Callable[[], int],
        call: Callable[[str, bytes, int], Called],
        delegate: Callable[[str, str], bytes | None] | None = None,
        cancellation: Cancellation | None = None,
        seconds_left: Callable[[], float] | None = None,
    ) -> None:
        self._allowance = allowance
        self._transaction = transaction
        self._http = http
        self._clock = clock
        self._call = call
        self._delegate = delegate
        self._cancellation = cancellation
        self._seconds_left = seconds_left

    def http_get(self, url: str) -> bytes:
        """Return the body that the URL answers; see `HttpGateway.get`."""
        seconds = self._seconds_left() if self._seconds_left else None
        return self._http.get(url, self._allowance, self._cancellation, seconds)

    def file_read(self, path: str) -> bytes:
        """Return a file's bytes, or for a path that names a folder the JSON list of what may be read in it."""
        segments = segments_of(path, "file_read")
        if names_folder(path):
            self._allowance.require_list(path, segments)
            return self._allowance.listing(segments, self._files.list(segments))
        self._allowance.require_read(path)
        return self._files.read(path)

    def file_write(self, path: str, data: bytes) -> None:
        """Keep the bytes for the commit."""
        segments_of(path, "file_write")
        self._allowance.require_write(path)
        self._files.write(path, data)

    def capability_call(self, capability: str, data: bytes, energy: int) -> Called:
        """Run another capability."""
        self._allowance.require_call(capability)
        return self._call(capability, data, energy)

    def delegate(self, agent: str, task: str) -> bytes | None:
        """Hand a task to an agent, where there is one."""
        self._allowance.require_call(AGENT)
        return self._delegate(agent, task) if self._delegate else None

    def observe(self, name: str, data: bytes) -> None:
        """Do nothing: the record keeps it."""

    def current_time_millis(self) -> int:
        """Return the time."""
        self._allowance.require_time()
        return self._clock()

    def clock_time_get(self, now: int) -> int:
        """Return the run's start."""
        self._allowance.require_time("clock_time_get")
        return now

    @property
    def _files(self) -> Transaction:
        if self._transaction is None:
            raise RuntimeError("a run with file effects was given no transaction")
        return self._transaction
