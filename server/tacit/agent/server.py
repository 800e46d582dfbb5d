"""The MCP server that the agent works with: one of its own over stdio, or one that runs already over HTTP."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.context import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CONNECTION_CLOSED, CallToolResult, ElicitRequestParams, ElicitResult
from pydantic import ValidationError

from tacit.agent.offered_tools import offered
from tacit.config import Settings, inherited_environment
from tacit.errors import ServerFailed
from tacit.models import SearchAnswer, problems_in

TOOLS = ("run_capability", "mutate_capability")
"""The tools that the model gets; the search is the agent's own."""

_CONNECT_SECONDS = 30.0
_READ_SECONDS = 300.0

Consent = Callable[[ElicitRequestParams], Awaitable[ElicitResult]]
OnProgress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is: at `url`, with a bearer `token` where it asks for one; without a URL, it is started."""

    url: str | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """What a tool call gave: whether it went well, the text, and the structured form where there is one."""

    ok: bool
    text: str
    data: dict[str, Any] | None


class Server:
    """A connection to the server; every method raises `ServerFailed` once the server is gone."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def tools(self) -> list[dict[str, Any]]:
        """Return the model's tools as the server lists them, in the form of chat completions."""
        try:
            listed = {tool.name: tool for tool in (await self._client.list_tools()).tools}
        except MCPError as error:
            raise _lost(error) from error
        missing = [name for name in TOOLS if name not in listed]
        if missing:
            raise ServerFailed(
                f"The server has no tool {' and no '.join(missing)}, so it is not Tacit's.", hint="Check --url."
            )
        return [offered(listed[name]) for name in TOOLS]

    async def search(self, task: str, k: int) -> SearchAnswer:
        """Return the capabilities nearest to a task; raises `ServerFailed` where the server cannot say."""
        answer = await self.call("search_capabilities", {"query": task, "k": k})
        if not answer.ok or answer.data is None:
            raise ServerFailed(f"The search failed: {answer.text}")
        try:
            return SearchAnswer.model_validate(answer.data)
        except ValidationError as error:
            raise ServerFailed(
                f"The server's hits are not in the form that this Tacit knows: {problems_in(error)}.",
                hint="Run the same version on both sides.",
            ) from error

    async def call(self, tool: str, arguments: dict[str, Any], on_progress: OnProgress | None = None) -> ToolAnswer:
        """Call a tool; a call that the server refuses is an answer too. Cancelled, it tells the server."""

        async def progressed(progress: float, total: float | None, message: str | None) -> None:
            if on_progress is not None:
                on_progress(message or "", progress / total if total else progress)

        try:
            result = await self._client.call_tool(tool, arguments, progress_callback=progressed)
        except MCPError as error:
            if error.error.code == CONNECTION_CLOSED:
                raise _lost(error) from error
            return ToolAnswer(ok=False, text=error.error.message, data=None)
        except (ValidationError, RuntimeError) as error:  # an answer that breaks the tool's output schema
            return ToolAnswer(ok=False, text=f"The server's answer is not valid: {error}", data=None)
        return ToolAnswer(not result.is_error, _text(result), result.structured_content)


@asynccontextmanager
async def open_server(settings: Settings, address: Address, consent: Consent) -> AsyncGenerator[Server]:
    """Connect, and start the server where no URL is given; `consent` answers what it asks of the person.

    Raises `ServerFailed`. What the body raises comes out as it is, not in the groups of the client's tasks.
    """
    failure: Exception | None = None
    async with AsyncExitStack() as opened:
        server = await _connect(opened, settings, address, consent)
        try:
            yield server
        except Exception as error:  # raised again below, outside the client's task groups, which would wrap it
            failure = error
    if failure is not None:
        raise failure


async def _connect(opened: AsyncExitStack, settings: Settings, address: Address, consent: Consent) -> Server:
    async def elicit(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        del context
        return await consent(params)

    try:
        transport = await _transport(opened, settings, address)
        return Server(await opened.enter_async_context(Client(transport, elicitation_callback=elicit)))
    except (MCPError, OSError, ValueError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise _unreachable(address, error) from error
    except ExceptionGroup as group:
        raise _unreachable(address, _first(group)) from group


async def _transport(opened: AsyncExitStack, settings: Settings, address: Address) -> Any:
    if address.url is None:
        return StdioServerParameters(
            command=sys.executable,
            args=["-m", "tacit.cli", "serve", "--transport", "stdio", "--data", str(settings.data)],
            env=inherited_environment(),
            cwd=Path.cwd(),
        )
    # The client logs each request, and what it does on its own, which is nothing for the person at the terminal.
    logging.getLogger("mcp.client.streamable_http").setLevel(logging.ERROR)
    headers = {"Authorization": f"Bearer {address.token}"} if address.token else {}
    timeout = httpx2.Timeout(_CONNECT_SECONDS, read=_READ_SECONDS)
    client = await opened.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=timeout))
    return streamable_http_client(address.url, http_client=client)


def _text(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if part.type == "text")


def _lost(error: MCPError) -> ServerFailed:
    return ServerFailed(f"The server is gone or does not answer: {error.error.message}.", hint="Start again.")


def _unreachable(address: Address, error: BaseException) -> ServerFailed:
    if address.url is None:
        return ServerFailed(f"The server does not start: {error}.", hint="Run `tacit doctor`; it says what is missing.")
    return ServerFailed(
        f"No MCP server answers at {address.url}: {error}.",
        hint="Check --url, which ends with /mcp, and TACIT_AGENT_TOKEN where the server asks for a token.",
    )


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner  # pyright: ignore[reportUnknownArgumentType]
