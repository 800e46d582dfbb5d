"""What is refused before anything is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from costly_schemas import ENDLESS

from tacit.building.orders import BuildRequest
from tacit.building.protocol import MAX_SOURCE_BYTES, MAX_SOURCE_FILES, MAX_TESTS
from tacit.errors import BuildRefused
from tacit.models import TestCase
from tacit_builder.request import check_request

MakeRequest = Callable[..., BuildRequest]

NUMBER = {"type": "integer"}


def case(**changes: Any) -> TestCase:
    """Return a test that differs from a small good one by what is given."""
    return TestCase.model_validate({"name": "one", "input": 1, "expect": {"output": 2}} | changes)


def refusal(request: BuildRequest) -> BuildRefused:
    """Return the refusal that checking the request raises."""
    with pytest.raises(BuildRefused) as refused:
        check_request(request)
    return refused.value


def test_good_request_passes(make_request: MakeRequest) -> None:
    """Modules in folders, tests of errors and schemas are all taken."""
    source = {"main.rs": "fn main() {}", "parsing/dates.rs": "", "src/tables.rs": ""}
    failing = case(name="two", input="no number", expect={"error": "bad"})
    check_request(make_request(source=source, input_schema=NUMBER, output_schema=NUMBER, tests=[case(), failing]))


@pytest.mark.parametrize("path", ["Cargo.toml", "build.rs", "Cargo.lock", "rust-toolchain.toml"])
def test_manifests_and_build_scripts_are_refused(path: str, make_request: MakeRequest) -> None:
    """What would make cargo run code of the author's is refused by name."""
    refused = refusal(make_request(source={"main.rs": "fn main() {}", path: ""}))
    assert (refused.stage, path in refused.message, "crates come from the SDK" in refused.hint) == (
        "request",
        True,
        True,
    )


@pytest.mark.parametrize(
    "path",
    [
        "../main.rs",
        "a/../../b.rs",
        "/etc/passwd",
        "/main.rs",
        "./a.rs",
        "a//b.rs",
        "a\\b.rs",
        "a\0.rs",
        "a.rs\n",
        ".cargo/config.txt",
        ".hidden.rs",
        "",
        "a",
        "a.so",
        "a.toml",
        "é.rs",
        "x" * 300 + ".rs",
        "a/" * 20 + "f.rs",
    ],
)
def test_paths_that_could_leave_the_source_are_refused(path: str, make_request: MakeRequest) -> None:
    """Only plain relative names of modules and data files are taken."""
    refused = refusal(make_request(source={"main.rs": "fn main() {}", path: ""}))
    assert (refused.stage, "is not a path such as" in refused.message) == ("request", True)


@pytest.mark.parametrize("source", [{}, {"lib.rs": "fn main() {}"}, {"main.rs": ""}, {"main.rs": " \n\t"}])
def test_empty_source_is_refused(source: dict[str, str], make_request: MakeRequest) -> None:
    """Without a main.rs there is nothing to compile."""
    refused = refusal(make_request(source=source))
    assert (refused.stage, refused.message) == ("request", "There is no 'main.rs'.")


def test_ten_megabytes_of_source_are_refused(make_request: MakeRequest) -> None:
    """The limit counts the bytes of all files together."""
    refused = refusal(make_request(source={"main.rs": "é" * (5 << 20), "a.rs": "x"}))
    assert (refused.stage, refused.message) == (
        "request",
        f"{(10 << 20) + 1} bytes of source are more than the {MAX_SOURCE_BYTES} that are allowed.",
    )


def test_five_hundred_files_are_refused(make_request: MakeRequest) -> None:
    """The number of files is limited."""
    refused = refusal(make_request(source={f"m{number}.rs": "" for number in range(499)} | {"main.rs": "fn main() {}"}))
    assert (refused.stage, refused.message) == (
        "request",
        f"500 files are more than the {MAX_SOURCE_FILES} that are allowed.",
    )


@pytest.mark.parametrize(
    "expects",
    [
        [],
        [{"error": "bad"}],
        [{"output_matches": {}}],
        [{"output_matches": {"title": "anything", "description": "at all"}}],
        [{"error": "bad"}, {"output_matches": {"$comment": "anything"}}],
    ],
)
def test_tests_that_assert_nothing_about_an_output_are_refused(
    expects: list[dict[str, Any]], make_request: MakeRequest
) -> None:
    """A program that always fails, or answers anything, must not pass for tested."""
    tests = [case(name=str(number), expect=expect) for number, expect in enumerate(expects)]
    refused = refusal(make_request(tests=tests))
    assert (refused.stage, refused.message) == ("request", "No test asserts anything about an output.")


@pytest.mark.parametrize("expect", [{"output": None}, {"output_matches": {"type": "object"}}])
def test_one_assertion_about_an_output_is_enough(expect: dict[str, Any], make_request: MakeRequest) -> None:
    """An output of null is an output, and a schema that rules something out asserts."""
    check_request(make_request(tests=[case(expect=expect), case(name="two", input=2, expect={"error": "odd"})]))


def test_parents_tests_do_not_count_as_the_versions_own(make_request: MakeRequest) -> None:
    """A new version brings a test of its own."""
    refused = refusal(make_request(tests=[], parent_tests=[case()]))
    assert refused.stage == "request"


def test_two_tests_of_one_name_are_refused(make_request: MakeRequest) -> None:
    """Results name their test, so names differ."""
    refused = refusal(make_request(tests=[case(), case(input=3)]))
    assert refused.message == "Two tests are named 'one'."


def test_too_many_tests_are_refused(make_request: MakeRequest) -> None:
    """The number of tests is limited."""
    refused = refusal(make_request(tests=[case(name=str(number)) for number in range(MAX_TESTS + 1)]))
    assert refused.message == f"There are {MAX_TESTS + 1} tests; the limit is {MAX_TESTS}."


@pytest.mark.parametrize("field", ["input_schema", "output_schema"])
@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"$ref": "https://example.com/schema.json"}])
def test_invalid_schemas_are_refused_by_name(field: str, schema: dict[str, Any], make_request: MakeRequest) -> None:
    """A schema that cannot be checked later is refused now, and no remote one is fetched."""
    refused = refusal(make_request(**{field: schema}))
    assert (refused.stage, refused.message.startswith(f"{field}: ")) == ("request", True)


def test_invalid_schema_of_a_test_is_refused_by_name(make_request: MakeRequest) -> None:
    """The same holds for what a test's output must match."""
    refused = refusal(make_request(tests=[case(), case(name="two", expect={"output_matches": {"type": 3}})]))
    assert "output_matches of test 'two'" in refused.message


def test_test_whose_input_breaks_the_schema_is_refused(make_request: MakeRequest) -> None:
    """The server would never let that input in."""
    refused = refusal(make_request(input_schema=NUMBER, tests=[case(input="x")]))
    assert (refused.stage, refused.message) == ("tests", "Test 'one' cannot pass: its input breaks input_schema.")
    assert refused.details["diagnostics"].startswith("$: ")


def test_parents_test_whose_input_breaks_the_new_schema_is_refused(make_request: MakeRequest) -> None:
    """A new version takes what its predecessor took."""
    refused = refusal(make_request(input_schema=NUMBER, tests=[case()], parent_tests=[case(name="old", input="x")]))
    assert (refused.stage, "'old'" in refused.message) == ("tests", True)


def test_test_whose_expected_output_breaks_the_schema_is_refused(make_request: MakeRequest) -> None:
    """A test and the output schema cannot contradict each other."""
    refused = refusal(make_request(output_schema={"type": "string"}))
    assert (refused.stage, "breaks output_schema" in refused.message) == ("tests", True)


def test_test_whose_input_cannot_be_checked_in_time_is_refused(
    make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A schema that would stall the builder is refused, with what to change."""
    monkeypatch.setattr("tacit.schemas.validator.CHECK_SECONDS", 1.0)
    refused = refusal(make_request(input_schema=ENDLESS, tests=[case(input={"costly": 1})]))
    assert (refused.stage, "could not be checked" in refused.details["diagnostics"]) == ("tests", True)
    assert "a simpler schema" in refused.details["diagnostics"]
