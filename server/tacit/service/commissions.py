"""A task that a language model is to write a capability for: what it is told, and what it is answered."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tacit.building.orders import AuthorRequest, Budget, Material, Replay
from tacit.building.protocol import Answer, Authored, Question
from tacit.catalog import Catalog, Version, callees_in, problem_calling
from tacit.errors import BuildRefused, InvalidArgument
from tacit.models import Card, Effect, Language, MutateRequest
from tacit.programs.callees import AGENT
from tacit.service.contracts import contracts_of
from tacit.service.finding import Finder
from tacit.service.planning import Plan, language_of
from tacit.texts import search_text

MAX_HITS = 5
"""Of a search that an author asks for."""
MAX_NEAREST = 5
MAX_MATERIAL = 24 * 1024
"""Characters of source and tests of one capability close to the task; larger ones would fill a model's context."""


@dataclass(frozen=True, slots=True)
class Commission:
    """What is asked of the author: the request, and the version that it names as its parent."""

    request: MutateRequest
    task: str
    parent: Version | None

    @property
    def renewed(self) -> Version | None:
        """The version that the new one replaces, if it does."""
        return self.parent if self.parent is not None and self.parent.id == self.request.id else None

    @property
    def language(self) -> Language | None:
        """The language that the request names, or else that of the version before; None leaves it to the author."""
        named = self.renewed is not None or "language" in self.request.model_fields_set
        return language_of(self.request, self.renewed) if named else None

    def order(
        self,
        job: str,
        nearest: Sequence[Version],
        replays: Sequence[Replay],
        budget: Budget,
        effects_of: Callable[[Version], frozenset[Effect]],
    ) -> AuthorRequest:
        """Return what the builder is asked for; `effects_of` gives those of a version with all that it reaches."""
        given = self.request
        return AuthorRequest(
            job=job,
            task=self.task,
            language=self.language,
            id=given.id,
            summary=given.summary,
            input_schema=given.input_schema,
            output_schema=given.output_schema,
            permissions=given.permissions if "permissions" in given.model_fields_set else None,
            tests=given.tests,
            examples=given.examples,
            input=given.input,
            parent=material_of(self.parent, effects_of(self.parent)) if self.parent else None,
            renews=self.renewed is not None,
            replays=tuple(replays),
            nearest=tuple(material_of(version, effects_of(version)) for version in nearest if _fits(version)),
            budget=budget,
        )

    def plan(self, authored: Authored) -> Plan:
        """Return what was written as the version that it will be."""
        parent = self.parent
        lineage = f"{parent.id}@{parent.version}" if parent else None
        return Plan(
            manifest=authored.manifest.model_copy(update={"parent": lineage, "version": 1}),
            source=authored.source,
            tests=authored.tests,
            parent=parent,
            parent_tests=self.renewed.tests if self.renewed else (),
        )


def make_commission(request: MutateRequest, catalog: Catalog) -> Commission:
    """Return what the request asks an author for.

    Raises `UnknownCapability` for the parent, and `BuildRefused("duplicate")` for an id that is taken.
    """
    task = task_of(request)
    if not task:
        raise InvalidArgument("Say what is to be made: give a task in words.")
    parent = catalog.get(request.parent_id) if request.parent_id else None
    commission = Commission(request, task, parent)
    if request.id and commission.renewed is None and catalog.has(request.id):
        raise id_taken(request.id)
    return commission


def task_of(request: MutateRequest) -> str:
    """Return the task in words, as far as the request says it; empty where it says nothing."""
    return (request.task or request.summary or (request.id or "").replace("_", " ")).strip()


def id_taken(name: str) -> BuildRefused:
    """Return the refusal of an id that another capability has."""
    return BuildRefused(
        "duplicate",
        f"A capability {name} exists already.",
        hint=f"For a new version of it pass parent_id: {name}; for another capability choose another id.",
        details={"closest": [name]},
    )


def material_of(version: Version, effects: frozenset[Effect]) -> Material:
    """Return a version with its effects as an author is shown it."""
    return Material(
        manifest=version.manifest,
        effects=tuple(sorted(effects)),
        source=dict(version.source),
        tests=version.tests,
    )


class Reservations:
    """The ids that authors of this process have been promised, so that no two write the same; thread-safe."""

    def __init__(self) -> None:
        self._holders: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, name: str, instead_of: str | None) -> bool:
        """Promise an id, giving up the one promised before; False when another author has it."""
        with self._lock:
            if name != instead_of and self._holders[name]:
                return False
            self._release(instead_of)
            self._holders[name] += 1
            return True

    def release(self, name: str | None) -> None:
        """Give a promised id up."""
        with self._lock:
            self._release(name)

    def _release(self, name: str | None) -> None:
        if name is not None:
            self._holders[name] -= 1


class Consultant:
    """Answers the questions of one author from the catalog; belongs to one commission."""

    def __init__(self, commission: Commission, catalog: Catalog, finder: Finder, reservations: Reservations) -> None:
        self._commission = commission
        self._catalog = catalog
        self._finder = finder
        self._reservations = reservations
        self._promised: str | None = None

    @property
    def promised(self) -> str | None:
        """The id that the author's last accepted proposal has."""
        return self._promised

    def answer(self, question: Question) -> Answer:
        """Return what the author is told: hits as text, or whether its proposal may be built."""
        if question.asks == "search":
            return Answer(number=question.number, text=search_text(self._finder.search(question.query, MAX_HITS)))
        if question.asks == "contracts":
            return Answer(number=question.number, callees=contracts_of(self._catalog, question.calls))
        if question.card is None:
            return Answer(number=question.number, text="The proposal has no card.", refused=True)
        if question.asks == "compose":
            problem = self._problem_composing(question.card.id, question.calls)
            return Answer(number=question.number, text=problem, refused=bool(problem))
        problem = self.problem_with(question.card)
        if problem is None and not self._reservations.take(question.card.id, self._promised):
            problem = f"Another author is writing {question.card.id} at this moment. Choose another id."
        if problem is None:
            self._promised = question.card.id
        return Answer(number=question.number, text=problem or "Accepted.", refused=problem is not None)

    def problem_with(self, card: Card) -> str | None:
        """Return why a proposal cannot become a capability and what to do, or None."""
        request, parent = self._commission.request, self._commission.parent
        if request.id and card.id != request.id:
            return f"The id has to be {request.id}, as the request says."
        if self._commission.renewed is not None:
            return None
        if self._catalog.has(card.id):
            return f"A capability {card.id} exists already: {self._summary(card.id)} Choose another id."
        besides = {card.id, *({parent.id} if parent else ())}
        found = [] if request.force else [match.id for match in self._finder.duplicates(card, besides)]
        if found:
            shown = "; ".join(f"{name}: {self._summary(name)}" for name in found)
            return (
                f"This exists already: {shown} Propose what the task needs beyond it, and say in summary and examples "
                "what is different; what exists can be called with capability_call."
            )
        return None

    @contextmanager
    def consulted(self) -> Generator[Consultant]:
        """Give up what was promised at the end."""
        try:
            yield self
        finally:
            self._reservations.release(self._promised)
            self._promised = None

    def _problem_composing(self, name: str, calls: Sequence[str]) -> str:
        """Return why a program of that id cannot call all of these, empty where it can."""
        find = callees_in(self._catalog)
        found = [problem for each in calls if each != AGENT and (problem := problem_calling(name, each, find))]
        return f"{'; '.join(found)}." if found else ""

    def _summary(self, name: str) -> str:
        found = self._catalog.whole(name)
        return found.manifest.summary if found else ""


def _fits(version: Version) -> bool:
    """Return whether an author is shown a capability close to the task."""
    tests: list[dict[str, Any]] = [test.model_dump() for test in version.tests]
    return sum(map(len, version.source.values())) + len(str(tests)) <= MAX_MATERIAL
