"""`tacit serve`: the MCP server on stdio or HTTP."""

from __future__ import annotations

import click

import tacit
from tacit.cli.terminal import Session, use_case
from tacit.config import Settings


@click.command()
@click.option("--transport", type=click.Choice(["stdio", "http"]), help="How clients connect; stdio by default.")
@click.option("--host", help="The address to listen on (http); 127.0.0.1 by default.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on (http); 0 takes a free one.")
@use_case(prints_data=False)
def serve(session: Session, transport: str | None, host: str | None, port: int | None) -> None:
    """Serve MCP on stdio, or on HTTP at /mcp and /sse."""
    # The SDK takes most of a second to load, which no other command needs.
    from tacit.tools.server import build_server

    settings = Settings.load(data=session.settings.data, transport=transport, host=host, port=port)
    server = build_server(lambda: tacit.open(settings), settings.workers)
    if settings.transport == "http":
        from tacit.web.serving import serve as serve_http

        serve_http(server, settings)
    else:
        server.run()


COMMANDS = [serve]
