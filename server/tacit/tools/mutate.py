"""`mutate_capability` as a tool: made first, then the person asked for what it is not granted, then run on the input.

The steps are resolvers, which the SDK runs again in each round of a question: making is the same build each time.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import anyio.to_thread
from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit, ElicitationResult, Resolve
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult
from mcp_types.version import is_version_at_least
from pydantic import Field

from tacit.models import JsonSchema, Language, MutateAnswer, MutateRequest, Permissions, RunAnswer, TestCase
from tacit.texts import mutate_text
from tacit.tools.calls import (
    Backend,
    answered,
    client_name,
    given_arguments,
    in_thread,
    mutate_request,
    progress_reporter,
    run_input,
    session_of,
)
from tacit.tools.consent import Consent, answers_no_form, can_be_asked, question_for

if TYPE_CHECKING:
    from tacit.sandbox.cancellation import Cancellation

_log = logging.getLogger(__name__)

MUTATE_SECONDS = 20.0
"""How long a build is waited for: clients drop calls at about a minute, even with progress."""
ASKS_WITHIN_CALLS = "2026-07-28"
"""The first protocol version in which a question is part of a call's answer, and needs no channel back."""

MUTATE = """\
Make a new capability, or a new version of one. With `task` alone (and `parent_id`, if you know what to start from) a \
language model of the server's writes, tests and registers it; where the server has none, the answer is needs_source \
with a brief: the nearest capability's source and schemas, the guest API, the crates at hand, the form of tests, an \
example call. Then write the tests first, and call it again with `id`, `summary`, `source` (Rust), `input_schema`, \
`output_schema`, `tests` and `examples`. What only combines capabilities may be a program (`language`, whose brief \
explains it). It compiles (Rust to WebAssembly), checks imports and permissions, runs the tests in \
the sandbox and, when all pass, keeps it: registered, and run_capability finds it at once; with `input` it runs at \
once, and the answer has the output. refused names the stage with diagnostics, and leaves nothing behind: mend the \
source and call again. A slow build answers building with a `job`: call again with that `job` alone, and \
with your `input` if you gave one. With `id` equal to `parent_id` it is a new version, which must also pass the \
parent's tests and repeat its recorded runs (unless `force`). The person may be asked to grant what it needs."""


async def requested(
    ctx: Context[Backend, Any],
    *,
    task: str,
    parent_id: str | None,
    id: str | None,  # noqa: A002  # wire name
    summary: str,
    source: str | dict[str, str] | None,
    language: Language | None,
    input_schema: JsonSchema | None,
    output_schema: JsonSchema | None,
    tests: tuple[TestCase, ...],
    examples: tuple[str, ...],
    permissions: Permissions | None,
    force: bool,
    job: str | None,
) -> MutateRequest:
    """Return the request that the arguments make, with `input` as it was sent."""
    request = mutate_request({
        "task": task, "parent_id": parent_id, "id": id, "summary": summary, "source": source, "language": language,
        "input_schema": input_schema, "output_schema": output_schema, "tests": tests, "examples": examples,
        "permissions": permissions, "force": force, "job": job,
    })  # fmt: skip
    sent = given_arguments(ctx)
    return request.model_copy(update={"input": sent["input"]}) if "input" in sent else request


async def made(ctx: Context[Backend, Any], request: Annotated[MutateRequest, Resolve(requested)]) -> MutateAnswer:
    """Return what the request is answered before anything is run; the same request again is not built again.

    A client that can ask for no job gets what its build comes to, however long that takes.
    """
    backend = ctx.request_context.lifespan_context
    service = await backend.service()
    report, client, session = progress_reporter(ctx), client_name(ctx), session_of(ctx)
    async with backend.builds.held(session, lambda: True) as crowded:

        def work(cancellation: Cancellation, wanted: MutateRequest) -> MutateAnswer:
            return service.make(
                wanted,
                on_progress=report,
                wait_seconds=0.0 if crowded and not backend.is_last() else MUTATE_SECONDS,
                cancellation=cancellation,
                client=client,
                session=session,
            )

        answer = await in_thread(partial(work, wanted=request), backend.builds.threads)
        while answer.status == "building" and backend.is_last():
            answer = await in_thread(partial(work, wanted=MutateRequest(job=answer.job)), backend.builds.threads)
        return answer


async def asked(
    ctx: Context[Backend, Any], answer: Annotated[MutateAnswer, Resolve(made)]
) -> Consent | Elicit[Consent]:
    """Ask the person to grant what the new version lacks, where the client can; otherwise nothing is granted.

    Nor is anything where the client answers with an error, or with what is no answer.
    """
    nothing = Consent(allow=False)
    modern = is_version_at_least(ctx.protocol_version or "", ASKS_WITHIN_CALLS)
    if answer.permissions_not_granted is None or answer.id is None or answers_no_form(ctx.input_responses):
        return nothing
    if not can_be_asked(ctx.client_capabilities, modern or ctx.session.can_send_request):
        return nothing
    service = await ctx.request_context.lifespan_context.service()
    shown = await anyio.to_thread.run_sync(service.show, answer.id, answer.version)
    question = question_for(answer, shown["summary"])
    if question is None or modern:
        return Elicit(question, Consent) if question else nothing
    try:
        said = await ctx.elicit(question, Consent)
    except (MCPError, ValueError) as error:
        _log.warning("The client could not ask its person to grant anything: %s", type(error).__name__)
        return nothing
    return said.data if isinstance(said, AcceptedElicitation) else nothing


async def mutate_capability(
    ctx: Context[Backend, Any],
    *,
    task: Annotated[str, Field(description="What the capability is for, in a user's words.")] = "",
    parent_id: Annotated[str | None, Field(description="The capability to start from.")] = None,
    id: Annotated[  # noqa: A002  # wire name
        str | None, Field(description="The id to make: lower_case_words, 2 to 64 characters.")
    ] = None,
    summary: Annotated[str, Field(description="One sentence of what it does; search goes by it.")] = "",
    source: Annotated[
        str | dict[str, str] | None,
        Field(
            description="Rust: the text of main.rs, or a map of paths to texts; or a program's text. Leave it out to "
            "have it written."
        ),
    ] = None,
    language: Annotated[
        Language | None,
        Field(description="The language of the source: rust, or program for what only combines capabilities."),
    ] = None,
    input_schema: Annotated[JsonSchema | None, Field(description="JSON Schema of the input.")] = None,
    output_schema: Annotated[JsonSchema | None, Field(description="JSON Schema of the output.")] = None,
    tests: Annotated[
        tuple[TestCase, ...], Field(description="At least one: {name, input, expect: {output}}; more in the brief.")
    ] = (),
    examples: Annotated[
        tuple[str, ...], Field(description="Three to five example tasks in users' words; search goes by them.")
    ] = (),
    permissions: Annotated[
        Permissions | None, Field(description="What its host functions need; the operator has to grant it too.")
    ] = None,
    force: Annotated[
        bool, Field(description="Make it although a near duplicate exists, or recorded runs go differently.")
    ] = False,
    job: Annotated[str | None, Field(description="A build under way to ask for; alone, or with `input`.")] = None,
    input: Annotated[  # noqa: A002  # wire name
        Any, Field(description="An input to run the new version on at once; any JSON value.")
    ] = None,
    request: Annotated[MutateRequest, Resolve(requested)],
    answer: Annotated[MutateAnswer, Resolve(made)],
    consent: Annotated[ElicitationResult[Consent], Resolve(asked)],
) -> Annotated[CallToolResult, MutateAnswer]:
    """Answer a brief, a build under way, a registered version or a refusal."""
    allowed = isinstance(consent, AcceptedElicitation) and consent.data.allow
    final = await _tried_out(ctx, request, answer, allowed=allowed)
    return answered(final, mutate_text(final), refused=final.status == "refused")


async def _tried_out(
    ctx: Context[Backend, Any], request: MutateRequest, answer: MutateAnswer, *, allowed: bool
) -> MutateAnswer:
    """Grant what is missing where the person `allowed` it, and return the answer with the run on the input."""
    backend = ctx.request_context.lifespan_context
    service, session = await backend.service(), session_of(ctx)
    missing = answer.permissions_not_granted
    if answer.status != "registered":
        return answer

    def work(cancellation: Cancellation) -> MutateAnswer:
        known = answer
        if allowed and missing is not None and answer.id is not None:
            service.grant(answer.id, missing, actor="client")
            known = answer.model_copy(update={"permissions_not_granted": None, "hint": ""})

        def run(capability: str, version: int, given: Any) -> RunAnswer:
            bound = partial(service.run, capability, version=version, session=session, cancellation=cancellation)
            return run_input(bound, given)

        return service.try_out(known, request, run)

    # Without an input nothing is run, and so there is no other run to wait for.
    seats = backend.runs if "input" in request.model_fields_set else backend.builds
    async with seats.held(session, lambda: seats is backend.builds):
        return await in_thread(work, seats.threads)
