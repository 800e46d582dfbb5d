"""What is left to be answered when a client's messages end: over stdio their end is no farewell.

Calls that are piped in come with the end of stdin right behind them, and whoever sent them still reads stdout. The SDK
ends a session with its incoming stream, and cancels what is under way; so that stream ends here only when all calls
are answered, or nobody reads the answers any more. What a call asks of a client that says no more is answered for it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

import anyio
from mcp.client._transport import WriteStream
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp_types import CONNECTION_CLOSED, ErrorData, JSONRPCError, JSONRPCRequest, JSONRPCResponse, RequestId

LOOK_SECONDS = 0.25
"""How often it is looked at, after the last message, whether anybody still reads."""
_ENDLESS = "subscriptions/listen"
"""A request that is answered when the session ends."""


class LastCalls:
    """Counts the calls of one session that wait for an answer."""

    def __init__(self, gone: Callable[[], bool]) -> None:
        """Take what says whether the client reads no more."""
        self.over = False
        """Whether the client's messages have ended."""
        self._gone = gone
        self._waiting = 0
        self._asked: list[RequestId] = []
        self._changed = anyio.Event()

    def received(self, item: SessionMessage) -> SessionMessage:
        """Take note of a client's message, and return it as the session is to have it."""
        message = item.message
        if isinstance(message, JSONRPCResponse | JSONRPCError) and message.id in self._asked:
            self._asked.remove(message.id)
        if not isinstance(message, JSONRPCRequest) or message.method == _ENDLESS:
            return item
        self._waiting += 1
        return SessionMessage(message, ServerMessageMetadata(on_request_unanswered=self._unanswered))

    def sent(self, item: SessionMessage) -> None:
        """Take note of a message to the client, once the stream's writer has it, or never will."""
        message = item.message
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            self._waiting -= 1
            self._wake()
        elif isinstance(message, JSONRPCRequest):
            self._asked.append(message.id)
            self._wake()

    async def next_of_the_client(self) -> SessionMessage | None:
        """Return what stands for the client's next answer after its last message; None once nothing is left to do."""
        self.over = True
        while self._waiting and not self._gone():
            if self._asked:
                nobody = ErrorData(code=CONNECTION_CLOSED, message="The client says no more.")
                return SessionMessage(JSONRPCError(jsonrpc="2.0", id=self._asked.pop(), error=nobody))
            with anyio.move_on_after(LOOK_SECONDS):
                await self._changed.wait()
        return None

    async def _unanswered(self) -> None:
        self._waiting -= 1
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class CountedAnswers:
    """The stream of messages to the client, which `LastCalls` takes note of; it stands where the SDK's own does."""

    def __init__(self, outgoing: WriteStream[SessionMessage], calls: LastCalls) -> None:
        self._outgoing = outgoing
        self._calls = calls

    async def send(self, item: SessionMessage, /) -> None:
        """Send a message."""
        try:
            await self._outgoing.send(item)
        finally:
            self._calls.sent(item)

    async def aclose(self) -> None:
        """Close the stream."""
        await self._outgoing.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.aclose()
