"""A language model for tests: a real HTTP server of OpenAI's chat completions, and Azure's, that a script plays.

An author is a function from `ChatRequest` to `Says`. Every request is checked against the API's own types and rules;
one that breaks them is kept in `violations` and refused, as the API would.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from api_rules import violations_of

API_KEY = "sk-scripted-0123456789abcdefghij"
MODEL = "scripted"

STEPS = {
    "submit_specification": "specification",
    "submit_tests": "tests",
    "write_file": "implementation",
    "decide_revision": "revision",
    "submit_diagnosis": "diagnosis",
    "run_capability": "agent",
}
"""The tool whose presence tells a step, and the step."""

_PATH = re.compile(r"^(?:/v1|/openai/deployments/(?P<deployment>[^/]+))/chat/completions$")


@dataclass(frozen=True)
class ChatRequest:
    """What the model is asked: the messages, the names of the tools, and the step that these tell."""

    messages: list[dict[str, Any]]
    tools: tuple[str, ...]
    step: str

    @property
    def results(self) -> list[str]:
        """The contents of the tool messages since the model's last message, oldest first."""
        found: list[str] = []
        for message in reversed(self.messages):
            if message["role"] != "tool":
                break
            found.insert(0, message["content"])
        return found

    @property
    def turn(self) -> int:
        """How often the model has spoken in this context already."""
        return sum(message["role"] == "assistant" for message in self.messages)


@dataclass(frozen=True)
class Says:
    """What the server answers: a message, or a status with a body, or nothing at all."""

    message: dict[str, Any] = field(default_factory=dict)
    finish: str = "stop"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    hangs: bool = False


Author = Callable[[ChatRequest], Says]


def say(text: str) -> Says:
    """Answer with text alone."""
    return Says({"role": "assistant", "content": text})


def call(tool: str, /, **arguments: Any) -> Says:
    """Answer with one tool call."""
    return malformed_call(tool, json.dumps(arguments))


def calls(*each: Says) -> Says:
    """Answer with several tool calls at once."""
    merged = [one for said in each for one in said.message["tool_calls"]]
    return replace(each[0], message={**each[0].message, "tool_calls": merged})


def malformed_call(tool: str, text: str) -> Says:
    """Answer with one tool call whose arguments are `text`, JSON or not."""
    function = {"name": tool, "arguments": text}
    message = {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": function}]}
    return Says(message, "tool_calls")


def status(code: int, *, retry_after: float | str | None = None, body: object = None) -> Says:
    """Answer with an HTTP status; `body` is JSON, or bytes as they are, and OpenAI's form of an error by default."""
    shown = {"error": {"message": f"scripted status {code}", "type": "scripted", "param": None, "code": None}}
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    data = body if isinstance(body, bytes) else json.dumps(shown if body is None else body).encode()
    return Says(status=code, headers=headers, body=data)


def hang() -> Says:
    """Answer nothing until the server closes."""
    return Says(hangs=True)


def raw(body: bytes | str, *, content_type: str = "application/json") -> Says:
    """Answer 200 with these bytes."""
    data = body.encode() if isinstance(body, str) else body
    return Says(body=data, headers={"Content-Type": content_type})


class ScriptedLlm:
    """Runs the server while entered; `requests`, `paths` and `headers` are what it was asked, in order.

    With `counts` false its answers carry no usage, as some servers' do. `asked` is set at every request. What an author
    raises is answered with status 500, and raised again at the end.
    """

    def __init__(self, author: Author, *, counts: bool = True) -> None:
        self.author = author
        self.counts = counts
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.violations: list[str] = []
        self.mistakes: list[Exception] = []
        self.asked = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.llm = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def address(self) -> str:
        """Where the server listens, which is the form of Azure's endpoint."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def base_url(self) -> str:
        """Where the API is, which is the form of OpenAI's base URL."""
        return f"{self.address}/v1"

    def settings(self) -> dict[str, Any]:
        """Return settings that name this server, for `Settings.load`."""
        return {"llm": "openai", "llm_model": MODEL, "openai_base_url": self.base_url, "openai_api_key": API_KEY}

    def azure_settings(self) -> dict[str, Any]:
        """Return settings that name this server as Azure's."""
        return {
            "llm": "azure",
            "azure_chat_deployment": MODEL,
            "azure_endpoint": self.address,
            "azure_api_key": API_KEY,
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self.mistakes and raised[0] is None:
            raise self.mistakes[0]

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Says:
        """Return what one request gets; keeps what it asked."""
        with self._lock:
            self.paths.append(path)
            self.headers.append(headers)
            refusal = _refusal_of_address(path, headers)
            if refusal:
                return refusal
            request = json.loads(body)
            self.requests.append(request)
            self.asked.set()
            broken = violations_of(request)
            if broken:
                self.violations.extend(broken)
                return status(400, body=_error("; ".join(broken), "invalid_request_error"))
            if request["model"] != MODEL:
                return status(404, body=_error(f"The model `{request['model']}` does not exist", "model_not_found"))
            try:
                return self.author(_chat_request(request))
            except Exception as error:
                self.mistakes.append(error)
                return replace(status(500), headers={"x-should-retry": "false"})

    def wait_for_close(self) -> None:
        """Block until the server closes."""
        self._closing.wait()

    def number(self) -> int:
        """Return how many requests there were."""
        return len(self.requests)


class _Server(ThreadingHTTPServer):
    llm: ScriptedLlm
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        llm = self.server.llm
        body = self.rfile.read(int(self.headers["Content-Length"]))
        says = llm.answer(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        if says.hangs:
            llm.wait_for_close()
            self.close_connection = True
            return
        with _gone_clients():
            self._send(says, _completion(says, llm, len(body)) if says.body is None else says.body)

    def _send(self, says: Says, body: bytes) -> None:
        self.send_response(says.status)
        for name, value in ({"Content-Type": "application/json"} | says.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def _gone_clients() -> Iterator[None]:
    """Let a client that was killed or gave up go."""
    try:
        yield
    except (BrokenPipeError, ConnectionResetError):
        return


def _refusal_of_address(path: str, headers: dict[str, str]) -> Says | None:
    plain, _, query = path.partition("?")
    found = _PATH.match(plain)
    azure = found is not None and found["deployment"] is not None
    if found is None or (azure and "api-version=" not in query):
        return status(404, body={"error": {"code": "404", "message": "Resource not found"}})
    key = headers.get("api-key") if azure else headers.get("authorization", "").removeprefix("Bearer ")
    if key != API_KEY:
        return status(401, body=_error(f"Incorrect API key provided: {key}.", "invalid_api_key"))
    if azure and found["deployment"] != MODEL:
        message = "The API deployment for this resource does not exist."
        return status(404, body={"error": {"code": "DeploymentNotFound", "message": message}})
    return None


def _error(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


def _chat_request(request: dict[str, Any]) -> ChatRequest:
    names = tuple(tool["function"]["name"] for tool in request.get("tools", ()))
    step = next((step for tool, step in STEPS.items() if tool in names), "")
    return ChatRequest(request["messages"], names, step)


def _completion(says: Says, llm: ScriptedLlm, asked: int) -> bytes:
    number = llm.number()
    message = dict(says.message)
    if "tool_calls" in message:
        message["tool_calls"] = [
            {"id": f"call_{number}_{place}", **one} for place, one in enumerate(message["tool_calls"])
        ]
    completion: dict[str, Any] = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL,
        "choices": [{"index": 0, "finish_reason": says.finish, "logprobs": None, "message": message}],
    }
    if llm.counts:
        spoken = len(json.dumps(message)) // 4 + 1
        completion["usage"] = {
            "prompt_tokens": asked // 4,
            "completion_tokens": spoken,
            "total_tokens": asked // 4 + spoken,
        }
    return json.dumps(completion).encode()
