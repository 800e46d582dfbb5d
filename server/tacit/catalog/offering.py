"""Which capabilities and versions are offered: deprecating, restoring, rolling back, archiving, in a transaction.

What a capability offers is its `current` version, where both are active.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, update

from tacit.catalog import queries
from tacit.catalog.registration import offer, touch
from tacit.models import Status
from tacit.store.health import forget
from tacit.store.tables import capabilities, versions

MayFollow = Callable[[int], bool]
"""Whether the version of that number may take the place of an offered one that goes."""


def deprecate(
    connection: Connection,
    capability: str,
    version: int | None,
    successor: str | None,
    generation: int,
    may_follow: MayFollow,
) -> None:
    """Deprecate a capability, or one version; then the newest active one that may takes the place of an offered one."""
    values = {"status": Status.DEPRECATED, "successor": successor}
    if version is None:
        _set_capability(connection, capability, **values)
    else:
        _set_version(connection, capability, version, **values)
        _offer_newest(connection, capability, may_follow)
    touch(connection, capability, generation)


def restore(connection: Connection, capability: str, version: int | None, generation: int) -> None:
    """Make a capability, or one version, active again; failures of what is offered then are forgotten."""
    known = queries.offering(connection, capability)
    if known is None:
        return
    if version is None:
        newest = queries.newest(connection, capability, versions.c.status == Status.ACTIVE)
        keep = known.version_status == Status.ACTIVE or newest is None
        version = known.current if keep else newest or known.current
        offer(connection, capability, version, generation)
    else:
        _set_version(connection, capability, version, status=Status.ACTIVE, successor=None)
        if version > known.current or known.version_status != Status.ACTIVE:
            _set_capability(connection, capability, current=version)
        if known.status == Status.ARCHIVED:
            _set_capability(connection, capability, status=Status.ACTIVE, successor=None)
        touch(connection, capability, generation)
    forget(connection, capability, version)


def roll_back(connection: Connection, capability: str, number: int, generation: int) -> None:
    """Offer a version again, and deprecate the newer ones that are active; its failures are forgotten.

    They get no successor, which means the capability: whichever version it offers by then.
    """
    newer = (versions.c.capability == capability, versions.c.number > number, versions.c.status == Status.ACTIVE)
    connection.execute(update(versions).where(*newer).values(status=Status.DEPRECATED, successor=None))
    offer(connection, capability, number, generation)
    forget(connection, capability, number)


def archive(
    connection: Connection, capability: str, version: int | None, generation: int, may_follow: MayFollow
) -> None:
    """Archive a capability, or one version; the newest active one that may takes the place of an offered one.

    A capability whose versions are all archived is archived.
    """
    if version is None:
        _set_capability(connection, capability, status=Status.ARCHIVED)
    else:
        _set_version(connection, capability, version, status=Status.ARCHIVED)
        if queries.newest(connection, capability, versions.c.status != Status.ARCHIVED) is None:
            _set_capability(connection, capability, status=Status.ARCHIVED)
        _offer_newest(connection, capability, may_follow)
    touch(connection, capability, generation)


def _offer_newest(connection: Connection, capability: str, may_follow: MayFollow) -> None:
    """Let the newest active version that may, or else the newest deprecated, take the place of one that went."""
    known = queries.offering(connection, capability)
    if known is None or known.version_status == Status.ACTIVE:
        return
    active = queries.version_numbers(connection, capability, versions.c.status == Status.ACTIVE)
    newest = next(filter(may_follow, reversed(active)), None)
    if newest is None and known.version_status == Status.ARCHIVED:
        newest = queries.newest(connection, capability, versions.c.status == Status.DEPRECATED)
    if newest is not None:
        _set_capability(connection, capability, current=newest)


def _set_capability(connection: Connection, capability: str, **values: object) -> None:
    connection.execute(update(capabilities).where(capabilities.c.id == capability).values(**values))


def _set_version(connection: Connection, capability: str, number: int, **values: object) -> None:
    key = (versions.c.capability == capability, versions.c.number == number)
    connection.execute(update(versions).where(*key).values(**values))
