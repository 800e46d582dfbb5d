"""Memory: a server at rest, read from the kernel's accounting of its process."""

from __future__ import annotations

import tempfile
from pathlib import Path

import anyio
from mcp import Client, StdioServerParameters

from benchmarks.protocol import BARE, server
from benchmarks.table import Row


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]


def _megabytes(pid: int) -> float:
    """Return the proportional set size of a process and its descendants, in MiB."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return pss / 1024 + sum(_megabytes(child) for child in _children(pid))


async def _at_rest(parameters: StdioServerParameters, calls: bool) -> float:
    before = set(_children(_own()))
    async with Client(parameters) as client:
        await client.list_tools()
        if calls:
            await client.call_tool("search_capabilities", {"query": "reverse a text"})
            await client.call_tool("run_capability", {"id": "reverse_string", "input": {"text": "hello"}})
        (pid,) = set(_children(_own())) - before
        return _megabytes(pid)


def _own() -> int:
    return int(Path("/proc/self").resolve().name)


async def _measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as data:
        bare = await _at_rest(BARE, calls=False)
        ours = await _at_rest(server(data), calls=True)
    return [
        Row("floor: bare server of the SDK, memory", bare, "MiB"),
        Row("server at rest after a search and a run (model loaded), memory", ours, "MiB"),
    ]


def measure() -> list[Row]:
    """Return the rows of memory."""
    return anyio.run(_measure)
