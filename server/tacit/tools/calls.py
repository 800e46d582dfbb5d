"""How a tool call is carried out: off the event loop, cancellable, with one kind of answer for what fails.

A failed call is an answer with `isError`: its text starts with a stable code, its `_meta` holds the same as
JSON. What was not foreseen is logged with its traceback under an id, and only the id is answered.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp_types import CallToolResult, TextContent
from pydantic import ValidationError

from tacit.errors import InternalError, InvalidArgument, InvalidInput, RunCancelled, TacitError
from tacit.models import Model, MutateRequest, problems_in
from tacit.strict_json import inexact_in, too_many_digits
from tacit.texts import error_text

if TYPE_CHECKING:
    from tacit.sandbox.cancellation import Cancellation
    from tacit.service import Service
    from tacit.tools.opening import Opening
    from tacit.tools.seats import Seats

ERROR_META = "tacit/error"
"""The key in `_meta` of a failed call. Not in the structured content: clients check that against the tool's
output schema, failed call or not."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backend:
    """What the tools of a connection share: the App, which may still be opening, and the seats of runs and builds.

    `is_last` says whether the client can call no more, so that this is the only answer it gets.
    """

    opening: Opening
    runs: Seats
    builds: Seats
    session: str
    is_last: Callable[[], bool] = lambda: False

    async def service(self) -> Service:
        """Return the service; waits, off the event loop, where it is not open yet."""
        return self.opening.opened or await anyio.to_thread.run_sync(self.opening.service)


async def in_thread(work: Callable[[Cancellation], T], limiter: anyio.CapacityLimiter) -> T:
    """Do `work` on a worker thread and return or raise what it does.

    A cancelled call cancels the `Cancellation` that `work` got, and still waits for the thread to end.
    """
    # Loads the sandbox's engine; by the time of a call the App is open and has loaded it.
    from tacit.sandbox.cancellation import Cancellation

    attempt = _Attempt(work, Cancellation())
    try:
        return await anyio.to_thread.run_sync(attempt.carry_out, abandon_on_cancel=True, limiter=limiter)
    except anyio.get_cancelled_exc_class():
        if attempt.give_up():
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(attempt.ended.wait, limiter=limiter)
        raise


class _Attempt(Generic[T]):
    """One piece of work, which the event loop may give up before or while a thread does it.

    A task that watches for cancellation would say the same in fewer lines, and cost a tenth of a short call.
    """

    def __init__(self, work: Callable[[Cancellation], T], cancellation: Cancellation) -> None:
        self.ended = threading.Event()
        self._work = work
        self._cancellation = cancellation
        self._begun = threading.Lock()

    def carry_out(self) -> T:
        """Do the work, unless it was given up before it began."""
        try:
            if not self._begun.acquire(blocking=False):
                raise RunCancelled("The call was cancelled before it began.")
            return self._work(self._cancellation)
        finally:
            self.ended.set()

    def give_up(self) -> bool:
        """Cancel the work; return whether a thread is at it, and so has to be waited for."""
        self._cancellation.cancel()
        return not self._begun.acquire(blocking=False)


def run_input(run: Callable[[Any], T], given: Any) -> T:
    """Run a capability on `given`, or on what that may mean where it does not fit as it stands.

    Clients often send JSON as a string, and null for what they leave out. A capability that takes strings or null still
    gets them unchanged.
    """
    try:
        return run(given)
    except InvalidInput:
        meant = _meant(given)
        if meant is None:
            raise
        return run(meant)


def _meant(given: Any) -> dict[str, Any] | list[Any] | None:
    if given is None:
        return {}
    if not isinstance(given, str) or given.lstrip()[:1] not in ("{", "["):
        return None
    number = inexact_in(given.encode("utf-8", "surrogatepass"))
    if number is not None:
        raise too_many_digits(number)
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        return None


def given_arguments(ctx: Context[Backend, Any]) -> Mapping[str, Any]:
    """Return the arguments as they were sent: the SDK parses every string that holds JSON, also where one is meant."""
    return (ctx.request_context.params or {}).get("arguments") or {}


def client_name(ctx: Context[Backend, Any]) -> str:
    """Return what the client calls itself, empty where it does not say."""
    params = ctx.session.client_params
    return params.client_info.name if params is not None else ""


def session_of(ctx: Context[Backend, Any]) -> str:
    """Return what tells the runs of one client's session from others'.

    The protocol of 2026 has no sessions over HTTP: there it is the connection's peer, its token and what it calls
    itself, so that clients that agree in all of these are one.
    """
    request, own = ctx.request_context.request, ctx.request_context.lifespan_context.session
    if request is None:
        return own
    named = request.headers.get("mcp-session-id")
    if named is not None:
        return str(named)
    holder = request.scope.get("user")
    parts = (own, request.client and request.client.host, holder and holder.username, client_name(ctx))
    return f"{own}-{sha256(repr(parts).encode()).hexdigest()[:8]}"


def progress_reporter(ctx: Context[Backend, Any]) -> Callable[[str, float], None]:
    """Return what passes a build's progress on to the client, from the thread that waits for the build."""

    def report(message: str, fraction: float) -> None:
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):  # the client left; the build goes on
            anyio.from_thread.run(ctx.report_progress, fraction, 1.0, message)

    return report


def answered(answer: Model, *texts: str, refused: bool = False) -> CallToolResult:
    """Return an answer in both forms; `refused` marks it as a failed call that is an answer all the same."""
    return CallToolResult(
        content=[TextContent(type="text", text=text) for text in texts],
        structured_content=answer.model_dump(mode="json"),
        is_error=refused,
    )


def failed(error: TacitError) -> CallToolResult:
    """Return a failed call's answer."""
    return CallToolResult(
        content=[TextContent(type="text", text=error_text(error))],
        is_error=True,
        _meta={ERROR_META: error.to_dict()},
    )


def meant_by(error: ToolError, tool: str) -> TacitError:
    """Return the error of Tacit behind what the SDK raised for a call of `tool`."""
    cause = error.__cause__
    if isinstance(cause, TacitError):
        return cause
    if isinstance(error, UnexpectedToolError):
        return _internal(error, tool)
    if isinstance(cause, ValidationError):
        return _invalid_arguments(cause, tool)
    return InvalidArgument(f"{error}.")


def mutate_request(given: dict[str, Any]) -> MutateRequest:
    """Return the request that the arguments of `mutate_capability` make; raises `InvalidArgument`.

    A new version inherits what is left out, so what was not given (None or empty) must not look given.
    """
    try:
        return MutateRequest.model_validate({name: value for name, value in given.items() if value not in (None, ())})
    except ValidationError as error:
        raise _invalid_arguments(error, "mutate_capability") from error


def _invalid_arguments(error: ValidationError, tool: str) -> InvalidArgument:
    return InvalidArgument(
        f"The arguments of {tool} are not valid: {problems_in(error)}.", hint="Nothing was done. Correct them."
    )


def _internal(error: ToolError, tool: str) -> InternalError:
    incident = secrets.token_hex(4)
    _log.error("internal error %s in %s", incident, tool, exc_info=error)
    return InternalError(
        f"Something broke inside Tacit (incident {incident}).",
        hint="Trying again may help; the operator finds the cause in the server's log under that number.",
        details={"incident": incident},
    )
