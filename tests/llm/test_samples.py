"""The samples of the scripted authors, built for real: a good source passes, and the others fail where they should."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from samples import COMPILE_ERRORS, INJECTION, SAMPLES, Sample, broken_sources, gaming_source, injecting_source

from tacit.building.orders import BuildRequest, Machine
from tacit.building.protocol import BuildResult
from tacit.building.quality import trivial_program
from tacit.building.summaries import summary_problem
from tacit.config import Settings
from tacit.errors import BuildRefused
from tacit.models import TestCase
from tacit_builder.pipeline import build

each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
Build = Callable[..., BuildResult]


@pytest.fixture
def built() -> Build:
    """Return a function that builds a source with the sample's manifest and some of its tests."""
    machine = Machine.of(Settings.load())

    def run(sample: Sample, source: str, tests: Sequence[dict[str, Any]]) -> BuildResult:
        given = {name: sample.specification[name] for name in ("id", "permissions", "input_schema", "output_schema")}
        request = {"job": "job", "source": {"main.rs": source}, "tests": tests, **given}
        return build(BuildRequest.model_validate(request), machine, lambda progress: None)

    return run


def refusal(built: Build, *given: object) -> BuildRefused:
    """Return why a source is refused."""
    with pytest.raises(BuildRefused) as refused:
        built(*given)
    return refused.value


@each_sample
def test_a_good_source_passes(sample: Sample, built: Build) -> None:
    """The source does what all tests say, and needs what the specification says."""
    result = built(sample, sample.source, sample.tests)
    assert all(test.passed for test in result.tests)
    assert list(result.effects) == sample.specification["effects"]


@each_sample
def test_what_is_held_out_catches_a_table(sample: Sample, built: Build) -> None:
    """A source that answers what it has seen from a table passes that, and fails on what was held out."""
    assert all(test.passed for test in built(sample, gaming_source(sample), sample.seen).tests)
    refused = refusal(built, sample, gaming_source(sample), sample.tests)
    assert refused.stage == "tests"


@each_sample
def test_tests_tell(sample: Sample) -> None:
    """No trivial program passes either set of tests, and the summary says something."""
    schema = sample.specification["input_schema"]
    names = {test["name"] for test in sample.seen}
    tests = [TestCase.model_validate(test) for test in sample.tests]
    for part in ([test for test in tests if test.name in names], [test for test in tests if test.name not in names]):
        assert trivial_program(part, schema, outputs_alone=True) is None
    assert summary_problem(sample.specification["summary"], sample.id) is None


@pytest.mark.parametrize("place", range(3), ids=COMPILE_ERRORS)
def test_broken_sources_have_their_errors(place: int, built: Build) -> None:
    """Each broken source is refused with the code that belongs to it."""
    refused = refusal(built, SAMPLES[0], broken_sources(SAMPLES[0])[place], SAMPLES[0].tests)
    assert refused.stage == "compile"
    assert COMPILE_ERRORS[place] in refused.details["diagnostics"]


def test_an_injection_reaches_the_diagnostics(built: Build) -> None:
    """The compiler repeats what a source makes it say, so whoever reads it has to be told that it is data."""
    refused = refusal(built, SAMPLES[0], injecting_source(SAMPLES[0]), SAMPLES[0].tests)
    assert INJECTION in refused.details["diagnostics"]
