"""What the operator grants: the settings' grants, and those kept in the store for one capability or for all.

A grant counts from every process's next call on, since it begins a generation of the catalog; a run that is under
way keeps what it began with. A stored grant that cannot be read grants nothing, and is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, bindparam, delete, select

from tacit.clock import now_millis
from tacit.errors import InvalidArgument
from tacit.models import Permissions
from tacit.store import Store
from tacit.store.sqlite import insert_missing
from tacit.store.tables import grants
from tacit.store.unicode import MARK, in_bytes, marked

EVERY = "*"
"""In place of an id: every capability."""

_TIME = "true"
_log = logging.getLogger(__name__)

Grant = tuple[str, str]
"""A field of `Permissions` and one value of it."""
Row = tuple[str, str, str]
"""A grant as the store keeps it: capability, kind and value."""


@dataclass(slots=True)
class _Known:
    """What is granted in one generation, and the unions that were asked for."""

    generation: int
    rows: tuple[Row, ...] = ()
    unreadable: tuple[Row, ...] = ()
    stored: dict[str, Permissions] = field(default_factory=dict[str, Permissions])
    unions: dict[str, Permissions] = field(default_factory=dict[str, Permissions])


class Grants:
    """Looks up and changes grants; thread-safe. `settings` are those that only the operator's settings change."""

    def __init__(self, store: Store, settings: Permissions) -> None:
        self.settings = settings
        self._store = store
        self._known = _Known(-1)

    def of(self, capability: str) -> Permissions:
        """Return all that a capability is granted; the same object until that changes."""
        known = self._current()
        found = known.unions.get(capability)
        if found is None:
            own = [known.stored[name] for name in (EVERY, capability) if name in known.stored]
            found = union(self.settings, *own)
            known.unions[capability] = found
        return found

    def everything(self) -> Permissions:
        """Return all that is granted to any capability."""
        known = self._current()
        return union(self.settings, *known.stored.values())

    def stored(self, capability: str) -> Permissions:
        """Return what the store grants to a capability, or to `*`, itself."""
        return self._current().stored.get(capability, Permissions())

    def unreadable(self) -> tuple[Row, ...]:
        """Return the stored grants that grant nothing, damaged or written by a newer Tacit."""
        return self._current().unreadable

    def _current(self) -> _Known:
        generation = self._store.generation()
        known = self._known
        if known.generation != generation:
            with self._store.database.read() as connection:
                rows = rows_in(connection)
            if rows != known.rows or known.generation < 0:
                known = _read(generation, rows)
            known.generation = generation
            self._known = known
        return known


def _read(generation: int, rows: tuple[Row, ...]) -> _Known:
    found: dict[str, list[Grant]] = {}
    for capability, kind, value in rows:
        if not any(MARK in text for text in (capability, kind, value)):
            found.setdefault(capability, []).append((kind, value))
    stored = {capability: readable(some) for capability, some in found.items()}
    granted = {(capability, *each) for capability, some in stored.items() for each in some}
    unreadable = tuple(row for row in rows if row not in granted)
    for capability, kind, value in unreadable:
        _log.warning("The stored grant %r %r of %r cannot be read and grants nothing.", kind, value, capability)
    return _Known(generation, rows, unreadable, {name: permissions_of(some) for name, some in stored.items()})


def union(*some: Permissions) -> Permissions:
    """Return what any of them grants, each value once."""
    return permissions_of(grant for permissions in some for grant in grants_in(permissions))


def grants_in(permissions: Permissions) -> list[Grant]:
    """Return the single grants in permissions, in a fixed order."""
    found: list[Grant] = []
    for kind, value in permissions:
        found.extend([(kind, _TIME)] if value is True else ((kind, each) for each in value or ()))
    return found


def permissions_of(some: Iterable[Grant]) -> Permissions:
    """Return single grants as permissions; raises `ValidationError` for what is none."""
    fields: dict[str, Any] = {}
    for kind, value in dict.fromkeys(some):
        if kind == "time":
            fields[kind] = value == _TIME
        else:
            fields.setdefault(kind, []).append(value)
    return Permissions.model_validate(fields)


def readable(some: Sequence[Grant]) -> Sequence[Grant]:
    """Return those single grants that `permissions_of` takes."""
    try:
        permissions_of(some)
    except ValidationError:
        return () if len(some) == 1 else [grant for each in some for grant in readable([each])]
    return some


def rows_in(connection: Connection) -> tuple[Row, ...]:
    """Return every stored grant as capability, kind and value, in the order in which they were granted.

    One with a `MARK` is damaged.
    """
    wanted = select(*map(in_bytes, (grants.c.capability, grants.c.kind, grants.c.value)))
    ordered = wanted.order_by(grants.c.created, grants.c.capability, grants.c.kind, grants.c.value)
    return tuple((marked(row[0]), marked(row[1]), marked(row[2])) for row in connection.execute(ordered))


def add(connection: Connection, capability: str, permissions: Permissions) -> list[Grant]:
    """Grant in the transaction of `connection`; return what had not been granted to `capability` itself before."""
    added: list[Grant] = []
    now = now_millis()
    for kind, value in grants_in(permissions):
        row = {"capability": capability, "kind": kind, "value": value, "created": now}
        if connection.execute(insert_missing(grants), row).rowcount:
            added.append((kind, value))
    return added


def remove(
    connection: Connection, capability: str, permissions: Permissions | None, settings: Permissions
) -> list[Grant]:
    """Revoke in the transaction of `connection` what the store grants to `capability` itself; return what that was.

    Without permissions, all of it. Raises `InvalidArgument` for what is not granted so; then nothing is revoked.
    """
    stored = rows_in(connection)
    own = dict.fromkeys((kind, value) for name, kind, value in stored if name == capability)
    wanted = list(own) if permissions is None else grants_in(permissions)
    for grant in wanted:
        if grant not in own:
            raise _not_stored(capability, grant, stored, settings)
    if permissions is None:  # those that are damaged as well
        connection.execute(delete(grants).where(grants.c.capability == capability))
    elif wanted:
        key = (grants.c.capability == capability, grants.c.kind == bindparam("of"), grants.c.value == bindparam("what"))
        connection.execute(delete(grants).where(*key), [{"of": kind, "what": value} for kind, value in wanted])
    return wanted


def _not_stored(capability: str, grant: Grant, stored: Iterable[Row], settings: Permissions) -> InvalidArgument:
    """Return the error that says where a grant that cannot be revoked here comes from, and how to change it there."""
    shown = grant[0] if grant[0] == "time" else f"{grant[0]} {grant[1]}"
    whom = "every capability" if capability == EVERY else capability
    if grant in grants_in(settings):
        return InvalidArgument(
            f"{shown} is granted by the setting TACIT_GRANTS, not by a stored grant.",
            hint="Set TACIT_GRANTS to the grants that shall remain (docs/settings.md) and start again.",
        )
    if (EVERY, *grant) in stored:
        return InvalidArgument(
            f"{shown} is granted to every capability, not to {whom} alone.", hint="Revoke it of '*' instead of the id."
        )
    own = ", ".join(" ".join(row[1:]) for row in stored if row[0] == capability)
    return InvalidArgument(f"{shown} is not granted to {whom}.", hint=f"Stored for it: {own or 'nothing'}.")
