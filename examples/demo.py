"""A tour of Tacit: starts the real server over stdio and drives it with the real MCP client.

Run by `make demo`. It uses a fresh data folder that it removes, and ends with how to connect other clients.
"""

from __future__ import annotations

import json
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters

TACIT = Path(sys.executable).parent / "tacit"
HERE = Path(__file__).resolve().parent
WIDTH = 96

TASK = "What does an employee earn in another currency, such as pounds?"
NEW = {
    "task": TASK,
    "parent_id": "get_salary_details",
    "id": "get_salary_in_currency",
    "summary": "Converts an employee's base salary into another currency at a given exchange rate.",
    "source": (HERE / "get_salary_in_currency" / "main.rs").read_text(),
    "tests": json.loads((HERE / "get_salary_in_currency" / "tests.json").read_text()),
    "input_schema": {
        "type": "object",
        "properties": {
            "employee_id": {"type": "string", "pattern": "^E[0-9]{3,}$"},
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
            "rate": {"type": "number", "exclusiveMinimum": 0},
        },
        "required": ["employee_id", "currency", "rate"],
        "additionalProperties": False,
    },
    "output_schema": {"type": "object"},
    "permissions": {"read": ["employee_database.json"]},
    "examples": [
        "What is John's salary in GBP?",
        "Convert E007's pay into euros at 0.92",
        "How many yen does employee E003 earn?",
    ],
}


def heading(number: int, text: str) -> None:
    """Print the title of a step."""
    print(f"\n\033[1m{number}. {text}\033[0m" if sys.stdout.isatty() else f"\n{number}. {text}")


def say(text: str, indent: str = "   ") -> None:
    """Print text, wrapped, below a heading."""
    for line in text.splitlines():
        print(textwrap.fill(line, WIDTH, initial_indent=indent, subsequent_indent=indent + "  "))


async def call(client: Client, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Call a tool, show the call and how long it took, and return its structured answer."""
    shown = json.dumps(arguments, ensure_ascii=False)
    say(f"→ {tool}({shown if len(shown) < 200 else shown[:197] + '…'})")
    started = time.perf_counter()

    async def progress(fraction: float, _total: float | None, message: str | None) -> None:
        print(f"     … {message} ({fraction:.0%})")

    result = await client.call_tool(tool, arguments, progress_callback=progress)
    say(f"← in {1000 * (time.perf_counter() - started):.1f} ms")
    if result.is_error or result.structured_content is None:
        raise SystemExit(f"the demo stops here: {result.content}")
    return result.structured_content


def show_hits(answer: dict[str, Any]) -> None:
    """Print what a search found."""
    for hit in answer["hits"]:
        say(f"{hit['id']} (score {hit['score']:.2f}): {hit['summary']}", "     ")
    if not answer["hits"]:
        say(answer["advice"], "     ")


async def first_start(server: StdioServerParameters) -> None:
    """Search, run, ask for a brief, make a capability, find it and run it."""
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        heading(1, "The server is up; an agent sees three tools, whatever the number of capabilities")
        say(", ".join(tool.name for tool in tools))

        heading(2, "Search by meaning")
        show_hits(await call(client, "search_capabilities", {"query": "How much money does John make?"}))

        heading(3, "Run what was found, in the sandbox")
        answer = await call(client, "run_capability", {"id": "get_salary_details", "input": {"employee_id": "E001"}})
        say(json.dumps(answer["output"], ensure_ascii=False), "     ")

        heading(4, "Have it in another currency: ask how to make that (no source, no key: the answer is a brief)")
        answer = await call(client, "mutate_capability", {"task": TASK, "parent_id": "get_salary_details"})
        brief = answer["brief"]
        say(f"status: {answer['status']}; start from {brief['nearest']['id']}; crates: {', '.join(brief['crates'])}")

        heading(5, "Hand in the source and its tests; it is compiled in confinement, tested and registered")
        answer = await call(client, "mutate_capability", NEW)
        say(f"status: {answer['status']}; {answer['message']}", "     ")
        if answer["status"] != "registered":
            raise SystemExit(f"the demo stops here: {json.dumps(answer, indent=2)}")
        for test in answer["tests"]:
            say(f"{'passed' if test['passed'] else 'FAILED'}: {test['name']}", "     ")

        heading(6, "The next search finds it")
        show_hits(await call(client, "search_capabilities", {"query": "John's salary in GBP"}))
        await run_new(client)


async def run_new(client: Client) -> None:
    """Run the capability that the demo made."""
    data = {"employee_id": "E001", "currency": "GBP", "rate": 0.79}
    answer = await call(client, "run_capability", {"id": NEW["id"], "input": data})
    say(json.dumps(answer["output"], ensure_ascii=False), "     ")


async def second_start(server: StdioServerParameters) -> None:
    """Show that a new server on the same data folder remembers."""
    async with Client(server) as client:
        heading(7, "A second start of the server, the next day: it is remembered")
        show_hits(await call(client, "search_capabilities", {"query": "John's salary in GBP"}))
        await run_new(client)


def show_connections() -> None:
    """Print how to connect each kind of client."""
    entry = {"mcpServers": {"tacit": {"command": str(TACIT), "args": ["serve"]}}}
    heading(8, "Connect your own client")
    say("Claude Desktop, Cursor and most IDEs (or let `tacit install claude` write it):")
    print(textwrap.indent(json.dumps(entry, indent=2), "     "))
    say("An HTTP client (streamable HTTP at /mcp, SSE at /sse):")
    say(f"{TACIT} serve --transport http --port 8765", "     ")
    say("http://127.0.0.1:8765/mcp", "     ")
    say("While developing, the Inspector:")
    say(f"{TACIT.parent / 'mcp'} dev server/tacit/mcp_server.py -e .", "     ")


async def main() -> None:
    """Run the tour."""
    with tempfile.TemporaryDirectory(prefix="tacit-demo-") as data:
        server = StdioServerParameters(command=str(TACIT), args=["serve", "--data", data])
        await first_start(server)
        await second_start(server)
    show_connections()


if __name__ == "__main__":
    anyio.run(main)
