"""A client's messages over stdio, with answers for lines that cannot be read as one: the SDK drops them silently.

Whoever sent such a call (a text with half a surrogate pair, JSON nested too deep) would wait until its own
time-out. Lines whose request id cannot be told are dropped as before: nobody waits for them.
"""

from __future__ import annotations

import contextvars
import re
from types import TracebackType
from typing import Self

import anyio
from mcp.client._transport import ReadStream, WriteStream
from mcp.shared.message import SessionMessage
from mcp_types import PARSE_ERROR, ErrorData, JSONRPCError
from pydantic import ValidationError

from tacit.tools.last_calls import LastCalls

Messages = ReadStream[SessionMessage | Exception]

_REQUEST_ID = re.compile(r'"jsonrpc"\s*:\s*"2\.0"\s*,\s*"id"\s*:\s*(?:(\d{1,18})|"([^"\\]{1,100})")')
"""Both SDKs write the id right after the version; within a string its quotes would be escaped."""


class ReadableMessages:
    """A client's messages alone; it stands where the SDK's own stream does, and ends when all calls are answered."""

    def __init__(self, incoming: Messages, outgoing: WriteStream[SessionMessage], calls: LastCalls) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._calls = calls

    @property
    def last_context(self) -> contextvars.Context | None:
        """The context in which the last message was sent."""
        return getattr(self._incoming, "last_context", None)

    async def receive(self) -> SessionMessage | Exception:
        """Return the next message, having answered the unreadable ones before it."""
        try:
            return await self.__anext__()
        except StopAsyncIteration as end:
            raise anyio.EndOfStream from end

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            while isinstance(item := await self._incoming.__anext__(), Exception):
                await self._answer(item)
        except StopAsyncIteration:
            item = await self._calls.next_of_the_client()
            if item is None:
                raise
        return self._calls.received(item)

    def __aiter__(self) -> Messages:
        return self

    async def aclose(self) -> None:
        """Close the stream."""
        await self._incoming.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _answer(self, problem: Exception) -> None:
        answer = answer_to(problem)
        if answer is not None:
            await self._outgoing.send(SessionMessage(answer))


def answer_to(problem: Exception) -> JSONRPCError | None:
    """Return the error that whoever sent an unreadable line waits for; None where the line names no request."""
    if not isinstance(problem, ValidationError):
        return None
    first = problem.errors(include_url=False)[0]
    named = _REQUEST_ID.search(first["input"]) if first["type"] == "json_invalid" else None
    if named is None:
        return None
    request = int(named[1]) if named[1] else named[2]
    return JSONRPCError(jsonrpc="2.0", id=request, error=ErrorData(code=PARSE_ERROR, message=first["msg"]))
