"""Over real stdio: a run beside an echo tool of the same SDK, and the start of the server beside a bare one."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters

from benchmarks.table import Row

HERE = Path(__file__).resolve().parent
TACIT = str(Path(sys.executable).parent / "tacit")
BARE = StdioServerParameters(command=sys.executable, args=[str(HERE / "echo_server.py")])


def server(data: str) -> StdioServerParameters:
    """Return how to start Tacit on a data folder."""
    return StdioServerParameters(command=TACIT, args=["serve", "--data", data])


async def _call(client: Client, tool: str, arguments: dict[str, Any]) -> float:
    started = time.perf_counter()
    result = await client.call_tool(tool, arguments)
    took = time.perf_counter() - started
    assert not result.is_error, result.content
    return took


async def _calls(data: str, rounds: int) -> tuple[float, float]:
    """Return the median seconds of a run and of an echo, taken in turns."""
    runs: list[float] = []
    echoes: list[float] = []
    arguments = {"id": "reverse_string", "input": {"text": "hello"}, "fresh": True}
    async with Client(server(data)) as ours, Client(BARE) as bare:
        for _ in range(rounds):
            runs.append(await _call(ours, "run_capability", arguments))
            echoes.append(await _call(bare, "echo", {"value": {"text": "hello"}}))
    return statistics.median(runs[10:]), statistics.median(echoes[10:])


async def _start(parameters: StdioServerParameters) -> float:
    """Return the seconds from starting a server to its first answer."""
    started = time.perf_counter()
    async with Client(parameters) as client:
        await client.list_tools()
        return time.perf_counter() - started


async def _first_call(parameters: StdioServerParameters, tool: str, arguments: dict[str, Any]) -> float:
    started = time.perf_counter()
    async with Client(parameters) as client:
        await _call(client, tool, arguments)
        return time.perf_counter() - started


async def _starts(data: str, rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {"ours": [], "bare": [], "run": [], "search": []}
    for _ in range(rounds):
        times["ours"].append(await _start(server(data)))
        times["bare"].append(await _start(BARE))
        arguments = {"id": "reverse_string", "input": {"text": "hello"}}
        times["run"].append(await _first_call(server(data), "run_capability", arguments))
        times["search"].append(await _first_call(server(data), "search_capabilities", {"query": "reverse a text"}))
    return {name: statistics.median(values) for name, values in times.items()}


async def _measure(rounds: int, starts: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as data:
        run, echo = await _calls(data, rounds)
        started = await _starts(data, starts)
    return [
        Row("floor: echo tool over stdio", 1e3 * echo, "ms"),
        Row("run_capability over stdio", 1e3 * run, "ms"),
        Row("run_capability / echo tool", run / echo, "×", "<= 1.25"),
        Row("floor: bare server of the SDK, start to first answer", started["bare"], "s"),
        Row("start to first answer", started["ours"], "s"),
        Row("start / bare start", started["ours"] / started["bare"], "×", "<= 1.5"),
        Row("start to the first run's answer", started["run"], "s"),
        Row("start to the first search's answer", started["search"], "s"),
    ]


def measure(rounds: int = 400, starts: int = 5) -> list[Row]:
    """Return the rows of the protocol."""
    return anyio.run(_measure, rounds, starts)
