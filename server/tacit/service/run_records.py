"""The records of runs, for people: which there are, and everything that is kept of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tacit import strict_json
from tacit.catalog import Catalog
from tacit.errors import InvalidArgument
from tacit.sandbox import HostCall, decode_calls
from tacit.service.observations import all_observed
from tacit.service.sessions import COMMAND_LINE
from tacit.store import RunOutline, RunRecord, Sought, Store

MAX_RUNS = 1000


class RunRecords:
    """The use cases that look at runs; thread-safe."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog

    def recent(
        self, count: int, capability: str | None, version: int | None, session: str | None, *, errors: bool
    ) -> list[dict[str, Any]]:
        """Return the newest runs, newest first, without what went in and out of them.

        Raises `InvalidArgument`, `UnknownCapability` or `UnknownVersion`.
        """
        if not 1 <= count <= MAX_RUNS:
            raise InvalidArgument(f"n is {count}; ask for 1 to {MAX_RUNS} runs.")
        if version is not None and capability is None:
            raise InvalidArgument("A version needs a capability.", hint="Name the capability, or leave both out.")
        if capability is not None:
            self._check_known(capability, version)
        sought = Sought(
            capability=capability,
            version=version,
            session="" if session == COMMAND_LINE else session,
            failed=errors,
        )
        return [_outlined(run) for run in self._store.outlines.newest(count, sought)]

    def get(self, run_id: str) -> dict[str, Any]:
        """Return everything that is kept of a run, and outlines of those that it called.

        `parent_recorded` says whether the run that called it is there as well; a kill may have ended that unrecorded.
        Raises `UnknownRun`, also for one that was dropped, or `StoreDamaged`.
        """
        record = self._store.runs.get(run_id)
        calls = decode_calls(record.calls)
        return {
            **_outlined(_outline_of(record)),
            "parent_recorded": record.parent_run is not None and self._store.outlines.has(record.parent_run),
            "energy_limit": record.energy_limit,
            "clock": record.now_millis,
            "input": _value(record.input),
            "output": _value(record.output),
            "error": record.error,
            "called": [_outlined(run) for run in self._called(record, calls)],
            "host_calls": [call.to_dict() for call in calls],
            "observations": all_observed(calls),
        }

    def _check_known(self, capability: str, version: int | None) -> None:
        if version is not None:
            self._catalog.get(capability, version)
        else:
            self._catalog.history(capability)

    def _called(self, record: RunRecord, calls: Sequence[HostCall]) -> list[RunOutline]:
        at_most = sum(call.function == "capability_call" for call in calls)
        return self._store.outlines.called_by(record.run_id, at_most) if at_most else []


def _outline_of(record: RunRecord) -> RunOutline:
    return RunOutline(
        run_id=record.run_id,
        capability=record.capability,
        version=record.version,
        error_code=record.error_code,
        energy=record.energy,
        seconds=record.seconds,
        session=record.session,
        parent_run=record.parent_run,
    )


def _outlined(run: RunOutline) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "started": run.started,
        "capability": run.capability,
        "version": run.version,
        "error_code": run.error_code,
        "energy": run.energy,
        "seconds": run.seconds,
        "session": run.session,
        "parent_run": run.parent_run,
    }


def _value(text: bytes) -> Any:
    """Return the JSON value that went in or came out; what is none as a text, None where there was nothing."""
    if not text:
        return None
    try:
        return strict_json.parse(text)
    except ValueError:
        return text.decode("utf-8", "replace")
