"""The real world: files through the run's transaction, hosts through the gateway, other capabilities, the clock."""

from __future__ import annotations

from collections.abc import Callable

from tacit.sandbox.cancellation import Cancellation
from tacit.sandbox.grants import Allowance
from tacit.sandbox.http import HttpGateway
from tacit.sandbox.paths import names_folder, segments_of
from tacit.sandbox.transaction import Transaction


class LiveWorld:
    """Answers a run's host functions as far as its allowance goes; raises as `world.World` says.

    `clock` gives milliseconds since the Unix epoch; `call` runs another capability on JSON and returns JSON.
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
        call: Callable[[str, bytes], bytes],
        cancellation: Cancellation | None = None,
        seconds_left: Callable[[], float] | None = None,
    ) -> None:
        self._allowance = allowance
        self._transaction = transaction
        self._http = http
        self._clock = clock
        self._call = call
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

    def capability_call(self, capability: str, data: bytes) -> bytes:
        """Run another capability."""
        self._allowance.require_call(capability)
        return self._call(capability, data)

    def current_time_millis(self) -> int:
        """Return the time."""
        self._allowance.require_time()
        return self._clock()

    @property
    def _files(self) -> Transaction:
        if self._transaction is None:
            raise RuntimeError("a run with file effects was given no transaction")
        return self._transaction
