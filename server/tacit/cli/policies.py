"""`tacit policy`: the named, versioned pieces of configuration, and how they are changed."""

from __future__ import annotations

import json
from typing import Any

import click

from tacit.cli.governance import ACTOR
from tacit.cli.layout import date, facts, table
from tacit.cli.terminal import Session, use_case
from tacit.errors import InvalidArgument
from tacit.plain_text import made_plain
from tacit.texts import compact

REASON = click.option("--reason", default="", help="Why, for the audit log.")


@click.group()
def policy() -> None:
    """Show and change the policies.

    They say what authors may use, what follows failures, and what is archived; docs/policies.md says what each field
    means. Every change adds a version, and any version can be put in force again.
    """


@policy.command(name="list")
@use_case()
def list_all(session: Session) -> None:
    """List the policies in force."""
    with session.service() as service:
        found = service.policies()
    rows = [[each["name"], each["version"], _set_by(each), _fields(each["value"])] for each in found]
    session.show(found, table(["POLICY", "VERSION", "SET BY", "VALUE"], rows))


@policy.command()
@click.argument("name")
@use_case()
def show(session: Session, name: str) -> None:
    """Show the policy NAME, and the versions that it had."""
    with session.service() as service:
        versions = service.policies(name)
    current = versions[-1]
    lines = facts({field: compact(value) for field, value in current["value"].items()})
    rows = [
        [each["version"], _set_by(each), _fields(_changed(versions, number)), made_plain(each["reason"])]
        for number, each in enumerate(versions)
    ]
    history = table(["VERSION", "SET BY", "CHANGED", "REASON"], rows)
    session.show(versions, "\n".join([f"{name}, version {current['version']}", *lines, "", history]))


@policy.command(name="set")
@click.argument("name")
@click.argument("changes", metavar="KEY=VALUE…", nargs=-1, required=True)
@REASON
@use_case()
def set_values(session: Session, name: str, changes: tuple[str, ...], reason: str) -> None:
    """Change fields of the policy NAME, such as deprecate_after=5."""
    values = _parsed(changes)
    with session.service() as service:
        found = service.set_policy(name, values, actor=ACTOR, reason=reason)
    session.show(found, _in_force(found))


@policy.command()
@click.argument("name")
@click.argument("version", metavar="N", type=click.IntRange(min=0))
@REASON
@use_case()
def rollback(session: Session, name: str, version: int, reason: str) -> None:
    """Put the value of version N of the policy NAME in force again; 0 are the defaults."""
    with session.service() as service:
        found = service.rollback_policy(name, version, actor=ACTOR, reason=reason)
    session.show(found, _in_force(found))


def _parsed(changes: tuple[str, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for change in changes:
        name, given, value = change.partition("=")
        if not given or not name:
            raise InvalidArgument(f"{change!r} is not of the form key=value.", hint="Such as deprecate_after=5.")
        if name in values:
            raise InvalidArgument(f"{name} is given twice.", hint="Give each key once.")
        values[name] = _value(value)
    return values


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _changed(versions: list[dict[str, Any]], number: int) -> dict[str, Any]:
    """Return the fields that a version has otherwise than the one before; those of the first are the defaults."""
    if not number:
        return {}
    before = versions[number - 1]["value"]
    return {name: value for name, value in versions[number]["value"].items() if before.get(name) != value}


def _set_by(found: dict[str, Any]) -> str:
    return f"{found['actor']} {date(found['created'])}" if found["version"] else "default"


def _fields(value: dict[str, Any]) -> str:
    return " ".join(f"{name}={compact(each)}" for name, each in value.items())


def _in_force(found: dict[str, Any]) -> str:
    return f"{found['name']} is at version {found['version']}: {_fields(found['value'])}"


COMMANDS = [policy]
