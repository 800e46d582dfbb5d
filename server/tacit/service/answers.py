"""The answers of `mutate_capability`, made of what a build came to."""

from __future__ import annotations

from collections.abc import Sequence

from tacit.catalog import Version, tests_as_json
from tacit.errors import BuildRefused
from tacit.models import Effect, MutateAnswer, Status, TestResult
from tacit.programs.builtins import BUILTINS
from tacit.programs.machine import INPUT
from tacit.service.finding import example_input

WRITE_IT = "Write the source and tests as the brief says, and call mutate_capability again with them."


def building(job_id: str, *, with_input: bool) -> MutateAnswer:
    """Answer that a build goes on; `with_input` where the caller gave one, which a build does not keep."""
    more = " and your input again" if with_input else ""
    return MutateAnswer(
        status="building",
        job=job_id,
        message="The build goes on.",
        hint=f'Call mutate_capability with only {{"job": "{job_id}"}}{more} to wait for it.',
    )


def registered(
    version: Version,
    parent: Version | None,
    *,
    effects: frozenset[Effect],
    job: str,
    tests: tuple[TestResult, ...],
    unheeded: Sequence[str] = (),
    dead_ends: Sequence[str] = (),
    dropped: int = 0,
) -> MutateAnswer:
    """Answer that a version is kept; `parent` is what it was made from.

    `effects` are those of the version and of all that it reaches, `unheeded` the callees whose inputs no test looks at,
    `dead_ends` the ways to callees that are not offered any more, `dropped` how many tests of the parent could not be
    compared.
    """
    notes = (_unheeded_note(unheeded), _dead_ends_note(dead_ends), _dropped_note(dropped), _name_note(version.id))
    return MutateAnswer(
        status="registered",
        id=version.id,
        version=version.version,
        parent=version.parent,
        effects=tuple(sorted(effects)),
        tests=tests,
        message=" ".join(filter(None, (_registered_message(version, parent), *notes))),
        job=job,
        author=version.author,
    )


def refused(refusal: BuildRefused, *, author: str = "", job: str | None = None) -> MutateAnswer:
    """Answer at which stage a request was refused, and why."""
    details = refusal.details
    return MutateAnswer(
        status="refused",
        stage=refusal.stage,
        message=refusal.message,
        hint=refusal.hint,
        diagnostics=str(details.get("diagnostics", "")),
        tests=tuple(TestResult.model_validate(test) for test in details.get("tests", ())),
        closest=tuple(details.get("closest", ())),
        job=job,
        author=author,
    )


def start_of(version: Version) -> dict[str, object]:
    """Return what an author needs of a capability to start from it."""
    manifest = version.manifest
    return {
        "id": version.id,
        "version": version.version,
        "summary": manifest.summary,
        "language": manifest.language,
        "source": version.source,
        "input_schema": manifest.input_schema,
        "output_schema": manifest.output_schema,
        "permissions": manifest.permissions.model_dump(mode="json", exclude_defaults=True),
        "examples": list(manifest.examples),
        "example_input": example_input(version),
        "tests": tests_as_json(version.tests),
    }


def _unheeded_note(callees: Sequence[str]) -> str:
    if not callees:
        return ""
    named = ", ".join(callees)
    return f"Its tests answer any input of {named} alike; `exchanges` instead of `calls` would test what it gets."


def _dead_ends_note(ways: Sequence[str]) -> str:
    return f"Some of its calls fail: {'. '.join(ways)}." if ways else ""


def _name_note(capability: str) -> str:
    hidden = capability == INPUT or capability in BUILTINS
    return f"No program can call it: `call {capability}` means the built-in of that name." if hidden else ""


def _dropped_note(count: int) -> str:
    if not count:
        return ""
    tests = "One test" if count == 1 else f"{count} tests"
    return f"{tests} of the version before could not be compared, for want of what only this one asks, and went."


def _registered_message(version: Version, parent: Version | None) -> str:
    if parent is not None and (version.id, version.version) == (parent.id, parent.version):
        name = f"{version.id}@{version.version}"
        same = f"Nothing changed: {name} has this very source, manifest and tests already."
        if version.status is version.capability_status is Status.ACTIVE:
            return same
        return f"{same} It is not offered; `tacit restore {name}` offers it again."
    return f"Run it: run_capability with id {version.id}."
