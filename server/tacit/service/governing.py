"""Governing: what is offered, what is granted, which policies hold, and the log of who decided it.

Each decision and its entry in the audit log are one transaction. `actor` is `cli`, `python`, `client` (a person who
was asked through one) or `policy`; nothing here decides by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tacit.catalog import EVERY, Catalog
from tacit.errors import InvalidArgument
from tacit.learning import Policies, PolicyVersion
from tacit.models import Permissions
from tacit.sandbox import not_granted
from tacit.store import Decision

MAX_ENTRIES = 10_000


class Governor:
    """The use cases that decide about capabilities; thread-safe."""

    def __init__(self, catalog: Catalog, policies: Policies) -> None:
        self._catalog = catalog
        self._policies = policies

    def deprecate(self, capability: str, version: int | None, successor: str | None, actor: str) -> None:
        """Stop offering a capability, or one version of it, and name what to run instead."""
        self._catalog.deprecate(capability, version, successor, by=Decision(actor))

    def restore(self, capability: str, version: int | None, actor: str) -> None:
        """Offer a deprecated or archived capability or version again."""
        self._catalog.restore(capability, version, by=Decision(actor))

    def archive(self, capability: str, version: int | None, actor: str) -> None:
        """Put a capability, or one version of it, away until it is restored."""
        self._catalog.archive(capability, version, by=Decision(actor))

    def rollback(self, capability: str, version: int, actor: str) -> dict[str, Any]:
        """Offer a version again; return `{id, version, changed}`: not `changed` where it was offered already."""
        changed = self._catalog.rollback(capability, version, by=Decision(actor))
        return {"id": capability, "version": version, "changed": changed}

    def grant(self, capability: str, permissions: Permissions | None, actor: str) -> dict[str, Any]:
        """Grant permissions, or what the offered version asks for and lacks; return what came to be granted.

        The answer is `{id, granted, grants}`: what was new, and all that holds for it now.
        """
        if permissions is None:
            if capability == EVERY:
                raise InvalidArgument(
                    "Say what to grant to every capability.", hint="Name hosts, files, time or calls."
                )
            asked = self._catalog.get(capability).manifest.permissions
            permissions = not_granted(asked, self._catalog.grants_for(capability)) or Permissions()
        granted = self._catalog.grant(capability, permissions, by=Decision(actor))
        return {"id": capability, "granted": _shown(granted), "grants": _shown(self._catalog.grants_for(capability))}

    def revoke(self, capability: str, permissions: Permissions | None, actor: str) -> dict[str, Any]:
        """Take back stored grants, or all that are stored; return `{id, revoked, grants}` as `grant` does.

        A run under way keeps what it began with. What the settings or a grant to `*` allow as well stays in `grants`.
        """
        revoked = self._catalog.revoke(capability, permissions, by=Decision(actor))
        return {"id": capability, "revoked": _shown(revoked), "grants": _shown(self._catalog.grants_for(capability))}

    def audit_log(self, limit: int, capability: str | None) -> list[dict[str, Any]]:
        """Return the newest entries, newest first: `{at, actor, action, capability, version, details}`."""
        if not 1 <= limit <= MAX_ENTRIES:
            raise InvalidArgument(f"limit is {limit}; ask for 1 to {MAX_ENTRIES} entries.")
        entries = self._catalog.store.audit.entries(limit, capability)
        return [
            {
                "at": entry.at,
                "actor": entry.actor,
                "action": entry.action,
                "capability": entry.capability,
                "version": entry.version,
                "details": entry.details,
            }
            for entry in entries
        ]

    def policies(self, name: str | None) -> list[dict[str, Any]]:
        """Return the policies in force, by name; with a name, every version of that one, the defaults first."""
        found = self._policies.all() if name is None else self._policies.history(name)
        return [_policy(each) for each in found]

    def set_policy(self, name: str, changes: Mapping[str, Any], actor: str, reason: str) -> dict[str, Any]:
        """Change some fields of a policy; return the version in force."""
        return _policy(self._policies.set(name, changes, Decision(actor), reason))

    def rollback_policy(self, name: str, version: int, actor: str, reason: str) -> dict[str, Any]:
        """Put the value of an earlier version in force, 0 for the defaults; return the version in force."""
        return _policy(self._policies.rollback(name, version, Decision(actor), reason))


def _shown(permissions: Permissions) -> dict[str, Any]:
    return permissions.model_dump(mode="json", exclude_defaults=True)


def _policy(found: PolicyVersion) -> dict[str, Any]:
    return {
        "name": found.name,
        "version": found.version,
        "value": found.value.model_dump(),
        "actor": found.actor,
        "reason": found.reason,
        "created": found.created,
    }
