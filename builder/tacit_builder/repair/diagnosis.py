"""Why a run failed, and the smallest test that shows it: what a model says of that counts once it is checked.

The test has to fail on the module that failed, fit the schemas and expect an answer, not the accident. Where the cause
is that the input was wrong, the input schema may be narrowed instead, as far as nothing that went well is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from pydantic import ValidationError

from tacit.building.orders import RepairRequest
from tacit.building.summaries import summary_problem
from tacit.errors import BuildRefused, InvalidArgument, InvalidInput, InvalidManifest, RunError
from tacit.models import JsonSchema, TestCase, TestResult, problems_in
from tacit.plain_text import made_plain
from tacit.schemas.validator import Validator, check_schema, compile_schema, shorten
from tacit_builder.request import asserts_output

MAX_CAUSE = 1000
"""Characters of a cause."""
MAX_TOLD = 6000
"""Characters told of a world that cannot be; the schemas of a callee are among it."""

_WORDS = 4
_OF_EVERY_FAILURE = re.compile(
    r"\b(?:an?|bugs?|errors?|errs|fail(?:s|ed|ing|ure|ures)?|faults?|crash(?:es|ed)?|traps?|trapped|panics?|panicked|"
    r"wrong|broken|breaks?|issues?|problems?|invalid|incorrect|causes?|caused|because|due|version|reported|occurred)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The `cause` in a sentence and the test that shows it; `input_schema` is the narrowed one where that mends it."""

    cause: str
    test: TestCase
    input_schema: JsonSchema | None = None


class Examiner:
    """Checks what a model hands in as diagnosis of one failed run."""

    def __init__(self, request: RepairRequest, try_old: Callable[[TestCase], TestResult]) -> None:
        """Take what failed, and what runs a test on the module that failed; it raises `BuildRefused` for some."""
        self._request = request
        self._manifest = request.version.manifest
        self._takes = compile_schema(self._manifest.input_schema)
        self._try_old = try_old

    def accept(self, arguments: dict[str, Any]) -> Diagnosis:
        """Return the diagnosis; raises `InvalidArgument` with what does not hold, for the model to mend."""
        cause = _read_cause(arguments.get("cause"), self._request)
        test = self._read_test(arguments.get("test"))
        narrowed = arguments.get("input_schema")
        takes = self._takes if narrowed is None else self._read_schema(narrowed, test)
        self._require_fitting(test, takes)
        if narrowed is None:
            self._require_failing(test)
        return Diagnosis(cause, test, narrowed)

    def _read_test(self, given: Any) -> TestCase:
        try:
            test = TestCase.model_validate(given)
        except ValidationError as error:
            raise InvalidArgument(f"The test is malformed: {shorten(problems_in(error), 600)}.") from error
        if any(test.name == other.name for other in self._request.version.tests):
            raise InvalidArgument(f"A test is named {test.name!r} already.", hint="Give this one a name of its own.")
        expect = test.expect
        if expect.error in _accidents():
            raise InvalidArgument(
                f"The test expects {expect.error!r}, which is how a run breaks, not what it is meant to answer.",
                hint="Expect the output that the summary promises, or an error that the capability reports on purpose.",
            )
        if expect.error is None and not asserts_output(expect):
            raise InvalidArgument("The test asserts nothing.", hint="Expect an output, or a schema for it.")
        return test

    def _read_schema(self, given: Any, test: TestCase) -> Validator:
        """Return the narrowed schema, which refuses the input that failed and nothing that went well."""
        try:
            check_schema(given)
        except InvalidManifest as error:
            raise InvalidArgument(f"input_schema: {error.message}", hint=error.hint) from error
        narrowed = compile_schema(cast("JsonSchema", given))
        if test.expect.error != InvalidInput.code:
            raise InvalidArgument("A test of a narrowed input_schema expects the error 'invalid_input'.")
        if not self._takes.is_valid(test.input):
            raise InvalidArgument("The present input_schema refuses the test's input.", hint="Test another input.")
        if narrowed.is_valid(test.input) or narrowed.is_valid(json.loads(self._request.run.input)):
            raise InvalidArgument("The narrowed input_schema has to refuse the test's input and the recorded one.")
        for what, value in self._went_well():
            if self._takes.is_valid(value) and not narrowed.is_valid(value):
                raise InvalidArgument(f"The narrowed input_schema refuses what went well: the input of {what}.")
        return narrowed

    def _went_well(self) -> Iterator[tuple[str, Any]]:
        for test in self._request.version.tests:
            if test.expect.error != InvalidInput.code:
                yield f"the test {test.name!r}", test.input
        for replay in self._request.replays:
            yield f"the run {replay.run_id}", json.loads(replay.input)

    def _require_fitting(self, test: TestCase, takes: Validator) -> None:
        expect = test.expect
        if expect.output_matches is not None:
            try:
                check_schema(expect.output_matches)
            except InvalidManifest as error:
                raise InvalidArgument(f"output_matches: {error.message}", hint=error.hint) from error
        if expect.error != InvalidInput.code and (found := takes.violations(test.input)):
            raise InvalidArgument(f"The test's input breaks input_schema at {found[0]['path']}: {found[0]['message']}.")
        gives = compile_schema(self._manifest.output_schema)
        if "output" in expect.model_fields_set and (found := gives.violations(expect.output)):
            raise InvalidArgument(
                f"The output that the test expects breaks output_schema at {found[0]['path']}: {found[0]['message']}."
            )

    def _require_failing(self, test: TestCase) -> None:
        if test.expect.error == InvalidInput.code and not self._takes.is_valid(test.input):
            raise InvalidArgument("The input_schema refuses the test's input already.", hint="Test another input.")
        try:
            passed = self._try_old(test).passed
        except BuildRefused as refused:
            told = f"{refused.message} {refused.details.get('diagnostics', '')}"
            raise InvalidArgument(shorten(told, MAX_TOLD), hint=refused.hint) from refused
        if passed:
            raise InvalidArgument(
                "The test passes on the module that failed, so it does not show the failure.",
                hint="Take the recorded input, and what the world answered then, down to what still fails.",
            )


def _read_cause(given: Any, request: RepairRequest) -> str:
    cause = made_plain(" ".join(given.split())) if isinstance(given, str) else ""
    if not cause or len(cause) > MAX_CAUSE:
        raise InvalidArgument(f"The cause is one sentence of at most {MAX_CAUSE} characters.")
    said = str((request.run.failure or {}).get("message", ""))
    own = _OF_EVERY_FAILURE.sub(" ", cause)
    if (
        len(cause.split()) < _WORDS
        or _plain(cause) in _plain(said)
        or summary_problem(own, request.version.manifest.id) is not None
    ):
        raise InvalidArgument(
            "The cause says nothing beyond that the run failed.",
            hint="Name what in the source does what for which input, and why that is wrong.",
        )
    return cause


def _plain(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def _accidents() -> set[str]:
    """Return the codes of runs that break; `panic` is what the guest's crate reports of one."""
    return {RunError.code, "panic", *(kind.code for kind in RunError.__subclasses__())}
