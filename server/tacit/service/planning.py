"""From the arguments of `mutate_capability` to a plan: what will be built, and as whose version or child.

A new version (the id is the parent's) inherits from its parent whatever the request leaves out and has to pass
the parent's tests as well. A child inherits nothing but its lineage: it may do no more than it asks for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import ValidationError

from tacit.building import BuildRequest
from tacit.building.orders import Replay
from tacit.building.summaries import summary_problem
from tacit.catalog import Catalog, Version
from tacit.errors import BuildRefused
from tacit.models import (
    MAX_EXAMPLE,
    Card,
    Contract,
    JsonSchema,
    Language,
    Manifest,
    MutateRequest,
    Permissions,
    TestCase,
    problems_in,
)
from tacit.programs.callees import ROOT as PROGRAM_ROOT


@dataclass(frozen=True, slots=True)
class Plan:
    """One version to be: its manifest, source and tests, and the version that it comes from."""

    manifest: Manifest
    source: dict[str, str]
    tests: tuple[TestCase, ...]
    parent: Version | None
    parent_tests: tuple[TestCase, ...]

    @property
    def renewed(self) -> Version | None:
        """The version that this one replaces, if it does."""
        return self.parent if self.parent is not None and self.parent.id == self.manifest.id else None

    @property
    def card(self) -> Card:
        """What search will index of it."""
        return Card(id=self.manifest.id, summary=self.manifest.summary, examples=self.manifest.examples)

    def all_tests(self, held_to: Iterable[int]) -> tuple[TestCase, ...]:
        """Return what the version keeps: its own tests, and those of its parent, by their place, that it is held to."""
        names = {test.name for test in self.tests}
        kept = list(self.tests)
        for test in (self.parent_tests[place] for place in held_to):
            earlier = f"{test.name} (@{self.parent.version})" if self.parent else test.name
            kept.append(test.model_copy(update={"name": earlier}) if test.name in names else test)
        return tuple(kept)

    @property
    def callees(self) -> frozenset[str]:
        """The ids of those whose answers tests give."""
        return frozenset(name for test in (*self.tests, *self.parent_tests) for name in test.callees)

    def build_request(
        self,
        job: str,
        replays: tuple[Replay, ...] = (),
        *,
        accepts_differences: bool = False,
        callees: Mapping[str, Contract] = MappingProxyType({}),
    ) -> BuildRequest:
        """Return what the builder is asked for; `replays` are runs of the version that this one replaces."""
        return BuildRequest(
            job=job,
            id=self.manifest.id,
            language=self.manifest.language,
            source=self.source,
            permissions=self.manifest.permissions,
            tests=self.tests,
            parent_tests=self.parent_tests,
            parent_permissions=self.parent.manifest.permissions if self.parent else Permissions(),
            replays=replays,
            accepts_differences=accepts_differences,
            input_schema=self.manifest.input_schema,
            output_schema=self.manifest.output_schema,
            callees=dict(callees),
        )


def make_plan(request: MutateRequest, catalog: Catalog) -> Plan:
    """Return what the request asks to build.

    Raises `UnknownCapability` for the parent, and `BuildRefused("request")` naming all that is missing at once.
    """
    parent = catalog.get(request.parent_id) if request.parent_id else None
    renewed = parent if parent is not None and parent.id == request.id else None
    _require(request, renewed)
    tests = request.tests or (renewed.tests if renewed else ())
    language = language_of(request, renewed)
    return Plan(
        manifest=_manifest(request, language, parent, renewed.manifest if renewed else None),
        source=_source(request.source or {}, language),
        tests=tests,
        parent=parent,
        parent_tests=renewed.tests if renewed and request.tests else (),
    )


def language_to_brief(request: MutateRequest, catalog: Catalog) -> Language:
    """Return the language that a request without source wants: the one it names, or else that of its parent.

    Raises `UnknownCapability` for the parent.
    """
    return language_of(request, catalog.get(request.parent_id) if request.parent_id else None)


def language_of(request: MutateRequest, before: Version | None) -> Language:
    """Return the language that is asked for, or else that of the version before."""
    if "language" in request.model_fields_set or before is None:
        return request.language
    return before.manifest.language


def _source(given: str | dict[str, str], language: Language) -> dict[str, str]:
    """Return the texts by their paths below `src/`; of two that would become one, the builder says so."""
    if isinstance(given, str):
        return {PROGRAM_ROOT if language == "program" else "main.rs": given}
    below = {path.removeprefix("src/"): text for path, text in given.items()}
    return below if len(below) == len(given) else given


def _require(request: MutateRequest, renewed: Version | None) -> None:
    missing: list[str] = []
    if not request.id:
        missing.append("id (lower_case_words, such as convert_currency)")
    if not request.summary and renewed is None:
        missing.append("summary (one sentence that says what it does; search goes by it)")
    if not request.tests and renewed is None:
        missing.append("tests (at least one: {name, input, expect: {output}})")
    if missing:
        raise BuildRefused(
            "request",
            f"The request has source, but lacks: {'; '.join(missing)}.",
            hint="Add them and call again; without source you get a brief with an example call.",
        )


def _manifest(
    request: MutateRequest, language: Language, parent: Version | None, inherited: Manifest | None
) -> Manifest:
    if request.summary and (problem := summary_problem(request.summary, request.id or "")):
        raise BuildRefused("request", problem, hint="Search goes by the summary; then call again.")
    examples = request.examples or (inherited.examples if inherited else ())
    asked = request.permissions if "permissions" in request.model_fields_set else None
    try:
        return Manifest(
            id=request.id or "",
            summary=request.summary or (inherited.summary if inherited else ""),
            binary="" if language == "program" else f"{request.id}.wasm",
            language=language,
            examples=examples or ((request.task[:MAX_EXAMPLE],) if request.task else ()),
            permissions=asked or (inherited.permissions if inherited else request.permissions),
            parent=f"{parent.id}@{parent.version}" if parent else None,
            input_schema=_schema(request.input_schema, inherited and inherited.input_schema),
            output_schema=_schema(request.output_schema, inherited and inherited.output_schema),
        )
    except ValidationError as error:
        raise BuildRefused("request", f"The manifest is not valid: {problems_in(error)}.") from error


def _schema(asked: JsonSchema | None, inherited: JsonSchema | None) -> JsonSchema:
    return asked if asked is not None else inherited or {}
