"""The audit log: who decided what about capabilities, grants and policies. It only ever grows.

An entry is written in the transaction of what it tells of, so that neither is ever there without the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select

from tacit.clock import now_millis
from tacit.store.database import Database
from tacit.store.failures import damaged
from tacit.store.ids import started_millis
from tacit.store.run_ids import has_id
from tacit.store.tables import audit, runs
from tacit.store.unicode import storable


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decides, and why, JSON-ready.

    `cli`, `python`, `client` (a person asked through one) or `policy`; or the `author` of a version that it offers.
    """

    actor: str
    why: Mapping[str, Any] = field(default_factory=dict[str, Any])


POLICY = "policy"
"""The actor of what is decided by itself."""

_OFFERING = ("deprecate", "restore", "rollback", "archive")
"""The actions that say what a capability offers."""

LONGEST_RUN_MILLIS = 600_000
"""For how long a run may have gone on until it was recorded."""

_LAST_RUN = select(func.max(runs.c.seq))

PYTHON = Decision("python")
"""The decision of whoever uses Tacit as a library."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One decision as it was noted: `at` is in milliseconds, `actor` as in `Decision`.

    `details` is JSON-ready; `capability` and `version` are None where it is about none.
    """

    at: int
    actor: str
    action: str
    capability: str | None
    version: int | None
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Standpoint:
    """A place in the audit log: the id of an entry, 0 for none, and the `seq` of the last run recorded before it."""

    entry: int = 0
    run: int = 0


class Audit:
    """Adds to the audit log and reads it; thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        connection: Connection,
        decision: Decision,
        action: str,
        capability: str | None = None,
        version: int | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Note a decision in the transaction of `connection` that carries it out; details are facts and reasons."""
        row = {
            "at": now_millis(),
            "actor": storable(decision.actor),
            "action": action,
            "capability": capability,
            "version": version,
            "details": json.dumps({**(facts or {}), **decision.why}),
            "run": connection.execute(_LAST_RUN).scalar_one() or 0,
        }
        connection.execute(insert(audit), row)

    def last_decisions(self) -> dict[str, int]:
        """Return when somebody, not a policy, last decided something about each capability, in milliseconds."""
        persons = (audit.c.capability.is_not(None), audit.c.actor != POLICY)
        last = select(audit.c.capability, func.max(audit.c.at)).where(*persons).group_by(audit.c.capability)
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(last)}

    def last_decision(self, capability: str) -> Standpoint:
        """Return what the function `last_decision` does."""
        with self._database.read() as connection:
            return last_decision(connection, capability)

    def last_decision_before(self, capability: str, run_id: str) -> Standpoint:
        """Return the last such decision from before a recorded run began; none for a run that is not kept any more.

        A decision that was noted before the run was recorded may have been made while it went on. Clocks, which may be
        set meanwhile, decide that alone.
        """
        seq = select(runs.c.seq).where(has_id(int(run_id, 16))).scalar_subquery()
        started = started_millis(run_id)
        meanwhile = audit.c.at.between(started + 1, started + LONGEST_RUN_MILLIS)
        before = _decided(capability).where(audit.c.run < seq, ~meanwhile)
        with self._database.read() as connection:
            return _standpoint(connection, before)

    def entries(self, limit: int, capability: str | None = None) -> list[AuditEntry]:
        """Return the newest `limit` entries, newest first, perhaps those about one capability alone."""
        wanted = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if capability is not None:
            wanted = wanted.where(audit.c.capability == storable(capability))
        try:
            with self._database.read() as connection:
                return [
                    AuditEntry(row.at, row.actor, row.action, row.capability, row.version, json.loads(row.details))
                    for row in connection.execute(wanted)
                ]
        except ValueError as error:
            raise damaged(self._database.path, "an entry of the audit log cannot be read") from error


def last_decision(connection: Connection, capability: str) -> Standpoint:
    """Return where somebody, not a policy, last decided what a capability offers."""
    return _standpoint(connection, _decided(capability))


def _decided(capability: str) -> Select[*tuple[Any, ...]]:
    persons = (audit.c.capability == capability, audit.c.actor != POLICY, audit.c.action.in_(_OFFERING))
    return select(audit.c.id, audit.c.run).where(*persons).order_by(audit.c.id.desc()).limit(1)


def _standpoint(connection: Connection, wanted: Select[*tuple[Any, ...]]) -> Standpoint:
    row = connection.execute(wanted).one_or_none()
    return Standpoint(*row) if row is not None else Standpoint()
