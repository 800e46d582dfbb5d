"""Which capabilities and versions are offered: deprecating and restoring, inside a caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection, update

from tacit.catalog import queries
from tacit.catalog.registration import offer, touch
from tacit.models import Status
from tacit.store.tables import capabilities, versions


def deprecate(
    connection: Connection, capability: str, version: int | None, successor: str | None, generation: int
) -> None:
    """Deprecate a capability, or one version; then the newest active version takes the place of an offered one."""
    values = {"status": Status.DEPRECATED, "successor": successor}
    if version is None:
        connection.execute(update(capabilities).where(capabilities.c.id == capability).values(**values))
    else:
        key = (versions.c.capability == capability, versions.c.number == version)
        connection.execute(update(versions).where(*key).values(**values))
        _offer_newest(connection, capability)
    touch(connection, capability, generation)


def restore(connection: Connection, capability: str, version: int | None, generation: int) -> None:
    """Make a capability, or one version, active again."""
    known = queries.offering(connection, capability)
    if known is None:
        return
    if version is not None:
        key = (versions.c.capability == capability, versions.c.number == version)
        connection.execute(update(versions).where(*key).values(status=Status.ACTIVE, successor=None))
        if version > known.current or known.version_status != Status.ACTIVE:
            _set_current(connection, capability, version)
        touch(connection, capability, generation)
        return
    newest = queries.newest(connection, capability, versions.c.status == Status.ACTIVE)
    keep = known.version_status == Status.ACTIVE or newest is None
    offer(connection, capability, known.current if keep else newest or known.current, generation)


def _offer_newest(connection: Connection, capability: str) -> None:
    known = queries.offering(connection, capability)
    newest = queries.newest(connection, capability, versions.c.status == Status.ACTIVE)
    if known is not None and known.version_status != Status.ACTIVE and newest is not None:
        _set_current(connection, capability, newest)


def _set_current(connection: Connection, capability: str, number: int) -> None:
    connection.execute(update(capabilities).where(capabilities.c.id == capability).values(current=number))
