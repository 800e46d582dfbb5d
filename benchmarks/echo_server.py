"""The floor for any server of this SDK: one tool that gives its input back."""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel

mcp = MCPServer("echo")


class Echo(BaseModel):
    """What the tool answers."""

    output: Any


@mcp.tool()
async def echo(value: Any) -> Echo:
    """Give the value back."""
    return Echo(output=value)


if __name__ == "__main__":
    mcp.run()
