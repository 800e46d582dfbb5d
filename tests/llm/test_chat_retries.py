"""When a model is asked again, how often, and how long it is waited for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest
from authors import after
from scripted_llm import Says, ScriptedLlm, say, status

from tacit.errors import LlmError, LlmOverloaded, LlmUnreachable
from tacit.llm import ChatModel, Endpoint
from tacit.llm.waiting import FIRST_SECONDS, LONGEST_SECONDS, wait_asked_for, wait_before

Connect = Callable[..., tuple[ScriptedLlm, ChatModel]]

HELLO = [{"role": "user", "content": "hello"}]


def failure(model: ChatModel) -> LlmError:
    """Return the error that asking ends with."""
    with pytest.raises(LlmError) as raised:
        model.complete(HELLO)
    return raised.value


@pytest.mark.parametrize("code", [408, 409, 429, 500, 502, 503, 529])
def test_what_passes_is_asked_again(connect: Connect, code: int) -> None:
    """An endpoint that is overloaded for a moment answers in the end; the answer counts as one call."""
    llm, model = connect(after([status(code, retry_after=0.01)] * 2, lambda request: say("hi")))
    reply = model.complete(HELLO)
    assert (reply.text, reply.usage.llm_calls, len(llm.requests)) == ("hi", 1, 3)


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_retries_are_counted(connect: Connect, retries: int) -> None:
    """It is asked once and then as often as the setting says, and the error tells how often."""
    llm, model = connect(status(429, retry_after=0.01), retries=retries)
    raised = failure(model)
    assert (type(raised), "TACIT_LLM_RETRIES" in str(raised)) == (LlmOverloaded, True)
    assert raised.details == {"status": 429, "tries": retries + 1}
    assert len(llm.requests) == retries + 1


@pytest.mark.parametrize(
    "retry_after", [600, "inf", formatdate(4_000_000_000, usegmt=True)], ids=["seconds", "inf", "date"]
)
def test_who_asks_for_too_long_is_not_waited_for(connect: Connect, retry_after: float | str) -> None:
    """A wait beyond two minutes ends the request at once, and says what was asked for."""
    llm, model = connect(status(429, retry_after=retry_after))
    raised = failure(model)
    assert (type(raised), "asks to wait" in str(raised)) == (LlmOverloaded, True)
    assert len(llm.requests) == 1


def test_an_endpoint_may_forbid_retries(connect: Connect) -> None:
    """What says not to try again is not asked again."""
    llm, model = connect(Says(status=503, headers={"x-should-retry": "false"}, body=b"{}"))
    assert type(failure(model)) is LlmOverloaded
    assert len(llm.requests) == 1


def test_a_lost_connection_is_tried_again() -> None:
    """A server that breaks off without an answer is asked again, and then said to do so."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = 0

        def hang_up() -> None:
            nonlocal taken
            while taken < 2:
                connection, _ = server.accept()
                connection.recv(1)
                connection.close()
                taken += 1

        thread = threading.Thread(target=hang_up)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        model = ChatModel(Endpoint(kind="openai", base_url=url, api_key="k", model="m", retries=1, seconds=20))
        raised = failure(model)
        thread.join()
        model.close()
    assert (type(raised), "broke the connection off" in str(raised)) == (LlmUnreachable, True)
    assert (taken, raised.details) == (2, {"tries": 2})


def test_closing_ends_a_wait(connect: Connect) -> None:
    """Who waits to ask again is told that it is over as soon as the model is closed."""
    llm, model = connect(status(503, retry_after=100))
    with ThreadPoolExecutor(1) as threads:
        asking = threads.submit(failure, model)
        assert llm.asked.wait(20)
        model.close()
        assert type(asking.result(20)) is LlmUnreachable
    assert len(llm.requests) == 1


def test_a_closed_model_is_an_error(connect: Connect) -> None:
    """Asking after the end is an error like any other of a model."""
    llm, model = connect(say("hi"))
    model.close()
    assert type(failure(model)) is LlmUnreachable
    assert llm.requests == []


def test_waits_double_up_to_a_bound() -> None:
    """Each wait is about twice the one before, never over the longest, and as asked for where one is."""
    for tries in range(1, 40):
        full = min(FIRST_SECONDS * 2 ** (tries - 1), LONGEST_SECONDS)
        assert full * 0.75 <= wait_before(tries, None) <= full
    assert wait_before(5, 0.25) == 0.25


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 0.0),
        ({"retry-after": "Thu, 99 Jan 99999 00:00:10 GMT"}, None),
    ],
    ids=repr,
)
def test_what_an_endpoint_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds and dates are read; what is none of them is as if it were not there."""
    assert wait_asked_for(headers) == seconds
