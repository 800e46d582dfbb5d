"""The tools that an author implements with: its files, the compiler, the tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from openai.types.chat import ChatCompletionToolParam
from pydantic import TypeAdapter

from tacit.building.orders import Web
from tacit.errors import BuildRefused, ToolchainMissing
from tacit.models import TestCase

MakeBench = Callable[..., Any]

DOUBLE = "use capability_common::*; fn main() { run(|n: i64| -> Result<i64, Error> { Ok(n * 2) }) }"
ADD_TWO = DOUBLE.replace("n * 2", "n + 2")
BROKEN = 'fn main() { let x: i32 = "one"; }'
ALWAYS = ["read_file", "write_file", "build", "test", "rustc_explain", "search_capabilities", "complete"]


def case(name: str, given: Any, expect: dict[str, Any]) -> TestCase:
    """Return a test."""
    return TestCase.model_validate({"name": name, "input": given, "expect": expect})


def names(bench: Any) -> list[str]:
    """Return the names of the tools that are offered."""
    return [tool["function"]["name"] for tool in bench.tools.tools()]


def test_tools_are_what_the_api_takes(make_bench: MakeBench) -> None:
    """Every tool fits OpenAI's own type, and its schema is one of the strict kind."""
    bench = make_bench(web=Web(http=("a.test",), search="brave", search_key="k"))
    tools = TypeAdapter(list[ChatCompletionToolParam]).validate_python(bench.tools.tools())
    assert names(bench) == [*ALWAYS, "http_get", "web_search"]
    for tool in tools:
        schema: Any = tool["function"]["parameters"]
        assert (schema["additionalProperties"], schema["required"]) == (False, list(schema["properties"]))


def test_the_web_is_not_offered_unless_allowed(make_bench: MakeBench) -> None:
    """Without granted hosts and a search service there are no such tools, and calling them does nothing."""
    bench = make_bench()
    assert names(bench) == ALWAYS
    assert "There is no tool 'http_get'" in bench("http_get", url="http://example.com/")
    assert "There is no tool 'web_search'" in bench("web_search", query="x")


def test_an_author_comes_from_an_error_to_completion(make_bench: MakeBench) -> None:
    """Compile error, failing test, passing tests, completion: each says what is next."""
    bench = make_bench()
    bench("write_file", path="src/main.rs", text=BROKEN)
    assert "E0308" in bench("build")
    bench("write_file", path="src/main.rs", text=ADD_TWO)
    assert bench("build") == "It compiles. Its effects: none, it is pure."
    assert "1 of 2 tests failed.\npassed: two\nFAILED: three\n  at $: expected 6, got 5" in bench("test")
    bench("write_file", path="main.rs", text=DOUBLE)
    assert bench("test").startswith("All 2 tests passed.")
    assert (bench("complete"), bench.tools.completed) == ("Completed.", True)
    assert bench.tools.module.wasm[:4] == b"\0asm"
    assert bench.tools.source == {"main.rs": DOUBLE}


@pytest.mark.parametrize(
    "calls",
    [
        [],
        [("build", {})],
        [("test", {}), ("write_file", {"path": "main.rs", "text": DOUBLE + "// more"})],
        [("write_file", {"path": "main.rs", "text": ADD_TWO}), ("test", {})],
        [("write_file", {"path": "main.rs", "text": BROKEN}), ("test", {})],
    ],
    ids=["nothing", "only built", "changed since", "tests fail", "does not compile"],
)
def test_completion_needs_passed_tests_of_this_very_source(
    calls: list[tuple[str, dict[str, str]]], make_bench: MakeBench
) -> None:
    """Whatever came before, `complete` says what is missing and completes nothing."""
    bench = make_bench(source={"main.rs": DOUBLE})
    for name, arguments in calls:
        bench.tools.call(name, arguments)
    assert bench("complete").startswith("Not yet: call test")
    assert (bench.tools.completed, bench.tools.module) == (False, None)


def test_a_change_after_completion_takes_it_back(make_bench: MakeBench) -> None:
    """What was completed is what was tested."""
    bench = make_bench(source={"main.rs": DOUBLE})
    bench("test")
    bench("complete")
    bench("write_file", path="main.rs", text=ADD_TWO)
    assert (bench.tools.completed, bench.tools.module) == (False, None)


def test_completion_can_be_taken_back(make_bench: MakeBench) -> None:
    """Whoever found it lacking lets the author go on, from the same source."""
    bench = make_bench(source={"main.rs": DOUBLE})
    bench("test")
    bench("complete")
    bench.tools.reopen()
    assert (bench.tools.completed, bench("complete")) == (False, "Completed.")


def test_one_source_is_compiled_once(make_bench: MakeBench) -> None:
    """Building, testing and testing again cost one compilation, of a source that compiles or of one that does not."""
    bench = make_bench(source={"main.rs": DOUBLE})
    assert [bench("build"), bench("test"), bench("test")][1:] == [bench("test")] * 2
    assert len(bench.compiled) == 1
    bench("write_file", path="main.rs", text=BROKEN)
    assert bench("build") == bench("test")
    assert len(bench.compiled) == 2


def test_what_is_refused_before_the_compiler_costs_no_attempt(make_bench: MakeBench) -> None:
    """Without a main.rs nothing is compiled, and nothing is counted."""
    bench = make_bench(source={"other.rs": ""})
    assert "There is no 'main.rs'." in bench("test")
    assert bench.compiled == []


def test_the_budget_ends_the_work(make_bench: MakeBench) -> None:
    """What the counter raises is not an answer to the model."""

    def spent() -> None:
        raise BuildRefused("budget", "No attempts are left.")

    bench = make_bench(source={"main.rs": DOUBLE}, counted=spent)
    with pytest.raises(BuildRefused, match="No attempts"):
        bench("test")


def test_the_parents_tests_are_run_too(make_bench: MakeBench) -> None:
    """A renewed capability has to pass what its parent passed; a test that both have runs once."""
    mine, parents = case("two", 2, {"output": 4}), case("tripled before", 1, {"output": 3})
    bench = make_bench(source={"main.rs": DOUBLE}, tests=(mine,), parent_tests=(mine, parents))
    assert bench("test") == "1 of 2 tests failed.\npassed: two\nFAILED: tripled before\n  at $: expected 3, got 2"


def test_effects_beyond_the_specification_are_refused(make_bench: MakeBench) -> None:
    """The implementer may not widen the permissions."""
    source = DOUBLE.replace("Ok(n * 2)", 'file_read("a.txt")?; Ok(n * 2)')
    answer = make_bench(source={"main.rs": source})("test")
    assert answer.startswith("Refused at the stage permissions: The module uses what its permissions do not ask for")
    assert "read" in answer


def test_capabilities_are_searched_through_the_server(make_bench: MakeBench) -> None:
    """The query goes out as it is; the answer comes back plain and bounded."""
    asked: list[str] = []

    def search(query: str) -> str:
        asked.append(query)
        return "\x1b[2Jreverse_string\u202e" + "x" * 100_000

    answer = make_bench(search=search)("search_capabilities", query="reverse a text")
    assert asked == ["reverse a text"]
    assert answer.startswith("[2Jreverse_stringxxx")
    assert len(answer) < 25_000


@pytest.mark.parametrize(
    "arguments",
    [{}, {"path": 1}, {"path": None}, {"path": "a", "text": "b"}, {"path": ["main.rs"]}, {"file": "main.rs"}],
)
def test_wrong_arguments_are_told(arguments: dict[str, Any], make_bench: MakeBench) -> None:
    """A malformed call is answered with what the tool takes."""
    assert make_bench()("read_file", **arguments) == "read_file takes these arguments, as texts: path."


def test_an_argument_too_many_is_told(make_bench: MakeBench) -> None:
    """So is an argument of a tool that has none."""
    assert make_bench()("build", fast=float("nan")) == "build takes no arguments."


@pytest.mark.parametrize("name", ["", "rm -rf", "\ud800", "__class__", "x" * 10_000])
def test_unknown_tools_are_told(name: str, make_bench: MakeBench) -> None:
    """A tool that is not there is answered with those that are."""
    answer = make_bench().tools.call(name, {})
    assert "There are: read_file, write_file" in answer
    assert len(answer.encode()) < 1000


def test_a_machine_without_a_toolchain_is_no_fault_of_the_models(make_bench: MakeBench, tmp_path: Any) -> None:
    """What the operator has to mend ends the work instead of being told to the model."""
    with pytest.raises(ToolchainMissing, match="tacit setup"):
        make_bench(cache=tmp_path)
