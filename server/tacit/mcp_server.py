"""The MCP server of this process, made from the environment, for `mcp dev`, `mcp run` and `mcp install`.

`mcp run` executes this file without making it a module, where neither dataclasses nor generic models can be
defined; so what the server is made of lives in `tacit.tools.server`.
"""

from tacit.tools.server import build_server

mcp = build_server()

if __name__ == "__main__":
    mcp.run()
