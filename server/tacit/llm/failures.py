"""What can go wrong with a language model, as one sentence that names the setting to mend.

The library's errors quote what the endpoint said, and endpoints quote keys and prompts. So its words are cut, made
plain and cleared of keys here, and its exceptions are not kept, not even as a cause.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import openai

from tacit.errors import (
    LlmBroken,
    LlmError,
    LlmKeyRefused,
    LlmModelUnknown,
    LlmOverloaded,
    LlmUnreachable,
    LlmWithoutTools,
)
from tacit.llm.client import MAX_ANSWER_BYTES, OPENAI_URL, SETTINGS, AnswerTooLong
from tacit.llm.redaction import redacted
from tacit.llm.waiting import wait_asked_for
from tacit.plain_text import made_plain, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tacit.llm.endpoint import Endpoint

_QUOTED = 300
_NO_TOOLS = re.compile(
    r"(?:not|n't) support (?:tool|function)|enable-auto-tool-choice|tool-call-parser|--jinja|param: tools"
    r"|support tool use|tools? (?:is|are) not supported"
)
_NO_MODEL = re.compile(
    r"(?:models?|deployment)\b.*(?:not (?:be )?found|not exist|no longer|not available)|unknown model|^model: "
)
_NO_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_PARAMETERS = {
    "temperature": ("TACIT_LLM_TEMPERATURE", re.compile(r"\btemperature\b")),
    "reasoning_effort": ("TACIT_LLM_REASONING_EFFORT", re.compile(r"reasoning.?effort|support thinking")),
}
_PASSING = frozenset({408, 409, 425, 429})


@dataclass(frozen=True)
class Failure:
    """One request that failed: the error to raise, whether to try `again`, and how long the endpoint asks to `wait`."""

    error: LlmError
    again: bool = False
    wait: float | None = None


def failure_of(error: openai.OpenAIError, endpoint: Endpoint) -> Failure:
    """Return what the library's error means for the endpoint."""
    if isinstance(error, openai.APIStatusError):
        return _of_status(error, endpoint)
    if isinstance(error, AnswerTooLong):
        return Failure(LlmBroken(f"{_at(endpoint)} answers more than {MAX_ANSWER_BYTES >> 20} MB: {_check(endpoint)}."))
    if isinstance(error, openai.APIConnectionError):
        return _of_connection(error, endpoint)
    return Failure(LlmBroken(f"{_at(endpoint)} cannot be asked ({type(error).__name__}): {_check(endpoint)}."))


def no_completion(problem: str, body: bytes, endpoint: Endpoint) -> LlmBroken:
    """Return the error for a body, answered with status 200, that is no chat completion."""
    start = body[:64].lstrip().lower()
    if start.startswith(b"<"):
        problem = "it is a web page"
    elif not start:
        problem = "it is empty"
    elif words := _words(_error_in(body), endpoint):
        problem = f"it says {words}"
    return LlmBroken(f"{_at(endpoint)} answered what is no chat completion ({problem}): {_check(endpoint)}.")


def _of_connection(error: openai.APIConnectionError, endpoint: Endpoint) -> Failure:
    causes = list(_causes(error))
    where, check = _at(endpoint), _check(endpoint)
    if isinstance(error, openai.APITimeoutError):
        if any(type(cause).__name__ == "ConnectTimeout" for cause in causes):
            return Failure(LlmUnreachable(f"{where} takes no connection: {check}."))
        return Failure(
            LlmUnreachable(
                f"{where} gave no answer within {endpoint.seconds:g} seconds: raise TACIT_LLM_SECONDS, or {check}."
            )
        )
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            why = getattr(cause, "verify_message", "") or (cause.reason or "").replace("_", " ").lower()
            return Failure(LlmUnreachable(f"{where} allows no secure connection ({made_plain(str(why))}): {check}."))
        if isinstance(cause, socket.gaierror):
            return Failure(LlmUnreachable(f"Nobody knows the host of {_url(endpoint)}: {check}."))
        if isinstance(cause, ConnectionRefusedError):
            return Failure(LlmUnreachable(f"Nothing listens at {_url(endpoint)}: start it, or {check}."))
    return Failure(LlmUnreachable(f"{where} broke the connection off: {check}, and look into its log."), again=True)


def _of_status(error: openai.APIStatusError, endpoint: Endpoint) -> Failure:
    """Return the failure for an answer with an error's status: the first reading that knows what it means."""
    words = _words(error.body, endpoint)
    for reading in (_of_parameter, _of_tools, _of_model, _of_key, _of_address, _of_quota, _of_load):
        failure = reading(error, endpoint, words)
        if failure is not None:
            return failure
    said = words or "it does not say why"
    return Failure(LlmBroken(f"{_at(endpoint)} refused the request with status {error.status_code}: {said}"))


def _of_parameter(error: openai.APIStatusError, endpoint: Endpoint, words: str) -> Failure | None:
    if error.status_code not in (400, 422):
        return None
    for name, (setting, pattern) in _PARAMETERS.items():
        given = getattr(endpoint, name)
        if error.param != name and (given is None or not pattern.search(words.lower())):
            continue
        mend = f"unset {setting}, or give it a value that the model takes" if given is not None else f"set {setting}"
        return Failure(
            LlmBroken(f"The model {endpoint.model} refuses what is set for {name}: {mend} (it says: {words}).")
        )
    return None


def _of_tools(error: openai.APIStatusError, endpoint: Endpoint, words: str) -> Failure | None:
    if not _NO_TOOLS.search(words.lower()) and error.param != "tools":
        return None
    mend = "start its server with what the message names" if "--" in words else "name one that does"
    setting = endpoint.model_setting
    return Failure(LlmWithoutTools(f"{setting} names {endpoint.model}, which does not call tools: {mend} ({words})."))


def _of_model(error: openai.APIStatusError, endpoint: Endpoint, words: str) -> Failure | None:
    known = error.code in ("model_not_found", "DeploymentNotFound")
    known |= error.status_code == 404 and endpoint.model.lower() in words.lower()
    if not known and not (error.status_code in (400, 404) and _NO_MODEL.search(words.lower())):
        return None
    what = "deployment" if endpoint.kind == "azure" else "model"
    setting = endpoint.model_setting
    return Failure(
        LlmModelUnknown(f"{_at(endpoint)} has no {what} {endpoint.model}: mend {setting} (it says: {words}).")
    )


def _of_key(error: openai.APIStatusError, endpoint: Endpoint, words: str) -> Failure | None:
    if error.status_code not in (401, 403):
        return None
    setting = SETTINGS[endpoint.kind].key
    if not endpoint.api_key:
        return Failure(LlmKeyRefused(f"{_at(endpoint)} wants a key: set {setting}."))
    said = f" (it says: {words})" if words else ""
    return Failure(
        LlmKeyRefused(f"{_at(endpoint)} refused the key with status {error.status_code}: mend {setting}{said}.")
    )


def _of_address(error: openai.APIStatusError, endpoint: Endpoint, words: str) -> Failure | None:
    status, where, setting = error.status_code, _at(endpoint), SETTINGS[endpoint.kind].address
    if 300 <= status < 400:
        location = _plain(error.response.headers.get("location", "elsewhere"), endpoint)
        return Failure(LlmUnreachable(f"{where} sends on to {location}: set {setting} to where the API itself is."))
    if endpoint.kind == "azure" and status == 400 and "api version" in words.lower().replace("-", " "):
        return Failure(LlmUnreachable(f"{where} does not know the version in TACIT_AZURE_API_VERSION ({words})."))
    if status not in (404, 405):
        return None
    if endpoint.kind == "azure":
        mend = f"{setting} has to be the resource's own address, and TACIT_AZURE_API_VERSION one that it knows"
    elif not _url(endpoint).rstrip("/").endswith("/v1"):
        mend = f"{setting} lacks the /v1 that it most often ends in"
    else:
        mend = f"{setting} names another server, or another path of it"
    return Failure(LlmUnreachable(f"{where} has no chat completions (status {status}): {mend}."))


def _of_quota(error: openai.APIStatusError, endpoint: Endpoint, words: str) -> Failure | None:
    if error.status_code != 402 and error.code not in _NO_QUOTA and error.type not in _NO_QUOTA:
        return None
    setting = SETTINGS[endpoint.kind].key
    said = f" (it says: {words})" if words else ""
    return Failure(LlmOverloaded(f"The account of {setting} has no quota left, which waiting does not mend{said}."))


def _of_load(error: openai.APIStatusError, endpoint: Endpoint, words: str) -> Failure | None:
    status = error.status_code
    if status not in _PASSING and status < 500:
        return None
    said = f" (it says: {words})" if words else ""
    overloaded = LlmOverloaded(
        f"{_at(endpoint)} goes on answering with status {status}: try later, or raise TACIT_LLM_RETRIES{said}.",
        details={"status": status},
    )
    headers = error.response.headers
    return Failure(overloaded, again=headers.get("x-should-retry") != "false", wait=wait_asked_for(headers))


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__ or error.__context__
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _error_in(body: bytes) -> Any:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", answer).get("error") if isinstance(answer, dict) else None


def _words(body: object, endpoint: Endpoint) -> str:
    """Return what the endpoint says in an error's body, "" where that is nothing for people, such as a web page."""
    if isinstance(body, dict):
        told = cast("dict[str, Any]", body)
        body = next((told[name] for name in ("message", "detail", "error") if isinstance(told.get(name), str)), "")
    if not isinstance(body, str) or body.lstrip().startswith("<"):
        return ""
    return _plain(body, endpoint)


def _plain(text: str, endpoint: Endpoint) -> str:
    clear = one_line(cast("str", redacted(text, [endpoint.api_key]))).rstrip(".")
    return clear if len(clear) <= _QUOTED else f"{clear[:_QUOTED]}…"


def _url(endpoint: Endpoint) -> str:
    return (endpoint.base_url or OPENAI_URL).strip()


def _at(endpoint: Endpoint) -> str:
    return f"The language model's endpoint {_url(endpoint)}"


def _check(endpoint: Endpoint) -> str:
    return f"check {SETTINGS[endpoint.kind].address}"
