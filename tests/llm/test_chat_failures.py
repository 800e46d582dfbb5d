"""What goes wrong with an endpoint, each as one error that names the setting to mend and repeats no key."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from scripted_llm import API_KEY, MODEL, Says, ScriptedLlm, hang, say, status

from tacit.errors import (
    LlmBroken,
    LlmError,
    LlmKeyRefused,
    LlmModelUnknown,
    LlmOverloaded,
    LlmUnreachable,
    LlmWithoutTools,
)
from tacit.llm import ChatModel, Endpoint

Connect = Callable[..., tuple[ScriptedLlm, ChatModel]]

HELLO = [{"role": "user", "content": "hello"}]
TOOL = {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}


def failure(model: ChatModel) -> LlmError:
    """Return the error that asking ends with."""
    with pytest.raises(LlmError) as raised:
        model.complete(HELLO, [TOOL])
    return raised.value


def failure_at(base_url: str, **changes: Any) -> LlmError:
    """Return the error that asking, or opening, an endpoint at that address ends with."""
    endpoint = {"kind": "openai", "base_url": base_url, "api_key": API_KEY, "model": MODEL, "seconds": 20}

    def ask() -> None:
        with closing(ChatModel(Endpoint.model_validate(endpoint | changes))) as model:
            model.complete(HELLO)

    with pytest.raises(LlmError) as raised:
        ask()
    return raised.value


def error(message: str, code: object = None, param: str | None = None) -> dict[str, Any]:
    """Return OpenAI's form of an error."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


TEMPERATURE = (
    "Unsupported value: 'temperature' does not support 0.1 with this model. Only the default (1) is supported."
)
EFFORT = "Function tools with reasoning_effort are not supported for this model in /v1/chat/completions."
PARSER = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'

CASES: dict[str, tuple[int, object, dict[str, Any], type[LlmError], str]] = {
    "OpenAI's 401": (401, error("Incorrect API key provided", "invalid_api_key"), {}, LlmKeyRefused, "OPENAI_API_KEY"),
    "a plain 403": (403, b"forbidden", {}, LlmKeyRefused, "TACIT_OPENAI_API_KEY"),
    "a 401 as a page": (401, b"<html>log in</html>", {}, LlmKeyRefused, "TACIT_OPENAI_API_KEY"),
    "OpenAI's model": (404, error("The model `x` does not exist", "model_not_found"), {}, LlmModelUnknown, "LLM_MODEL"),
    "no access to a model": (403, error("No access to model", "model_not_found"), {}, LlmModelUnknown, "LLM_MODEL"),
    "vLLM's model": (
        404,
        {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404},
        {},
        LlmModelUnknown,
        "TACIT_LLM_MODEL",
    ),
    "a 404 that names the model": (404, error("scripted: no such thing here"), {}, LlmModelUnknown, "TACIT_LLM_MODEL"),
    "Ollama's model": (404, error('model "x" not found, try pulling it first'), {}, LlmModelUnknown, "TACIT_LLM_MODEL"),
    "Gemini's model": (404, error("models/x is not found for API version v1"), {}, LlmModelUnknown, "TACIT_LLM_MODEL"),
    "Anthropic's model": (
        404,
        {"type": "error", "error": {"type": "not_found_error", "message": "model: x"}},
        {},
        LlmModelUnknown,
        "TACIT_LLM_MODEL",
    ),
    "Ollama without tools": (400, error("registry/x does not support tools"), {}, LlmWithoutTools, "TACIT_LLM_MODEL"),
    "vLLM without tools": (
        400,
        {"object": "error", "message": PARSER, "type": "BadRequestError", "param": None, "code": 400},
        {},
        LlmWithoutTools,
        "--enable-auto-tool-choice",
    ),
    "llama.cpp without tools": (500, error("tools param requires --jinja flag"), {}, LlmWithoutTools, "--jinja"),
    "a refused temperature": (
        400,
        error(TEMPERATURE, "unsupported_value", "temperature"),
        {"temperature": 0.1},
        LlmBroken,
        "unset TACIT_LLM_TEMPERATURE",
    ),
    "a refused effort": (
        400,
        error("Unsupported parameter: 'reasoning_effort'", "unsupported_parameter", "reasoning_effort"),
        {"reasoning_effort": "low"},
        LlmBroken,
        "unset TACIT_LLM_REASONING_EFFORT",
    ),
    "an effort of Ollama's": (
        400,
        error('"x" does not support thinking'),
        {"reasoning_effort": "low"},
        LlmBroken,
        "TACIT_LLM_REASONING_EFFORT",
    ),
    "an effort that has to be set": (
        400,
        error(EFFORT, None, "reasoning_effort"),
        {},
        LlmBroken,
        "set TACIT_LLM_REASONING_EFFORT",
    ),
    "no quota": (429, error("You exceeded your quota", "insufficient_quota"), {}, LlmOverloaded, "no quota left"),
    "no balance": (402, error("Insufficient Balance"), {}, LlmOverloaded, "TACIT_OPENAI_API_KEY"),
    "another 400": (400, error("context_length_exceeded: 9000 tokens"), {}, LlmBroken, "9000 tokens"),
    "a 400 of FastAPI": (422, {"detail": "messages: field required"}, {}, LlmBroken, "field required"),
    "a 400 without words": (400, b"", {}, LlmBroken, "does not say why"),
    "a 413": (413, b"<html>too large</html>", {}, LlmBroken, "413"),
    "Ollama's 404 without /v1": (404, b"404 page not found", {}, LlmUnreachable, "TACIT_OPENAI_BASE_URL"),
    "vLLM's 404 without /v1": (404, {"detail": "Not Found"}, {}, LlmUnreachable, "TACIT_OPENAI_BASE_URL"),
    "a 405": (405, {"detail": "Method Not Allowed"}, {}, LlmUnreachable, "TACIT_OPENAI_BASE_URL"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_refusal_names_its_setting(
    connect: Connect, case: tuple[int, object, dict[str, Any], type[LlmError], str]
) -> None:
    """What an endpoint says with a status is one error in one sentence, at once: none of these is worth a retry."""
    code, body, changes, kind, named = case
    llm, model = connect(status(code, body=body), **changes)
    raised = failure(model)
    assert type(raised) is kind
    assert named in str(raised)
    assert "\n" not in str(raised)
    assert len(llm.requests) == 1


def test_a_real_wrong_key_and_model_are_told_apart(connect: Connect) -> None:
    """A server that checks keys and models refuses each as what it is."""
    _, model = connect(say("hi"), api_key="sk-wrong-wrong-0001")
    assert type(failure(model)) is LlmKeyRefused
    _, model = connect(say("hi"), model="no-such-model")
    assert type(failure(model)) is LlmModelUnknown


def test_azures_settings_are_named(connect: Connect) -> None:
    """Azure's key, deployment and endpoint have settings of their own."""
    _, model = connect(say("hi"), azure=True, api_key="wrong-key-0001")
    assert "TACIT_AZURE_API_KEY" in str(failure(model))
    _, model = connect(say("hi"), azure=True, model="no-such-deployment")
    unknown = failure(model)
    assert (type(unknown), "TACIT_AZURE_CHAT_DEPLOYMENT" in str(unknown)) == (LlmModelUnknown, True)
    llm, _ = connect(say("hi"), azure=True)
    _, model = connect(say("hi"), azure=True, base_url=f"{llm.address}/openai/v1")
    elsewhere = failure(model)
    assert (type(elsewhere), "TACIT_AZURE_ENDPOINT" in str(elsewhere)) == (LlmUnreachable, True)


def test_an_api_version_that_azure_does_not_know(connect: Connect) -> None:
    """A version that Azure refuses is named by its setting."""
    _, model = connect(status(400, body=error("API version not supported", "BadRequest")), azure=True)
    assert "TACIT_AZURE_API_VERSION" in str(failure(model))


def test_an_address_without_v1_says_so(connect: Connect) -> None:
    """The address of a server, without the path of its API, is told what it lacks."""
    llm, _ = connect(say("hi"))
    raised = failure_at(llm.address)
    assert (type(raised), "lacks the /v1" in str(raised)) == (LlmUnreachable, True)


@pytest.mark.parametrize(
    "base_url",
    [
        *("localhost:8000/v1", "ftp://host/v1", "http://", "http://[::1/v1", "http://h:x/v1", "http://h:99999/v1"),
        *("a b", "http://..", "http://a..b/v1", f"http://{'a' * 70}.com/v1", "http://\u2024.com", "http://h\n/v1"),
    ],
)
def test_what_is_no_address_is_named(base_url: str) -> None:
    """A base URL that is none is refused by its setting, before anything is asked."""
    raised = failure_at(base_url)
    assert (type(raised), "TACIT_OPENAI_BASE_URL is no address" in str(raised)) == (LlmUnreachable, True)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    """Addresses are shown in messages, so a password in one is refused."""
    raised = failure_at("http://me:secret-word@127.0.0.1:9/v1")
    assert "TACIT_OPENAI_API_KEY" in str(raised)
    assert "secret-word" not in str(raised)


def test_nothing_listens_there() -> None:
    """A refused connection says that nothing listens, and is not tried again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    raised = failure_at(f"http://127.0.0.1:{port}/v1")
    assert type(raised) is LlmUnreachable
    assert f"Nothing listens at http://127.0.0.1:{port}/v1" in str(raised)
    assert raised.details == {"tries": 1}


def test_a_host_that_nobody_knows() -> None:
    """A name that does not resolve is said to be unknown."""
    raised = failure_at("http://no-such-host.invalid/v1")
    assert (type(raised), "TACIT_OPENAI_BASE_URL" in str(raised)) == (LlmUnreachable, True)
    assert "Nobody knows the host" in str(raised)


def test_tls_where_there_is_none(connect: Connect) -> None:
    """https:// to a server that speaks plain HTTP is an error about the connection's security."""
    llm, _ = connect(say("hi"))
    raised = failure_at(llm.base_url.replace("http:", "https:"))
    assert (type(raised), "no secure connection" in str(raised)) == (LlmUnreachable, True)


@contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Answer one connection after another with the function, and give the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                connection, _ = server.accept()
                with connection:
                    try:
                        answer(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            socket.create_connection(server.getsockname()).close()
            thread.join()


def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    """A self-signed certificate is refused, in the words of the check."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "certificate.pem"
    path.write_bytes(key.private_bytes(*plain) + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with serving(lambda connection: context.wrap_socket(connection, server_side=True).close()) as port:
        raised = failure_at(f"https://localhost:{port}/v1")
    assert (type(raised), "self-signed certificate" in str(raised)) == (LlmUnreachable, True)


def test_no_answer_in_time(connect: Connect) -> None:
    """A server that hangs is given up after the setting's seconds, and not asked again for as long."""
    llm, model = connect(hang(), seconds=0.3)
    raised = failure(model)
    assert (type(raised), "TACIT_LLM_SECONDS" in str(raised)) == (LlmUnreachable, True)
    assert len(llm.requests) == 1


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\n", b"X-Drip: 1\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["body", "body without length", "headers", "continue"],
)
def test_an_answer_that_drips_is_given_up(start: bytes, piece: bytes) -> None:
    """A server that sends something now and then, whatever it is, does not hold a model for ever."""
    gone = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(start)
        for _ in range(500):
            if gone.wait(0.02):
                break
            connection.sendall(piece)

    with serving(drip) as port:
        raised = failure_at(f"http://127.0.0.1:{port}/v1", seconds=0.5)
        gone.set()
    assert (type(raised), "TACIT_LLM_SECONDS" in str(raised)) == (LlmUnreachable, True)


def test_an_answer_without_end_is_given_up() -> None:
    """More than any model says is not read."""

    def flood(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while True:
            connection.sendall(b" " * 1_000_000)

    with serving(flood) as port:
        raised = failure_at(f"http://127.0.0.1:{port}/v1")
    assert (type(raised), "32 MB" in str(raised)) == (LlmBroken, True)


def test_no_redirect_is_followed(connect: Connect) -> None:
    """A server that sends on elsewhere is named with where to; no prompt and no key goes there."""
    elsewhere, _ = connect(say("hi"))
    headers = {"Location": f"{elsewhere.base_url}/chat/completions"}
    _, model = connect(Says(status=307, headers=headers, body=b""))
    raised = failure(model)
    assert (type(raised), elsewhere.base_url in str(raised)) == (LlmUnreachable, True)
    assert elsewhere.requests == []


@pytest.mark.parametrize("code", [200, 302, 400, 401, 403, 404, 418, 429, 500])
def test_no_key_gets_out(connect: Connect, caplog: pytest.LogCaptureFixture, code: int) -> None:
    """An endpoint that repeats the key in what it says finds it in no message, detail, traceback or log."""
    caplog.set_level(logging.DEBUG)
    other = "sk-proj-of-somebody-else-0002"
    body = error(f"Bad key {API_KEY}, Bearer {API_KEY}, api_key={API_KEY}, or {other}")
    headers = {"Location": f"http://elsewhere/?key={API_KEY}"}
    _, model = connect(Says(status=code, headers=headers, body=status(code, body=body).body), retries=0)
    raised = failure(model)
    shown = "".join(traceback.format_exception(raised, chain=True)) + str(raised.details) + caplog.text
    assert API_KEY not in shown
    assert other not in shown
    assert raised.__cause__ is None
    assert raised.__context__ is None


def test_an_endpoints_words_are_plain_and_short(connect: Connect) -> None:
    """What an endpoint says may steer no terminal and fill no screen."""
    _, model = connect(status(400, body=error("\x1b[2Jwords\n\u202e" + "long " * 1000)))
    shown = str(failure(model))
    assert len(shown) < 500
    assert all(character.isprintable() for character in shown)
