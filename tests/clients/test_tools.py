"""The three tools, called through the SDK's client in this process, in both protocol eras."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp_types import CallToolResult
from sample_service import SampleApp, await_event

from tacit.errors import StoreDamaged
from tacit.tools.calls import ERROR_META
from tacit.tools.server import INSTRUCTIONS, TacitServer, build_server

pytestmark = pytest.mark.anyio
ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])
TESTS = [{"name": "one", "input": {}, "expect": {"output": 1}}]


async def call(server: TacitServer, tool: str, arguments: dict[str, Any], era: str = "auto") -> CallToolResult:
    async with Client(server, mode=era) as client:
        return await client.call_tool(tool, arguments)


def text(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if part.type == "text")


@ERAS
async def test_search_answers_hits_in_both_forms(server: TacitServer, era: str) -> None:
    """Structured content carries the hits, the text the same in brief."""
    result = await call(server, "search_capabilities", {"query": "say it again", "k": 1}, era)
    assert result.structured_content is not None
    assert result.structured_content["hits"][0]["id"] == "echo"
    assert text(result).startswith('1. echo@2 (score 0.90, pure): "Answers its input."')


@ERAS
async def test_run_answers_output_first(server: TacitServer, era: str) -> None:
    """The first text is the output as JSON, the second says where it came from."""
    result = await call(server, "run_capability", {"id": "echo", "input": {"text": "a", "none": None}}, era)
    assert result.structured_content is not None
    assert result.structured_content["output"] == {"text": "a", "none": None}
    assert [part.text for part in result.content] == ['{"text":"a","none":null}', "echo@2 · run r1 · energy 7 · 1.0 ms"]


@ERAS
async def test_mutate_answers_registered(server: TacitServer, era: str) -> None:
    """Source and tests in, a registered version out."""
    arguments = {"id": "new_one", "summary": "Answers one.", "source": "fn main(){}", "tests": TESTS}
    result = await call(server, "mutate_capability", arguments, era)
    assert result.structured_content is not None
    assert result.structured_content["status"] == "registered"
    assert "registered new_one@1 (pure)" in text(result)


@ERAS
async def test_mutate_reports_progress(server: TacitServer, era: str) -> None:
    """Each stage reaches the client that asked for progress."""
    seen: list[tuple[float, str | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, message))

    async with Client(server, mode=era) as client:
        await client.call_tool("mutate_capability", {"task": "x"}, progress_callback=on_progress)
    assert seen == [(0.25, "compile"), (0.75, "tests")]


async def test_mutate_tells_given_from_left_out(server: TacitServer) -> None:
    """What was left out does not look given, because a version inherits it."""
    result = await call(server, "mutate_capability", {"task": "x", "permissions": {}})
    assert "permissions" in text(result)
    assert "tests" not in text(result)
    assert "input_schema" not in text(result)


async def test_refusal_is_a_failed_call_with_its_answer(server: TacitServer) -> None:
    """A refused build has `isError`, its stage and its diagnostics."""
    result = await call(server, "mutate_capability", {"source": "broken"})
    assert result.is_error
    assert result.structured_content is not None
    assert result.structured_content["stage"] == "compile"
    assert "error[E0425]" in text(result)


async def test_run_passes_its_options(server: TacitServer) -> None:
    """version, energy and fresh reach the service."""
    result = await call(server, "run_capability", {"id": "options", "version": 3, "energy": 5, "fresh": True})
    assert json.loads(result.content[0].text) == {"version": 3, "energy": 5, "fresh": True}


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        ({}, {}),
        ({"input": None}, None),
        ({"input": 5}, 5),
        ({"input": "plain"}, "plain"),
        ({"input": '{"a": 1}'}, '{"a": 1}'),
        ({"input": "[1, 2]"}, "[1, 2]"),
    ],
)
async def test_input_arrives_as_sent(server: TacitServer, arguments: dict[str, Any], seen: Any) -> None:
    """A capability that takes strings gets its string, also when it looks like JSON; left out, it is {}."""
    result = await call(server, "run_capability", {"id": "echo", **arguments})
    assert json.loads(result.content[0].text) == seen


async def test_json_in_a_string_is_taken_where_the_string_does_not_fit(server: TacitServer) -> None:
    """Clients often send an object as a string."""
    result = await call(server, "run_capability", {"id": "objects_only", "input": '{"a": 1}'})
    assert json.loads(result.content[0].text) == {"a": 1}


@pytest.mark.parametrize(("capability", "output"), [("objects_only", {}), ("echo", None)])
async def test_null_is_left_out_where_it_does_not_fit(server: TacitServer, capability: str, output: Any) -> None:
    """Clients that have to name every argument send it; what takes null gets null."""
    result = await call(server, "run_capability", {"id": capability, "input": None})
    assert json.loads(result.content[0].text) == output


async def test_string_that_is_not_json_keeps_its_violation(server: TacitServer) -> None:
    """A string that neither fits nor parses is refused as invalid input."""
    result = await call(server, "run_capability", {"id": "objects_only", "input": "{a: 1"})
    assert text(result).startswith("invalid_input: ")


@ERAS
async def test_failed_call_says_code_hint_and_details(server: TacitServer, era: str) -> None:
    """The text starts with the code; `_meta` has the error as JSON."""
    result = await call(server, "run_capability", {"id": "missing"}, era)
    assert result.is_error
    assert text(result) == "unknown_capability: There is no capability missing.\nSearch first.\nclosest: echo, stuck"
    assert result.meta is not None
    assert result.meta[ERROR_META]["details"] == {"closest": ["echo", "stuck"]}


async def test_unforeseen_error_tells_nothing_of_the_host(
    server: TacitServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer has an incident number only; the log has the traceback under it."""
    result = await call(server, "run_capability", {"id": "broken"})
    assert text(result).startswith("internal_error: ")
    assert "secret" not in result.model_dump_json()
    assert result.meta is not None
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert result.meta[ERROR_META]["details"]["incident"] in logged[0].getMessage()
    assert logged[0].exc_info is not None


async def test_invalid_arguments_name_the_argument(server: TacitServer) -> None:
    """What the schema refuses is said by name, with a stable code."""
    result = await call(server, "run_capability", {"id": "echo", "version": 0})
    assert text(result).startswith("invalid_argument: The arguments of run_capability are not valid: version: ")


@ERAS
async def test_null_for_an_optional_argument_leaves_it_out(server: TacitServer, era: str) -> None:
    """Models whose schemas make every argument required send null for those that they do not mean."""
    options = {"version": None, "energy": None, "fresh": None}
    result = await call(server, "run_capability", {"id": "options", "input": {}, **options}, era)
    assert json.loads(result.content[0].text) == {"version": None, "energy": None, "fresh": False}
    nulls = dict.fromkeys(("id", "summary", "source", "tests", "examples", "permissions", "force", "job"))
    assert text(await call(server, "mutate_capability", {"task": "x", **nulls}, era)) == text(
        await call(server, "mutate_capability", {"task": "x"}, era)
    )


async def test_null_for_a_required_argument_is_refused(server: TacitServer) -> None:
    """As one that was left out."""
    result = await call(server, "search_capabilities", {"query": None})
    assert text(result).startswith("invalid_argument: The arguments of search_capabilities are not valid: query: ")


async def test_malformed_id_is_the_callers_error(server: TacitServer) -> None:
    """An id that the model refuses is no internal error."""
    result = await call(server, "mutate_capability", {"id": "Not An Id"})
    assert text(result).startswith("invalid_argument: The arguments of mutate_capability are not valid: id: ")


async def test_unknown_argument_is_refused(server: TacitServer) -> None:
    """Input flattened into the arguments would otherwise be dropped silently."""
    result = await call(server, "run_capability", {"id": "echo", "employee_id": "E001"})
    assert text(result).startswith("invalid_argument: run_capability has no argument employee_id.")
    assert "goes into `input`" in text(result)


async def test_unknown_tool_is_a_protocol_error(server: TacitServer) -> None:
    """As the specification wants it."""
    async with Client(server) as client:
        with pytest.raises(MCPError, match="Unknown tool: nothing"):
            await client.call_tool("nothing", {})


async def test_there_are_three_tools_in_stable_order(server: TacitServer) -> None:
    """Clients cache the list: always the same names in the same order, always loaded, with hints."""
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == ["search_capabilities", "run_capability", "mutate_capability"]
    assert all(tool.meta is not None and tool.meta["anthropic/alwaysLoad"] for tool in tools)
    assert [tool.annotations.read_only_hint for tool in tools if tool.annotations] == [True, False, False]
    assert all(tool.output_schema for tool in tools)


async def test_every_argument_is_described(server: TacitServer) -> None:
    """An LLM fills in what the descriptions say."""
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
    arguments = [argument for tool in tools for argument in tool.input_schema["properties"].values()]
    assert all(argument["description"] for argument in arguments)


def test_instructions_stay_under_two_kilobytes() -> None:
    """Clients cut longer ones."""
    assert len(INSTRUCTIONS.encode()) < 2048


async def test_first_answers_do_not_wait_for_the_app(events: Path) -> None:
    """An App that takes forever to open holds up no listing."""
    listed = threading.Event()

    def open_app() -> SampleApp:
        assert listed.wait(20), "the listing waited for the App"
        return SampleApp(events)

    server = build_server(open_app)
    server.opening.start()
    async with Client(server) as client:
        assert len((await client.list_tools()).tools) == 3
        listed.set()
        assert not (await client.call_tool("run_capability", {"id": "echo"})).is_error


async def test_app_that_cannot_open_is_said_and_tried_again(events: Path) -> None:
    """A mended data folder needs no restart."""
    broken = [True]

    def open_app() -> SampleApp:
        if broken.pop() if broken else False:
            raise StoreDamaged("The database is damaged.", hint="Restore it.")
        return SampleApp(events)

    async with Client(build_server(open_app)) as client:
        first = await client.call_tool("search_capabilities", {"query": "x"})
        second = await client.call_tool("search_capabilities", {"query": "x"})
    assert text(first).startswith("store_damaged: The database is damaged.")
    assert not second.is_error


async def test_last_connection_closes_the_app(server: TacitServer, events: Path) -> None:
    """Another connection keeps it open."""
    async with Client(server) as first:
        await first.call_tool("search_capabilities", {"query": "x"})
        async with Client(server):
            pass
        assert not (events / "closed").exists()
    assert (events / "closed").exists()


@ERAS
async def test_cancelled_call_stops_its_guest(server: TacitServer, events: Path, era: str) -> None:
    """Cancelling the request cancels the run, and the server serves on."""
    async with Client(server, mode=era) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "run_capability", {"id": "stuck"})
            await anyio.to_thread.run_sync(await_event, events, "started")
            tasks.cancel_scope.cancel()
        await anyio.to_thread.run_sync(await_event, events, "stopped")
        assert not (await client.call_tool("run_capability", {"id": "echo"})).is_error
