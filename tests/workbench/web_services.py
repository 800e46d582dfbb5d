"""Web services for authors, as real HTTP servers on loopback: pages, and searches like SearXNG's and Brave's."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "BSA-the-operators-key"
RESULTS = [
    ("Leap years", "https://a.test/leap", "Every <strong>fourth</strong> year"),
    ("Other", "https://b.test/", ""),
]


@dataclass(frozen=True)
class Asked:
    """A request as it came: its path, its parameters and its headers."""

    path: str
    parameters: dict[str, str]
    headers: dict[str, str]


Answer = tuple[int, bytes, dict[str, str]]


@dataclass
class Services:
    """A running server: `answer` may be replaced; `seen` has what was asked."""

    port: int
    answer: Callable[[Asked], Answer]
    seen: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self.port}"


def searxng(asked: Asked) -> Answer:
    """Answer as SearXNG does: a search in JSON where that is asked for, its page otherwise."""
    if asked.path != "/search" or not asked.parameters.get("q"):
        return 400, b"No query", {}
    if asked.parameters.get("format") != "json":
        return 200, b"<!DOCTYPE html><html>results</html>", {}
    rows = [{"title": title, "url": url, "content": text, "engine": "x", "score": 1.0} for title, url, text in RESULTS]
    return as_json({"query": asked.parameters["q"], "number_of_results": 0, "results": rows, "answers": []})


def brave(asked: Asked) -> Answer:
    """Answer as Brave's API does: 422 without a key, 401 for a wrong one."""
    token = asked.headers.get("x-subscription-token")
    if token != KEY:
        status = 401 if token else 422
        return status, json.dumps({"type": "ErrorResponse", "error": {"detail": f"no: {token}"}}).encode(), {}
    rows = [{"title": title, "url": url, "description": text, "age": "1"} for title, url, text in RESULTS]
    return as_json({"type": "search", "query": {}, "web": {"type": "search", "results": rows}})


def as_json(value: Any) -> Answer:
    """Return a good answer with the value."""
    return 200, json.dumps(value).encode(), {"Content-Type": "application/json"}


def answers(status: int, body: bytes, **headers: str) -> Callable[[Asked], Answer]:
    """Return what always answers this."""
    return lambda _: (status, body, headers)


@contextmanager
def serve(answer: Callable[[Asked], Answer]) -> Iterator[Services]:
    """Run a server that answers so."""
    made = Services(0, answer)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            parameters = {name: values[0] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.seen.append(Asked(parts.path, parameters, headers))
            status, body, sent = made.answer(made.seen[-1])
            try:
                self.send_response(status)
                for name, value in {**sent, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
