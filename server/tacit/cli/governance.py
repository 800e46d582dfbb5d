"""What the operator decides: what is offered, and what capabilities may do. Each decision is in the audit log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from pydantic import ValidationError

from tacit.cli.layout import date, table
from tacit.cli.references import only_id, reference
from tacit.cli.terminal import Session, use_case
from tacit.errors import InvalidArgument
from tacit.models import Permissions, problems_in
from tacit.plain_text import made_plain
from tacit.texts import compact

ACTOR = "cli"
VERSION = click.option("--version", type=click.IntRange(min=1), help="Only this version, as in ID@N.")


@click.command()
@click.argument("capability", metavar="ID[@N]")
@VERSION
@click.option("--successor", metavar="ID", help="The capability to run instead.")
@use_case()
def deprecate(session: Session, capability: str, version: int | None, successor: str | None) -> None:
    """Stop offering a capability, or one version of it."""
    name, number = reference(capability, version)
    instead = only_id(successor) if successor is not None else None
    with session.service() as service:
        service.deprecate(name, number, instead, actor=ACTOR)
        found = service.show(name)
    data = {"id": name, "version": number, "status": "deprecated", "successor": instead}
    left = "" if number is None else _offered(found)
    session.show(data, f"{_named(name, number)} is deprecated{left}")


@click.command()
@click.argument("capability", metavar="ID[@N]")
@VERSION
@use_case()
def restore(session: Session, capability: str, version: int | None) -> None:
    """Offer what was deprecated or archived again.

    It may be a capability, or one version of it.
    """
    name, number = reference(capability, version)
    with session.service() as service:
        service.restore(name, number, actor=ACTOR)
        found = service.show(name)
    left = "" if number is None else _offered(found)
    session.show({"id": name, "version": number, "status": "active"}, f"{_named(name, number)} is active{left}")


@click.command()
@click.argument("capability", metavar="ID")
@click.argument("number", metavar="N", required=False, type=click.IntRange(min=1))
@use_case()
def rollback(session: Session, capability: str, number: int | None) -> None:
    """Offer version N of a capability again.

    Newer ones are deprecated; `tacit restore` offers them again.
    """
    name, version = reference(capability, number)
    if version is None:
        raise InvalidArgument("Say which version to go back to.", hint=f"tacit history {name} shows those there are.")
    with session.service() as service:
        done = service.rollback(name, version, actor=ACTOR)
    state = "is offered again" if done["changed"] else "was offered already; nothing changed"
    session.show(done, f"{name}@{version} {state}")


_PERMISSIONS = (
    click.option("--http", metavar="HOST", multiple=True, help="A host, such as api.example.com or *.example.org."),
    click.option("--read", metavar="GLOB", multiple=True, help="Files to read, such as reports/**."),
    click.option("--write", metavar="GLOB", multiple=True, help="Files to write, such as out/*.csv."),
    click.option("--time", is_flag=True, help="The time."),
    click.option("--call", metavar="ID", multiple=True, help="A capability to call, or *."),
)


def _permission_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each field of `Permissions`."""
    for option in reversed(_PERMISSIONS):
        command = option(command)
    return command


@click.command()
@click.argument("capability", metavar="ID|*")
@_permission_options
@use_case()
def grant(session: Session, capability: str, **permissions: Any) -> None:
    """Grant permissions to a capability, or to all with '*'.

    Without options, a capability is granted what it asks for and lacks. Options may be given several times. A grant
    counts from the next run on, in every process, and beside those of the settings.
    """
    name = only_id(capability)
    with session.service() as service:
        done = service.grant(name, _permissions(permissions), actor=ACTOR)
    granted = f"granted to {_whom(name)}: {compact(done['granted'])}" if done["granted"] else _nothing_new(name)
    session.show(done, f"{granted}\nits grants now: {compact(done['grants'])}")


@click.command()
@click.argument("capability", metavar="ID|*")
@_permission_options
@use_case()
def revoke(session: Session, capability: str, **permissions: Any) -> None:
    """Take back what was granted to a capability, or to '*'.

    Without options, all of it. What the settings grant is changed in the settings.
    """
    name = only_id(capability)
    with session.service() as service:
        done = service.revoke(name, _permissions(permissions), actor=ACTOR)
    revoked = compact(done["revoked"]) if done["revoked"] else "nothing; no grant of it is stored"
    session.show(done, f"revoked of {_whom(name)}: {revoked}\nits grants now: {compact(done['grants'])}")


@click.command()
@click.argument("capability", metavar="[ID]", required=False)
@click.option("-n", "limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@use_case()
def audit(session: Session, capability: str | None, limit: int) -> None:
    """List who decided what, newest first."""
    name = only_id(capability) if capability is not None else None
    with session.service() as service:
        entries = service.audit_log(limit, name)
    rows = [
        [date(entry["at"]), entry["actor"], entry["action"], _subject(entry), made_plain(compact(entry["details"]))]
        for entry in entries
    ]
    session.show(entries, table(["WHEN", "WHO", "WHAT", "OF", "DETAILS"], rows) if rows else "Nothing was decided yet.")


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be archived.")
@use_case()
def prune(session: Session, *, dry_run: bool) -> None:
    """Archive what was superseded, is unused, or never worked.

    The policy `pruning` says when that is so. Nothing is deleted: `tacit restore` brings an archived capability or
    version back.
    """
    with session.service() as service:
        swept = service.prune(dry_run=dry_run, actor=ACTOR)
    rows = [[_named(each["id"], each["version"]), each["reason"]] for each in swept]
    done = "WOULD BE ARCHIVED" if dry_run else "ARCHIVED"
    session.show(swept, table([done, "BECAUSE"], rows) if rows else "There is nothing to archive.")


def _permissions(options: dict[str, Any]) -> Permissions | None:
    """Return what the options name; None without any."""
    named = {name: value for name, value in options.items() if value}
    try:
        return Permissions.model_validate(named) if named else None
    except ValidationError as error:
        raise InvalidArgument(f"That is nothing that can be granted: {problems_in(error)}.") from error


def _nothing_new(name: str) -> str:
    return f"nothing new for {_whom(name)}: all of it is granted already"


def _whom(name: str) -> str:
    return "every capability" if name == "*" else name


def _named(name: str, number: int | None) -> str:
    return name if number is None else f"{name}@{number}"


def _subject(entry: dict[str, Any]) -> str:
    if entry["capability"] is None:
        return str(entry["details"].get("policy", "-"))
    return _named(entry["capability"], entry["version"])


def _offered(found: dict[str, Any]) -> str:
    """Return what running the id runs now, where a single version was changed."""
    if found["capability_status"] != "active" or found["status"] != "active":
        return f"; {found['id']} is not offered"
    return f"; {found['id']} is offered as version {found['version']}"


COMMANDS = [rollback, deprecate, restore, grant, revoke, audit, prune]
