"""Embeddings by a service: the real client against a real server that speaks the embeddings API."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from search_samples import CARDS

from tacit.config import Settings
from tacit.errors import EmbedderMissing
from tacit.models import Card
from tacit.search import Embedder, MemoryVectors, SearchIndex, open_embedder

Answer = Callable[[list[str]], tuple[int, object]]
Open = Callable[[Settings], Embedder]


def vectors_of(texts: list[str]) -> list[list[float]]:
    """Return letter counts as vectors, not of unit length."""
    return [[1.0 + text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]


def answer_with(vectors: list[list[float]]) -> tuple[int, object]:
    """Return a whole answer, in reverse order as the API allows, each vector in base64 as the client asks for."""
    items = [
        {"object": "embedding", "index": place, "embedding": base64.b64encode(np.float32(vector).tobytes()).decode()}
        for place, vector in enumerate(vectors)
    ]
    return 200, {"object": "list", "model": "m", "data": items[::-1], "usage": {"prompt_tokens": 1, "total_tokens": 1}}


@dataclass
class Service:
    """What the server answers, and what it was asked."""

    url: str = ""
    answer: Answer = field(default=lambda texts: answer_with(vectors_of(texts)))
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def service() -> Iterator[Service]:
    """Run a server of the embeddings API on a free port."""
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service.requests.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
            status, answer = service.answer(body["input"])
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("retry-after-ms", "1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield service
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def settings(service: Service) -> Settings:
    """Return settings that name the server as OpenAI's."""
    return Settings(embedder="openai", openai_api_key="sk-test", openai_base_url=f"{service.url}/v1")  # type: ignore[arg-type]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Return a function that opens the embedder of settings, closed after the test."""
    with ExitStack() as stack:

        def open_and_keep(settings: Settings) -> Embedder:
            embedder = open_embedder(settings)
            assert embedder is not None
            stack.callback(embedder.close)
            return embedder

        yield open_and_keep


def index_of(settings: Settings) -> SearchIndex:
    """Return an index of the sample cards by the service, as far as it answers."""
    index = SearchIndex(open_embedder(settings), MemoryVectors())
    index.sync(CARDS)
    index.embed_missing()
    return index


def test_openai_is_asked_with_key_and_model(settings: Settings, service: Service, opened: Open) -> None:
    """The client asks /embeddings with the key and the model of the settings."""
    embedder = opened(settings)
    assert embedder.dimensions == 0
    vectors = embedder.documents(["abc", "zz"])
    path, headers, body = service.requests[0]
    assert path == "/v1/embeddings"
    assert headers["authorization"] == "Bearer sk-test"
    assert body["model"] == "text-embedding-3-small"
    assert embedder.dimensions == 26
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert int(vectors[1].argmax()) == 25


def test_azure_is_asked_for_its_deployment(service: Service, opened: Open) -> None:
    """Azure's client asks the deployment's address with its version and key."""
    settings = Settings(
        embedder="azure",
        azure_endpoint=service.url,
        azure_api_key="azure-key",  # type: ignore[arg-type]
        azure_embed_deployment="mine",
    )
    embedder = opened(settings)
    embedder.query("abc")
    path, headers, _ = service.requests[0]
    assert path == "/openai/deployments/mine/embeddings?api-version=2024-12-01-preview"
    assert headers["api-key"] == "azure-key"


def test_cards_are_found_by_the_services_vectors(settings: Settings, service: Service) -> None:
    """An index by the service embeds the cards in batches and finds by meaning and words."""
    index = index_of(settings)
    assert [len(body["input"]) for _, _, body in service.requests] == [32, len(CARDS) - 32]
    best = index.search("sort customers.csv by surname", 1)[0]
    assert best.id == "csv_sort_rows"
    assert best.similarity > 0.9
    assert "openai:text-embedding-3-small" in index.status
    index.close()


def test_long_texts_are_cut(settings: Settings, service: Service) -> None:
    """A text longer than the service takes is cut, not refused."""
    index = SearchIndex(open_embedder(settings), MemoryVectors())
    index.sync([Card(id="long", summary="word " * 10_000)])
    assert index.embed_missing() == 0
    assert len(service.requests[0][2]["input"][0]) == 8000
    index.close()


def test_the_client_retries(settings: Settings, service: Service, opened: Open) -> None:
    """A service that is overloaded for a moment is asked again."""
    whole = service.answer
    service.answer = lambda texts: (429, {"error": {}}) if len(service.requests) < 2 else whole(texts)
    embedder = opened(settings)
    assert embedder.documents(["abc"]).shape == (1, 26)
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    "answer",
    [
        (401, {"error": {"message": "bad key sk-test"}}),
        (500, {"error": {}}),
        (200, b"<html>proxy</html>"),
        (200, {"data": []}),
        (200, {"data": "no"}),
        (200, {"object": "list"}),
        answer_with([[1.0, 2.0]]),
        answer_with([[1.0] * 26, [1.0] * 25]),
        answer_with([[float("nan")] * 26] * 2),
        answer_with([[float("inf")] * 26] * 2),
        answer_with([[0.0] * 26] * 2),
        answer_with([[], []]),
    ],
    ids=["401", "500", "html", "empty", "text", "nothing", "too few", "ragged", "nan", "inf", "zero", "no numbers"],
)
def test_a_bad_answer_is_an_error(settings: Settings, service: Service, opened: Open, answer: tuple[int, Any]) -> None:
    """Whatever is wrong with an answer, it is one kind of error, and does not repeat the key."""
    service.answer = lambda texts: answer
    embedder = opened(settings)
    with pytest.raises(EmbedderMissing) as raised:
        embedder.documents(["abc", "def"])
    assert "sk-test" not in str(raised.value)


def test_the_environment_changes_nothing(
    settings: Settings, service: Service, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither proxies nor the library's own variables change where and how a service is asked."""
    for name, value in {
        "HTTP_PROXY": "http://127.0.0.1:9",
        "OPENAI_ORG_ID": "other",
        "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer other",
    }.items():
        monkeypatch.setenv(name, value)
    opened(settings).query("abc")
    headers = service.requests[0][1]
    assert headers["authorization"] == "Bearer sk-test"
    assert "openai-organization" not in headers


def test_an_address_that_is_none(opened: Open) -> None:
    """An address that cannot be one is an error of the embedder, which names the setting."""
    with pytest.raises(EmbedderMissing, match="TACIT_OPENAI_BASE_URL"):
        opened(Settings(embedder="openai", openai_api_key="k", openai_base_url="example.com"))  # type: ignore[arg-type]


def test_another_length_of_vectors_is_refused(settings: Settings, service: Service, opened: Open) -> None:
    """A service whose vectors change their length in mid-course is an error, not a crash of the index."""
    embedder = opened(settings)
    embedder.documents(["abc"])
    service.answer = lambda texts: answer_with([[1.0] * 5 for _ in texts])
    with pytest.raises(EmbedderMissing, match="26"):
        embedder.query("abc")


def test_a_failure_while_searching_leaves_words(settings: Settings, service: Service) -> None:
    """When the service fails for a request, cards are found by words, the status says why, and it is given a rest."""
    index = index_of(settings)
    service.answer = lambda texts: (500, {"error": {}})
    assert index.search("resize a picture", 1)[0].id == "resize_image"
    assert "status 500" in index.status
    asked = len(service.requests)
    assert index.search("merge two PDF documents", 1)[0].id == "merge_pdf"
    assert len(service.requests) == asked
    index.close()


def test_a_service_that_is_not_there(opened: Open) -> None:
    """Where nothing listens, the index is lexical and says so."""
    nowhere = Settings(embedder="openai", openai_api_key="k", openai_base_url="http://127.0.0.1:9/v1")  # type: ignore[arg-type]
    embedder = opened(nowhere)
    with pytest.raises(EmbedderMissing, match="Connection"):
        embedder.query("abc")


@pytest.mark.parametrize(
    ("settings_without", "named"),
    [
        (Settings(embedder="openai"), "TACIT_OPENAI_API_KEY"),
        (Settings(embedder="azure", azure_endpoint="https://example.com"), "TACIT_AZURE_API_KEY"),
        (Settings(embedder="azure"), "TACIT_AZURE_ENDPOINT"),
    ],
)
def test_a_missing_key_is_named(settings_without: Settings, named: str) -> None:
    """A service asked for without its key or endpoint is refused with the setting to make."""
    with pytest.raises(EmbedderMissing, match=named):
        open_embedder(settings_without)


def test_another_model_has_other_vectors(opened: Open) -> None:
    """Model and address are part of the embedder's name, so their vectors are never mixed."""
    names = {
        opened(
            Settings(embedder="openai", openai_api_key="k", openai_base_url=url, openai_embedding_model=model)  # type: ignore[arg-type]
        ).name
        for url in ("http://a.test/v1", "http://b.test/v1")
        for model in ("small", "large")
    }
    assert len(names) == 4
