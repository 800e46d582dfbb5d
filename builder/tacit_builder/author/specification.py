"""The first step: what a capability is to do, said so exactly that its tests and its source can be written apart.

What the request gives holds; the model fills in the rest. Nothing here looks at a source or a test.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

from pydantic import Field, ValidationError

from tacit.building.orders import AuthorRequest
from tacit.building.summaries import summary_problem
from tacit.errors import InvalidArgument, InvalidManifest
from tacit.models import (
    MAX_EXAMPLES,
    Card,
    Effect,
    Expectation,
    JsonSchema,
    Language,
    Manifest,
    Model,
    Permissions,
    PlainText,
    problems_in,
)
from tacit.sandbox.grants import missing_for
from tacit.schemas.validator import check_schema, compile_schema, shorten
from tacit_builder.author import prompts
from tacit_builder.author.conversation import Conversation
from tacit_builder.author.desk import Desk
from tacit_builder.author.lookups import Lookups
from tacit_builder.author.materials import brief_of, fixed_id
from tacit_builder.author.worlds import closed_doors
from tacit_builder.request import asserts_output

MAX_SPECIFICATION = 40_000
"""Characters of a specification, which stands whole in every context."""
MAX_MISFITS = 5
"""How many of them the model is told at once."""
_EXAMPLES = (3, 5)
_PERMISSION_OF = {effect: missing_for([effect], Permissions())[0] for effect in Effect}


@dataclass(frozen=True, slots=True)
class Specification:
    """What a capability is to do: its manifest, the effects that it needs, and its behaviour in sentences."""

    manifest: Manifest
    effects: tuple[Effect, ...]
    behaviour: tuple[str, ...]

    def text(self) -> str:
        """Return it as JSON, as models read it."""
        named = self.manifest.model_dump(
            mode="json",
            include={"id", "summary", "language", "input_schema", "output_schema", "permissions", "examples"},
        )
        return json.dumps(
            {**named, "effects": list(self.effects), "behaviour": list(self.behaviour)}, ensure_ascii=False, indent=1
        )


class _Submitted(Model):
    """What the model hands in; what the request gives may be left out."""

    id: str | None = None
    summary: str = ""
    language: Language | None = None
    input_schema: JsonSchema | None = None
    output_schema: JsonSchema | None = None
    effects: tuple[Effect, ...]
    permissions: Permissions | None = None
    examples: tuple[str, ...] = ()
    behaviour: tuple[Annotated[PlainText, Field(min_length=10, max_length=1000)], ...] = Field(
        min_length=2, max_length=60
    )


def specify(desk: Desk, request: AuthorRequest) -> Specification:
    """Return the specification of what the request asks for; raises `BuildRefused` when there comes none that holds."""
    desk.report("specification", "Writing the specification", 0.02)
    return _converse(desk, request, brief_of(request), fixed=None)


def respecify(desk: Desk, request: AuthorRequest, before: Specification, reason: str) -> Specification:
    """Return a specification changed for an accepted `reason`; the id stays."""
    desk.report("specification", "Revising the specification", 0.3)
    brief = (
        f"{brief_of(request)}\n\nThere is a specification already:\n{before.text()}\n"
        f"It has to change, for this reason:\n{prompts.framed('reason', reason)}\n"
        "Change what the reason needs and nothing else; the id stays. Hand in all of it."
    )
    return _converse(desk, request, brief, fixed=before)


def _converse(desk: Desk, request: AuthorRequest, brief: str, fixed: Specification | None) -> Specification:
    lookups = Lookups(desk.inquiry.search)
    tools = [prompts.SUBMIT_SPECIFICATION, *lookups.tools]

    def accept(arguments: dict[str, Any]) -> Specification:
        found = _checked(arguments, request, fixed)
        if not request.renews and fixed is None:
            _propose(desk, found.manifest)
        if found.manifest.language == "program":
            _compose(desk, found.manifest)
        return found

    with Conversation(desk, "specification", prompts.SPECIFICATION, brief, tools) as talk:
        found = talk.obtain(accept, "specification", lookups)
    desk.findings.note("The specification", found.text())
    return found


def _propose(desk: Desk, manifest: Manifest) -> None:
    problem = desk.inquiry.propose(_card(manifest))
    if problem:
        raise InvalidArgument(problem, details={"stage": "duplicate"})


def _compose(desk: Desk, manifest: Manifest) -> None:
    problem = desk.inquiry.compose(_card(manifest), manifest.permissions.call)
    if problem:
        raise InvalidArgument(f"permissions: {problem}", details={"stage": "imports"})


def _card(manifest: Manifest) -> Card:
    return Card(id=manifest.id, summary=manifest.summary, examples=manifest.examples)


def _checked(arguments: dict[str, Any], request: AuthorRequest, fixed: Specification | None) -> Specification:
    """Return what was handed in with what is given; raises `InvalidArgument` with all that is wrong."""
    try:
        submitted = _Submitted.model_validate(arguments)
        manifest = _manifest(submitted, request, fixed)
    except ValidationError as error:
        raise InvalidArgument(f"{shorten(problems_in(error), 2000)}.") from error
    problems = [*_departures(submitted, request, fixed), *_problems(manifest, submitted.effects, request)]
    if problems:
        raise InvalidArgument(" ".join(problems))
    found = Specification(manifest, submitted.effects, submitted.behaviour)
    if (size := len(found.text())) > MAX_SPECIFICATION:
        raise InvalidArgument(f"The specification has {size} characters; {MAX_SPECIFICATION} are the most.")
    return found


def _manifest(submitted: _Submitted, request: AuthorRequest, fixed: Specification | None) -> Manifest:
    given = request.examples or (request.parent.manifest.examples if request.renews and request.parent else ())
    return Manifest(
        id=_held_id(request, fixed) or submitted.id or "",
        summary=request.summary or submitted.summary,
        language=_held_language(request, fixed) or submitted.language or "rust",
        input_schema=_first(request.input_schema, submitted.input_schema, {}),
        output_schema=_first(request.output_schema, submitted.output_schema, {}),
        permissions=_first(request.permissions, submitted.permissions, Permissions()),
        examples=tuple(dict.fromkeys((*given, *submitted.examples)))[:MAX_EXAMPLES],
    )


def _held_id(request: AuthorRequest, fixed: Specification | None) -> str | None:
    return fixed.manifest.id if fixed else fixed_id(request)


def _held_language(request: AuthorRequest, fixed: Specification | None) -> Language | None:
    return fixed.manifest.language if fixed else request.language


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)


def _departures(submitted: _Submitted, request: AuthorRequest, fixed: Specification | None) -> Iterator[str]:
    """Yield where something was handed in that is not what is given; a summary alone is replaced without a word."""
    identity = _held_id(request, fixed)
    if identity is not None and submitted.id not in (None, identity):
        yield f"id: it has to be {identity!r}."
    language = _held_language(request, fixed)
    if language is not None and submitted.language not in (None, language):
        yield f"language: it has to be {language!r}."
    for name in ("input_schema", "output_schema", "permissions"):
        given, handed_in = getattr(request, name), getattr(submitted, name)
        if given is not None and handed_in is not None and handed_in != given:
            yield f"{name}: it is given; leave it as it is, and fit the behaviour to it."


def _problems(manifest: Manifest, effects: tuple[Effect, ...], request: AuthorRequest) -> Iterator[str]:
    if problem := summary_problem(manifest.summary, manifest.id):
        yield f"summary: {problem}"
    least, most = _EXAMPLES
    if len(manifest.examples) < least or (
        len(manifest.examples) > most and not request.examples and not request.renews
    ):
        yield f"examples: there are {len(manifest.examples)}, and {least} to {most} different ones are needed."
    for name in ("input_schema", "output_schema"):
        if problem := _schema_problem(getattr(manifest, name), given=getattr(request, name) is not None):
            yield f"{name}: {problem}"
    yield from _permission_problems(manifest.permissions, effects, given=request.permissions is not None)
    if manifest.language == "program":
        yield from _program_problems(manifest.permissions, effects)
    if not any(_schema_problem(schema, given=True) for schema in (manifest.input_schema, manifest.output_schema)):
        yield from islice(_misfits(manifest, request), MAX_MISFITS)


def _misfits(manifest: Manifest, request: AuthorRequest) -> Iterator[str]:
    """Yield where the input that waits, or a test that has to pass, does not fit the schemas and permissions."""
    takes, gives = compile_schema(manifest.input_schema), compile_schema(manifest.output_schema)
    for violation in takes.violations(request.input) if request.input is not None else ():
        yield (
            f"input_schema: the task comes with an input that has to fit it, and does not at "
            f"{violation['path']}: {violation['message']}."
        )
    before = request.parent.tests if request.parent and request.renews else ()
    for test in (*request.tests, *before):
        has_to = f"the test {test.name!r} has to pass, and"
        for violation in takes.violations(test.input) if test.expect.error is None else ():
            yield f"input_schema: {has_to} its input does not fit at {violation['path']}: {violation['message']}."
        for violation in gives.violations(test.expect.output) if "output" in test.expect.model_fields_set else ():
            yield f"output_schema: {has_to} its output does not fit at {violation['path']}: {violation['message']}."
        for door in closed_doors(test, manifest.permissions):
            yield f"permissions: {has_to} {door}."


def _schema_problem(schema: JsonSchema, *, given: bool) -> str:
    try:
        check_schema(schema)
    except InvalidManifest as error:
        return str(error)
    if not given and not asserts_output(Expectation(output_matches=schema)):
        return "it rules nothing out; say at least its type."
    return ""


def _permission_problems(permissions: Permissions, effects: Iterable[Effect], *, given: bool) -> Iterator[str]:
    needed = set(effects)
    for name in missing_for(needed, permissions):
        yield f"permissions: the effects need {name!r}, which asks for nothing."
    for effect, name in _PERMISSION_OF.items():
        if getattr(permissions, name) and effect not in needed and not given:
            yield f"permissions: {name!r} asks for what no effect needs; leave it out, or add the effect {effect}."


def _program_problems(permissions: Permissions, effects: Iterable[Effect]) -> Iterator[str]:
    if others := sorted({*effects} - {Effect.CALLS}):
        yield f"effects: a program only calls, so leave out {', '.join(others)}; what it calls has effects of its own."
    if others := sorted(permissions.model_dump(exclude={"call"}, exclude_defaults=True)):
        yield f"permissions: a program may only be permitted to call, so leave out {', '.join(others)}."
    if "*" in permissions.call:
        yield "permissions: a program names what it calls; list ids instead of '*'."


def narrowed(manifest: Manifest, effects: Iterable[Effect]) -> Manifest:
    """Return the manifest with no more fields of its permissions than a module of those effects can use."""
    used = {_PERMISSION_OF[effect] for effect in effects}
    kept = {name: getattr(manifest.permissions, name) for name in Permissions.model_fields if name in used}
    return manifest.model_copy(update={"permissions": Permissions(**kept)})
