"""The first stage of a build: what can be refused without compiling anything.

It looks at names, sizes, schemas and the form of the tests; whether the tests pass is for the sandbox to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tacit.building.orders import BuildRequest
from tacit.building.protocol import MAX_TESTS
from tacit.building.quality import require_telling
from tacit.errors import BuildRefused, InvalidManifest
from tacit.models import Expectation, Language, TestCase
from tacit.programs.callees import source_in
from tacit.schemas.validator import check_schema, compile_schema
from tacit_builder.contracts import check_contracts
from tacit_builder.toolchain.source import checked_source

_NOTES = frozenset({"$schema", "$id", "$comment", "$defs", "title", "description", "default", "examples"})
"""Keywords of JSON Schema that assert nothing."""


def check_request(request: BuildRequest) -> None:
    """Raise `BuildRefused` at stage `request`, or at `tests` where one contradicts a schema or all tell too little."""
    check_source(request.source, request.language)
    for name, schema in (("input_schema", request.input_schema), ("output_schema", request.output_schema)):
        _check_schema(name, schema)
    _check_tests(request.tests)
    tests = (*request.tests, *request.parent_tests)
    for test in tests:
        if test.expect.output_matches is not None:
            _check_schema(f"output_matches of test {test.name!r}", test.expect.output_matches)
    _check_against_schemas(request, tests)
    check_contracts(request.tests, request.callees)
    require_telling(tests, request.input_schema)


def check_source(source: Mapping[str, str], language: Language) -> None:
    """Raise `BuildRefused("request")` for files that cannot be a source in the language."""
    if language == "program":
        source_in(source)
    else:
        checked_source(source)


def _check_schema(name: str, schema: dict[str, Any]) -> None:
    try:
        check_schema(schema)
    except InvalidManifest as error:
        raise _refused(f"{name}: {error.message}", error.hint) from error


def _check_tests(tests: tuple[TestCase, ...]) -> None:
    if len(tests) > MAX_TESTS:
        raise _refused(f"There are {len(tests)} tests; the limit is {MAX_TESTS}.")
    twice = [name for name, count in Counter(test.name for test in tests).items() if count > 1]
    if twice:
        raise _refused(f"Two tests are named {twice[0]!r}.", "Give each test a name of its own.")
    if not any(asserts_output(test.expect) for test in tests):
        raise _refused(
            "No test asserts anything about an output.",
            'Add a test with "expect": {"output": …}, or an "output_matches" schema that rules something out.',
        )


def asserts_output(expect: Expectation) -> bool:
    """Return whether the expectation can tell a right output from a wrong one."""
    if "output" in expect.model_fields_set:
        return True
    return bool(set(expect.output_matches or {}) - _NOTES)


def _check_against_schemas(request: BuildRequest, tests: Iterable[TestCase]) -> None:
    takes, gives = compile_schema(request.input_schema), compile_schema(request.output_schema)
    for test in tests:
        if test.expect.error is None and (violations := takes.violations(test.input)):
            raise _contradicts(test, "its input breaks input_schema", violations)
        if "output" in test.expect.model_fields_set and (violations := gives.violations(test.expect.output)):
            raise _contradicts(test, "the output that it expects breaks output_schema", violations)


def _contradicts(test: TestCase, problem: str, violations: list[dict[str, str]]) -> BuildRefused:
    shown = "\n".join(f"{violation['path']}: {violation['message']}" for violation in violations)
    return BuildRefused(
        "tests",
        f"Test {test.name!r} cannot pass: {problem}.",
        hint="Mend the test or the schema.",
        details={"diagnostics": shown},
    )


def _refused(message: str, hint: str = "") -> BuildRefused:
    return BuildRefused("request", message, hint=hint)
