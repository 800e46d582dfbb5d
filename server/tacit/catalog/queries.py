"""The questions that the catalog asks the store, as SQLAlchemy statements; they decide nothing.

Texts of versions are read as the bytes that they are kept as: one that is damaged spoils no other's row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    String,
    and_,
    case,
    func,
    select,
    tuple_,
)

from tacit.models import Status
from tacit.store.sqlite import insertion_order
from tacit.store.tables import IS_PROGRAM, capabilities, examples, health, origins, versions
from tacit.store.unicode import in_bytes, marked

T = TypeVar("T")

_offered = versions.alias("offered")
_OFFERED = and_(_offered.c.capability == capabilities.c.id, _offered.c.number == capabilities.c.current)
_ACTIVE = and_(capabilities.c.status == Status.ACTIVE, _offered.c.status == Status.ACTIVE)


VERSIONS = (
    select(
        versions.c.capability,
        *(
            in_bytes(column) if isinstance(column.type, String) else column
            for column in versions.c
            if column is not versions.c.capability
        ),
        in_bytes(capabilities.c.status, "capability_status"),
        in_bytes(capabilities.c.successor, "capability_successor"),
        in_bytes(_offered.c.status, "offered_status"),
        func.coalesce(health.c.failing, 0).label("failing"),
    )
    .join(capabilities, versions.c.capability == capabilities.c.id)
    .join(_offered, _OFFERED)
    .outerjoin(health, and_(health.c.capability == versions.c.capability, health.c.version == versions.c.number))
)
"""Versions with what their capability says about them, and how often in a row they have failed; texts as bytes."""

_WITH_ORIGINS = VERSIONS.add_columns(
    *(in_bytes(column) for column in (origins.c.model, origins.c.task, origins.c.cause))
).outerjoin(origins, and_(origins.c.capability == versions.c.capability, origins.c.number == versions.c.number))
_KEY = (versions.c.capability, versions.c.number)
_STANDINGS = select(
    *_KEY,
    *(in_bytes(column) for column in (versions.c.status, versions.c.parent, versions.c.author)),
    versions.c.created,
    *(in_bytes(column) for column in (capabilities.c.status, capabilities.c.successor)),
    capabilities.c.current,
).join(capabilities, versions.c.capability == capabilities.c.id)
_NAMES_AT_ONCE = 1000
"""SQLite takes 32,766 parameters at most; a name is two."""

_OFFERINGS = select(
    capabilities.c.id,
    capabilities.c.current,
    *(
        in_bytes(column)
        for column in (capabilities.c.status, _offered.c.status, _offered.c.content_hash, _offered.c.author)
    ),
).join(_offered, _OFFERED)


@dataclass(frozen=True, slots=True)
class Offering:
    """What a capability offers: the number, status, content and author of its current version."""

    id: str
    current: int
    status: str
    version_status: str
    content_hash: str
    author: str

    @property
    def active(self) -> bool:
        """Whether both the capability and its current version are active."""
        return self.status == Status.ACTIVE and self.version_status == Status.ACTIVE


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a version stands: of its content only its author, parent (`id@version`) and time, in milliseconds.

    `current` is the number of the version that its capability offers, `successor` what replaces its capability.
    """

    id: str
    version: int
    status: str
    parent: str | None
    author: str
    created: int
    capability_status: str
    successor: str | None
    current: int

    @property
    def name(self) -> str:
        """Its id and number, as `get_salary@3`."""
        return f"{self.id}@{self.version}"

    @property
    def offered(self) -> bool:
        """Whether running its id without a version means this one."""
        return self.version == self.current


def find_version(connection: Connection, capability: str, number: int | None) -> Row[Any] | None:
    """Return a row of `VERSIONS`: the version of that number, or the offered one."""
    wanted = capabilities.c.current if number is None else number
    found = VERSIONS.where(versions.c.capability == capability, versions.c.number == wanted)
    return connection.execute(found).one_or_none()


def find_origin(connection: Connection, capability: str, number: int) -> Row[Any] | None:
    """Return a row of `origins`; None for a version that has none."""
    found = select(origins).where(origins.c.capability == capability, origins.c.number == number)
    return connection.execute(found).one_or_none()


def find_versions(connection: Connection, names: Sequence[tuple[str, int]]) -> Iterator[Row[Any]]:
    """Yield the rows of `VERSIONS` of the named versions, each with `model`, `task` and `cause` of its origin, if any.

    One query for a thousand of them; in no order.
    """
    for start in range(0, len(names), _NAMES_AT_ONCE):
        yield from connection.execute(_WITH_ORIGINS.where(tuple_(*_KEY).in_(names[start : start + _NAMES_AT_ONCE])))


def offering(connection: Connection, capability: str) -> Offering | None:
    """Return what a capability offers; None for an unknown one."""
    row = connection.execute(_OFFERINGS.where(capabilities.c.id == capability)).one_or_none()
    return Offering(*_texts(row)) if row is not None else None


def offerings(connection: Connection, since: int = -1) -> list[Offering]:
    """Return what every capability offers, or those that changed after a generation, by id."""
    changed = _OFFERINGS.where(capabilities.c.changed > since).order_by(capabilities.c.id)
    return [Offering(*_texts(row)) for row in connection.execute(changed)]


def has_capability(connection: Connection, capability: str) -> bool:
    """Return whether there is a capability of that id, offered or not."""
    return connection.execute(select(capabilities.c.id).where(capabilities.c.id == capability)).first() is not None


def count_offered(connection: Connection, *, after: str, include_deprecated: bool) -> int:
    """Return how many capabilities are offered, or there are, whose ids come after one."""
    found = select(func.count()).select_from(capabilities).where(capabilities.c.id > after)
    return connection.execute(
        found if include_deprecated else found.join(_offered, _OFFERED).where(_ACTIVE)
    ).scalar_one()


def offered_versions(connection: Connection, *, after: str, limit: int, include_deprecated: bool) -> Sequence[Row[Any]]:
    """Return the rows of `VERSIONS` that capabilities offer, or would offer, whose ids come after one, by id."""
    found = VERSIONS.where(versions.c.number == capabilities.c.current, versions.c.capability > after)
    found = found.order_by(versions.c.capability).limit(limit)
    return connection.execute(found if include_deprecated else found.where(_ACTIVE)).all()


def manifests_changed_since(connection: Connection, generation: int) -> list[tuple[str, bytes | None]]:
    """Return the ids of capabilities that changed after a generation, with the manifest that is offered, if any."""
    manifest = in_bytes(case((_ACTIVE, _offered.c.manifest), else_=None), "manifest")
    changed = select(capabilities.c.id, manifest).join(_offered, _OFFERED).order_by(capabilities.c.id)
    return [(name, text) for name, text in connection.execute(changed.where(capabilities.c.changed > generation))]


def find_content(connection: Connection, capability: str, content_hash: str) -> int | None:
    """Return the number of the newest version with that content."""
    same = (versions.c.capability == capability, versions.c.content_hash == content_hash)
    return connection.execute(select(func.max(versions.c.number)).where(*same)).scalar_one()


def newest(connection: Connection, capability: str, *conditions: ColumnElement[bool]) -> int | None:
    """Return the highest number of the versions that meet the conditions."""
    found = select(func.max(versions.c.number)).where(versions.c.capability == capability, *conditions)
    return connection.execute(found).scalar_one()


def version_numbers(connection: Connection, capability: str, *conditions: ColumnElement[bool]) -> list[int]:
    """Return the numbers of a capability's versions that meet the conditions, oldest first."""
    own = select(versions.c.number).where(versions.c.capability == capability, *conditions)
    return list(connection.execute(own.order_by(versions.c.number)).scalars())


def count_made(connection: Connection, shipped: str) -> int:
    """Return how many versions of what is offered are programs by other authors than `shipped`."""
    made = select(func.count()).select_from(versions).join(capabilities, versions.c.capability == capabilities.c.id)
    made = made.join(_offered, _OFFERED).where(IS_PROGRAM, versions.c.author != shipped, _ACTIVE)
    return connection.execute(made).scalar_one()


def count_versions(connection: Connection) -> int:
    """Return how many versions there are."""
    return connection.execute(select(func.count()).select_from(versions)).scalar_one()


def names_at_random(connection: Connection, count: int) -> list[tuple[str, int]]:
    """Return the ids and numbers of so many versions, each as likely as any other, in their order."""
    key = (versions.c.capability, versions.c.number)
    chosen = select(*key).order_by(func.random()).limit(count).subquery()
    return [(row[0], row[1]) for row in connection.execute(select(chosen).order_by(*chosen.c))]


def standings(connection: Connection, *conditions: ColumnElement[bool]) -> list[Standing]:
    """Return the versions that meet the conditions, by id and number."""
    return [Standing(*_texts(row)) for row in connection.execute(_STANDINGS.where(*conditions).order_by(*_KEY))]


def standings_of(connection: Connection, ids: Sequence[str]) -> list[Standing]:
    """Return the versions of those capabilities, by id and number where the ids are sorted."""
    return _in_parts(ids, lambda part: standings(connection, versions.c.capability.in_(part)))


def with_versions_before(connection: Connection, millis: int) -> list[str]:
    """Return the ids of capabilities that have a version from that time or before."""
    old = select(versions.c.capability).where(versions.c.created <= millis)  # for a distinct one SQLite would read all
    return list(dict.fromkeys(connection.execute(old).scalars()))


def standings_named(connection: Connection, names: Sequence[tuple[str, int]]) -> list[Standing]:
    """Return the versions of those ids and numbers, as far as there are, by id and number."""
    return _in_parts(names, lambda part: standings(connection, tuple_(*_KEY).in_(part)))


def children_of(connection: Connection, parents: Sequence[str]) -> list[Standing]:
    """Return the versions that were made from those of these names (`id@version`), by id and number."""
    return _in_parts(parents, lambda part: standings(connection, versions.c.parent.in_(part)))


def learned_examples(connection: Connection, generation: int) -> dict[str, list[str]]:
    """Return the example tasks learned for each capability that changed after a generation, oldest first."""
    found: dict[str, list[str]] = {}
    text = in_bytes(examples.c.text, "learned")
    learned = select(examples.c.capability, text).join(capabilities).order_by(insertion_order(examples))
    for row in connection.execute(learned.where(capabilities.c.changed > generation)):
        with suppress(UnicodeDecodeError):  # a damaged one teaches nothing
            found.setdefault(row.capability, []).append(row.learned.decode())
    return found


def _in_parts(names: Sequence[T], read: Callable[[Sequence[T]], list[Standing]]) -> list[Standing]:
    return [
        each for start in range(0, len(names), _NAMES_AT_ONCE) for each in read(names[start : start + _NAMES_AT_ONCE])
    ]


def _texts(row: Row[Any]) -> Iterator[Any]:
    """Yield the values of a row, bytes as text, with a mark in place of what is no UTF-8."""
    return (marked(value) if isinstance(value, bytes) else value for value in row)
