"""The policies: named, versioned pieces of configuration that people set, and that learning may tune.

Each is a model with bounds and defaults; docs/policies.md says what each field means. A policy that nobody set is at
version 0, its defaults. Setting one adds a version, and going back adds a version with an old value, so nothing that
was ever in force is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import Connection, func, insert, select

from tacit.clock import now_millis
from tacit.errors import InvalidArgument, UnknownPolicy, UnknownVersion
from tacit.models import problems_in
from tacit.store import Decision, Store
from tacit.store.failures import damaged
from tacit.store.tables import policies
from tacit.store.unicode import storable


class Policy(BaseModel):
    """Base of the policies: frozen, exact about types, and nothing unknown is silently dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class CostLimits(Policy):
    """What authors that are language models may use, per build and per day of 24 hours; 0 forbids it."""

    tokens_per_build: int = Field(default=200_000, ge=0, le=1 << 40)
    llm_calls_per_build: int = Field(default=40, ge=0, le=1_000_000)
    attempts_per_build: int = Field(default=12, ge=0, le=1_000_000)
    tokens_per_day: int = Field(default=2_000_000, ge=0, le=1 << 40)
    llm_calls_per_day: int = Field(default=400, ge=0, le=1_000_000)
    attempts_per_day: int = Field(default=200, ge=0, le=1_000_000)


class FailureHandling(Policy):
    """What follows when a version fails by its own fault."""

    deprecate_after: int = Field(default=3, ge=1, le=10_000)
    reflect_from: int = Field(default=2, ge=1, le=10_000)
    window: int = Field(default=20, ge=1, le=10_000)
    least_runs: int = Field(default=5, ge=1, le=10_000)
    worse_by: float = Field(default=0.2, gt=0, le=1)
    repairs_per_version: int = Field(default=2, ge=0, le=100)

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.least_runs > self.window:
            raise ValueError(f"least_runs ({self.least_runs}) is more than window ({self.window})")
        return self


class Pruning(Policy):
    """What a sweep archives."""

    superseded_days: float = Field(default=30.0, gt=0, le=36_500)
    unused_days: float = Field(default=90.0, gt=0, le=36_500)
    never_succeeded_runs: int = Field(default=5, ge=1, le=1_000_000)


POLICIES: dict[str, type[Policy]] = {
    "cost_limits": CostLimits,
    "failure_handling": FailureHandling,
    "pruning": Pruning,
}
"""Every policy, by name."""

MAX_REASON = 500
_P = TypeVar("_P", bound=Policy)


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A value that a policy has or had; `created` is in milliseconds, 0 for the defaults."""

    name: str
    version: int
    value: Policy
    actor: str = ""
    reason: str = ""
    created: int = 0


class Policies:
    """Looks policies up and sets them; thread-safe, and shared with other processes through the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._remembered: tuple[int, dict[str, PolicyVersion]] = (-1, {})

    def cost_limits(self) -> CostLimits:
        """Return what authors may use."""
        return self._value("cost_limits", CostLimits)

    def failure_handling(self) -> FailureHandling:
        """Return what follows when a version fails."""
        return self._value("failure_handling", FailureHandling)

    def pruning(self) -> Pruning:
        """Return what a sweep archives."""
        return self._value("pruning", Pruning)

    def get(self, name: str) -> PolicyVersion:
        """Return the version that is in force; raises `UnknownPolicy`."""
        _require(name)
        generation = self._store.generation()
        known, found = self._remembered
        if known != generation:
            with self._store.database.read() as connection:
                found = {each: self._newest(connection, each) for each in POLICIES}
            self._remembered = (generation, found)
        return found[name]

    def all(self) -> list[PolicyVersion]:
        """Return the version of each policy that is in force, by name."""
        return [self.get(name) for name in sorted(POLICIES)]

    def history(self, name: str) -> list[PolicyVersion]:
        """Return every version of a policy, the defaults first; raises `UnknownPolicy`."""
        model = _require(name)
        own = select(policies).where(policies.c.name == name).order_by(policies.c.version)
        with self._store.database.read() as connection:
            return [PolicyVersion(name, 0, model()), *map(self._read, connection.execute(own).all())]

    def set(self, name: str, changes: Mapping[str, Any], decision: Decision, reason: str = "") -> PolicyVersion:
        """Put a new version in force, with some fields changed; what changes nothing adds no version.

        Raises `UnknownPolicy`, or `InvalidArgument` that names each field and what was wrong with it.
        """
        model = _require(name)
        _check_reason(reason)
        with self._store.database.write(durable=True) as connection:
            before = self._newest(connection, name)
            try:
                value = model.model_validate({**before.value.model_dump(), **changes})
            except ValidationError as error:
                raise InvalidArgument(
                    f"The policy {name} cannot be set: {storable(problems_in(error))}.",
                    hint=f"It has {', '.join(model.model_fields)}; docs/policies.md says what each means.",
                ) from error
            return self._put(connection, before, value, decision, reason, {})

    def rollback(self, name: str, version: int, decision: Decision, reason: str = "") -> PolicyVersion:
        """Put the value of an earlier version in force again, as a new version; 0 means the defaults.

        Raises `UnknownPolicy` or `UnknownVersion`.
        """
        _require(name)
        _check_reason(reason)
        earlier = {each.version: each for each in self.history(name)}
        if version not in earlier:
            raise UnknownVersion(
                f"The policy {name} has no version {version}.",
                hint=f"It has {', '.join(map(str, list(earlier)[-10:]))}.",
                details={"versions": list(earlier)},
            )
        with self._store.database.write(durable=True) as connection:
            before = self._newest(connection, name)
            facts = {"value_of": version}
            return self._put(connection, before, earlier[version].value, decision, reason, facts)

    def _value(self, name: str, model: type[_P]) -> _P:
        value = self.get(name).value
        assert isinstance(value, model)  # noqa: S101  # POLICIES says so
        return value

    def _newest(self, connection: Connection, name: str) -> PolicyVersion:
        highest = select(func.max(policies.c.version)).where(policies.c.name == name).scalar_subquery()
        own = select(policies).where(policies.c.name == name, policies.c.version == highest)
        row = connection.execute(own).one_or_none()
        return self._read(row) if row is not None else PolicyVersion(name, 0, POLICIES[name]())

    def _read(self, row: Any) -> PolicyVersion:
        try:
            value = POLICIES[row.name].model_validate_json(row.value)
        except ValueError as error:
            problem = f"the policy {row.name} cannot be read, or a newer Tacit wrote it"
            raise damaged(self._store.database.path, problem) from error
        return PolicyVersion(row.name, row.version, value, row.actor, row.reason, row.created)

    def _put(
        self,
        connection: Connection,
        before: PolicyVersion,
        value: Policy,
        decision: Decision,
        reason: str,
        facts: Mapping[str, Any],
    ) -> PolicyVersion:
        if value == before.value:
            return before
        after = PolicyVersion(before.name, before.version + 1, value, decision.actor, storable(reason), now_millis())
        row = {
            "name": after.name,
            "version": after.version,
            "value": value.model_dump_json(),
            "actor": after.actor,
            "reason": after.reason,
            "created": after.created,
        }
        connection.execute(insert(policies), row)
        told = {"policy": after.name, "version": after.version, **changes_between(before.value, value), **facts}
        self._store.audit.add(connection, decision, "policy", facts={**told, **({"reason": reason} if reason else {})})
        self._store.meta.next_generation(connection)
        return after


def changes_between(before: Policy, after: Policy) -> dict[str, Any]:
    """Return `{"changes": {field: [before, after]}}` for the fields that differ."""
    old, new = before.model_dump(), after.model_dump()
    return {"changes": {name: [old[name], new[name]] for name in new if old[name] != new[name]}}


def _require(name: str) -> type[Policy]:
    model = POLICIES.get(name)
    if model is not None:
        return model
    closest = get_close_matches(name[:64].lower().replace("-", "_"), POLICIES, n=3, cutoff=0.0)
    raise UnknownPolicy(
        f"There is no policy {name[:64]!r}.", hint=f"Closest: {', '.join(closest)}.", details={"closest": closest}
    )


def _check_reason(reason: str) -> None:
    if len(reason) > MAX_REASON:
        raise InvalidArgument(f"The reason has {len(reason)} characters; the limit is {MAX_REASON}.")
