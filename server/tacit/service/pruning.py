"""Pruning: archiving what was superseded, is not used, or never worked. Nothing is deleted, all can be restored.

What a sweep leaves alone: what was shipped; the offered version of a capability that is used; what a recent version
was made from; whatever a person decided something about lately. Runs are kept only so long, and where they do not
reach back over the whole time of which they would have to tell, nothing counts as unused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tacit.catalog import Archival, Catalog, Standing
from tacit.catalog.shipped import AUTHOR as SHIPPED
from tacit.clock import now_millis
from tacit.learning import Policies, Pruning
from tacit.models import Status
from tacit.store import Decision, Tally

DAY_MILLIS = 86_400_000

Reason = Literal["superseded", "unused", "never_succeeded"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version to be archived, with its capability where it is the offered one; `last_run` is in milliseconds."""

    standing: Standing
    reason: Reason
    last_run: int | None
    runs: int

    def as_json(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        own = {"id": self.standing.id, "version": self.standing.version, "reason": self.reason}
        return {**own, "last_run": self.last_run, "runs": self.runs}

    def archival(self) -> Archival:
        """Return what the catalog has to do: where the offered version goes, no older one may take its place."""
        facts = {"reason": self.reason, "last_run": self.last_run, "runs": self.runs}
        version = None if self.standing.offered else self.standing.version
        return Archival(self.standing.id, version, facts)


class Pruner:
    """Plans and carries out sweeps; thread-safe."""

    def __init__(self, catalog: Catalog, policies: Policies) -> None:
        self._catalog = catalog
        self._policies = policies

    def prune(self, *, dry_run: bool, actor: str) -> list[dict[str, Any]]:
        """Archive what the policy `pruning` says, or with `dry_run` only say so; return it, by id and version."""
        if dry_run:
            return [each.as_json() for each in self.plan(now_millis())]
        found: list[Candidate] = []

        def choose() -> Iterable[Archival]:
            found.extend(self.plan(now_millis()))
            return [each.archival() for each in found]

        self._catalog.sweep(choose, by=Decision(actor))
        return [each.as_json() for each in found]

    def plan(self, now: int) -> list[Candidate]:
        """Return what a sweep at that time (in milliseconds) archives, by id and version; changes nothing.

        Only what may go is read: what has a version that is old enough, and what never succeeded.
        """
        store, policy = self._catalog.store, self._policies.pruning()
        tallies = store.runs.tallies()
        oldest = now - min(policy.superseded_days, policy.unused_days) * DAY_MILLIS
        failing = {name for (name, _), tally in tallies.items() if not tally.succeeded}
        by_capability: dict[str, list[Standing]] = {}
        for each in self._catalog.standings(failing.union(self._catalog.with_versions_before(int(oldest)))):
            by_capability.setdefault(each.id, []).append(each)
        made_from = self._catalog.children([each.name for some in by_capability.values() for each in some])
        sweep = _Sweep(
            policy=policy,
            now=now,
            tallies=tallies,
            uses=store.uses.last(),
            oldest_run=store.runs.oldest_millis(),
            decided=store.audit.last_decisions(),
            parents=frozenset(
                each.parent
                for each in made_from
                if each.parent and each.created > now - policy.superseded_days * DAY_MILLIS
            ),
        )
        return [found for some in by_capability.values() for found in sweep.of(some)]


@dataclass(frozen=True, slots=True)
class _Sweep:
    """What a plan goes by: the policy, the time, the runs and uses that are known, what was decided and made lately."""

    policy: Pruning
    now: int
    tallies: dict[tuple[str, int], Tally]
    uses: dict[tuple[str, int], int]
    oldest_run: int | None
    decided: dict[str, int]
    parents: frozenset[str]

    def of(self, versions: list[Standing]) -> Iterator[Candidate]:
        """Yield what goes of a capability's versions."""
        if versions[0].capability_status == Status.ARCHIVED:
            return
        for each in versions:
            reason = None if self._kept(each) else self._reason(each, versions)
            if reason is not None:
                tally = self.tallies.get((each.id, each.version))
                yield Candidate(each, reason, tally and tally.last_millis, tally.runs if tally else 0)

    def _last_used(self, each: Standing) -> int:
        """Return when a version ran or answered from a cache last, in milliseconds; 0 where that is not known."""
        name = (each.id, each.version)
        tally = self.tallies.get(name)
        return max(tally.last_millis if tally else 0, self.uses.get(name, 0))

    def _kept(self, each: Standing) -> bool:
        return each.status == Status.ARCHIVED or each.author == SHIPPED or each.name in self.parents

    def _reason(self, each: Standing, versions: list[Standing]) -> Reason | None:
        active = each.offered and each.status == each.capability_status == Status.ACTIVE
        if not active and self._never_succeeded(each) and not self._shields(each, versions):
            return "never_succeeded"
        if each.offered:
            return self._reason_for_whole(each, versions)
        offered = max((other.created for other in versions if other.offered), default=0)
        return "superseded" if self._is_over([each], self.policy.superseded_days, offered) else None

    def _reason_for_whole(self, each: Standing, versions: list[Standing]) -> Reason | None:
        """Return why the offered version, and with it the capability, goes."""
        if self._shields(each, versions):
            return None
        if each.capability_status == Status.DEPRECATED and each.successor:
            return "superseded" if self._is_over(versions, self.policy.superseded_days) else None
        known = self.oldest_run is None or self.oldest_run <= self.now - self.policy.unused_days * DAY_MILLIS
        return "unused" if known and self._is_over(versions, self.policy.unused_days) else None

    def _shields(self, each: Standing, versions: list[Standing]) -> bool:
        """Whether a version that is kept keeps the capability, which would go with its offered version."""
        return each.offered and any(self._kept(other) and other.status != Status.ARCHIVED for other in versions)

    def _never_succeeded(self, each: Standing) -> bool:
        tally = self.tallies.get((each.id, each.version))
        if tally is None or tally.succeeded or tally.runs < self.policy.never_succeeded_runs:
            return False
        return self.decided.get(each.id, 0) <= self.now - self.policy.superseded_days * DAY_MILLIS

    def _is_over(self, versions: list[Standing], days: float, since: int = 0) -> bool:
        """Whether none of the versions was used, registered or decided about for so long."""
        last = [since, self.decided.get(versions[0].id, 0), *map(self._last_used, versions)]
        return max(*last, *(each.created for each in versions)) <= self.now - days * DAY_MILLIS
