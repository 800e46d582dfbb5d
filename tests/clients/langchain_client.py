"""langchain-mcp-adapters against one server, run in their own environment: `TRANSPORT COMMAND-OR-URL [ARG…]`.

Prints what each tool answered as one JSON object.
"""

import asyncio
import json
import sys

from langchain_mcp_adapters.client import MultiServerMCPClient


def connection() -> dict:
    transport, target, *arguments = sys.argv[1:]
    if transport == "stdio":
        return {"transport": "stdio", "command": target, "args": arguments}
    return {"transport": transport, "url": target}


def texts(content: object) -> list[str]:
    blocks = content if isinstance(content, list) else [content]
    return [block["text"] if isinstance(block, dict) else str(block) for block in blocks]


async def main() -> None:
    client = MultiServerMCPClient({"tacit": connection()})
    tools = {tool.name: tool for tool in await client.get_tools()}
    run = await tools["run_capability"].ainvoke({"id": "echo", "input": {"text": "a"}})
    try:
        failed = texts(await tools["run_capability"].ainvoke({"id": "missing"}))
    except Exception as error:  # the adapters raise what the server answers as failed
        failed = [str(error)]
    answers = {
        "tools": list(tools),
        "search": texts(await tools["search_capabilities"].ainvoke({"query": "x"})),
        "run": texts(run),
        "mutate": texts(await tools["mutate_capability"].ainvoke({"task": "x"})),
        "failed": failed,
    }
    print(json.dumps(answers))  # noqa: T201


asyncio.run(main())
